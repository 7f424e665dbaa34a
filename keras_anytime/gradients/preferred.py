"""The base of combiners that take a preference among the gradients."""

import math
from collections.abc import Sequence

from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients.refreshed import RefreshedCombiner


class PreferredCombiner(RefreshedCombiner):
    """A combiner of gradients that count with given shares.

    Args:
        preference: Sequence of K numbers of 0 or more, not all 0: how much the
            gradient of each stage counts. `None` means 1 / K each.
        refresh_every: As in `RefreshedCombiner`.
        name: Optional string.

    Raises:
        ValueError: If an argument is wrong, or there is not one number for each
            stage.
    """

    def __init__(
        self,
        preference: Sequence[float] | None = None,
        refresh_every: int = 1,
        name: str | None = None,
    ):
        super().__init__(refresh_every=refresh_every, name=name)
        if preference is not None:
            preference = [float(share) for share in preference]
            if not all(0 <= share < math.inf for share in preference) or not (
                sum(preference) > 0
            ):
                raise ValueError(
                    "`preference` must have numbers of 0 or more, not all of "
                    f"them 0. Received: preference={preference}"
                )
        self.preference = preference

    def build(self, input_shape: tuple[int, ...]) -> None:
        if self.preference is not None:
            if len(self.preference) != input_shape[0]:
                raise ValueError(
                    "`preference` must have one number for each of the "
                    f"{input_shape[0]} stages. "
                    f"Received: preference={self.preference}"
                )
        super().build(input_shape)

    def shares(self, finite: Tensor, dtype: str) -> Tensor:
        """Returns how much each gradient counts.

        Args:
            finite: Booleans `(K,)`, which gradients are finite.
            dtype: Float dtype.

        Returns:
            Tensor `(K,)`: the preference, or one over the number of finite
            gradients; 0 for those that are not finite.
        """
        if self.preference is None:
            return mean_weights(finite, dtype)
        preference = ops.convert_to_tensor(self.preference, dtype=dtype)
        return ops.where(finite, preference, 0)

    def get_config(self) -> dict:
        return {**super().get_config(), "preference": self.preference}


def mean_weights(finite: Tensor, dtype: str) -> Tensor:
    """Returns the weights of the mean of the finite gradients.

    Args:
        finite: Booleans `(K,)`.
        dtype: Float dtype.

    Returns:
        Tensor `(K,)` of sum 1, or zeros if no gradient is finite.
    """
    counted = ops.cast(finite, dtype)
    return counted / ops.maximum(ops.sum(counted), 1)
