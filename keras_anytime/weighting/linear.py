"""Linear: weights that grow from the first stage to the last."""

import math
from typing import Any

import keras

from keras_anytime.weighting.static import Static


@keras.saving.register_keras_serializable(package="keras_anytime")
class Linear(Static):
    """Gives weights that grow linearly with the stage.

    `B_k = start + (end - start) * (k - 1) / (K - 1)` for K stages.

    Args:
        start: Float of 0 or more. Weight of the first stage.
        end: Float above 0. Weight of the last stage. A single stage has this
            weight too.
        total: Float above 0. The weights are scaled to this sum. `None` keeps
            them as they are. With `Sum()` only the ratios count.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`. Only its size is used.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Hu et al., 2019, Section 3](https://arxiv.org/abs/1708.06832): LINEAR
        goes from 0.25 to 1, the defaults of `start` and `end`;
        [Hu et al., 2017, Section 4.3, "linear"](
        https://arxiv.org/abs/1708.06832v1), without numbers.
    """

    def __init__(
        self,
        start: float = 0.25,
        end: float = 1.0,
        total: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(total=total, name=name)
        if not (0 <= start < math.inf and 0 < end < math.inf):
            raise ValueError(
                "`start` must be 0 or more, and `end` above 0. "
                f"Received: start={start}, end={end}"
            )
        self.start = start
        self.end = end

    def scheme(self, num_stages: int) -> list[float]:
        # Counted from the last stage, so that a single stage weighs `end`.
        start_shares = [
            stages_after / max(num_stages - 1, 1)
            for stages_after in reversed(range(num_stages))
        ]
        return [
            share * self.start + (1 - share) * self.end
            for share in start_shares
        ]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "start": self.start, "end": self.end}
