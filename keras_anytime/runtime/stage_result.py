"""StageResult: the answer of one stage."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class StageResult:
    """The answer of one stage, or the statement that no stage was ready.

    Args:
        stage: Integer. The stage that answered, counted from 1; 0 if no stage
            was ready in time.
        logits: Array `(batch, classes)`, or `(classes,)` for a single image.
            For a hierarchical network, it is a dict from label sets to such
            arrays. It is `None` if no stage was ready.
        elapsed_ms: Float. Milliseconds from the call to this answer.
    """

    stage: int
    logits: np.ndarray | dict[str, np.ndarray] | None
    elapsed_ms: float

    @property
    def ready(self) -> bool:
        """Whether any stage was ready."""
        return self.stage > 0
