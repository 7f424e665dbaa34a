"""StageResult: the answer of one stage."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class StageResult:
    """The answer of one stage, or the statement that no stage was ready.

    Args:
        stage: Integer. The stage that answered, counted from 1; 0 if no stage
            was ready in time.
        logits: Float array `(batch, classes)`, or `(classes,)` for a single
            example. A regression gives its values instead, `(batch, size)`, and
            a segmentation logits at each position, `(batch, height, width,
            classes)`. With label sets, it is a dict from these to such arrays.
            It is `None` if no stage was ready.
        elapsed_ms: Float. Milliseconds from the call to this answer.
    """

    stage: int
    logits: np.ndarray | dict[str, np.ndarray] | None
    elapsed_ms: float

    @property
    def ready(self) -> bool:
        """Whether any stage was ready."""
        return self.stage > 0
