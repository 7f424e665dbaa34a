"""The base of weightings that depend on the number of stages alone."""

import math
from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.weighting.base import Weighting


class Static(Weighting):
    """Gives weights that depend on the number of stages alone.

    A subclass implements `scheme(num_stages)`.

    The scale of the weights matters to some combiners. `Sum()` takes a weighted
    mean, so only the ratios of the weights count. `Orthogonal()` keeps the
    scale: larger weights make larger updates. There, a scheme of large weights
    needs a smaller learning rate, or a `total` such as the number of stages.

    ```python
    weights = ka.weighting.Linear(total=3)([2.0, 1.0, 0.5])  # [0.4, 1., 1.6]
    ```

    Args:
        total: Float above 0. The weights are scaled to this sum. `None` keeps
            them as they are.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`. Only its size is used.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If `total` is not a finite number above 0.
    """

    def __init__(
        self, total: float | None = None, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        if total is not None and not 0 < total < math.inf:
            raise ValueError(
                "`total` must be a finite number above 0, or None. "
                f"Received: total={total}"
            )
        self.total = total

    def scheme(self, num_stages: int) -> Sequence[float]:
        """Returns the weights before scaling; a pure function.

        Args:
            num_stages: Integer of 1 or more.

        Returns:
            Sequence of `num_stages` floats of 0 or more, not all 0.
        """
        raise TypeError(
            "A static weighting must implement `scheme`. "
            f"Received: {type(self).__name__}"
        )

    def build(self, input_shape: tuple[int, ...]) -> None:
        super().build(input_shape)
        # Compiling the model fails here, before training, if the scheme does
        # not match the number of stages.
        self.scheme(self.num_stages)

    def call(self, losses: Tensor) -> Tensor:
        weights = self.scheme(self.num_stages)
        if self.total is not None:
            factor = self.total / sum(weights)
            weights = [factor * weight for weight in weights]
        return ops.convert_to_tensor(weights, losses.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "total": self.total}
