"""The base of combiners that project onto the dual cone of the gradients."""

from collections.abc import Sequence

from keras_anytime.gradients.preferred import PreferredCombiner
from keras_anytime.training_state import check_not_negative


class DualConeCombiner(PreferredCombiner):
    """A combiner that projects onto the dual cone of the gradients.

    Args:
        preference: As in `PreferredCombiner`.
        reg_eps: Float of 0 or more, added to the diagonal of the Gram matrix,
            whose trace is 1.
        norm_eps: Float of 0 or more. Gradients whose squared norms have a
            smaller sum are not projected.
        refresh_every: As in `RefreshedCombiner`.
        name: Optional string.

    Raises:
        ValueError: If an argument is wrong.
    """

    def __init__(
        self,
        preference: Sequence[float] | None = None,
        reg_eps: float = 1e-4,
        norm_eps: float = 0.0,
        refresh_every: int = 1,
        name: str | None = None,
    ):
        super().__init__(preference, refresh_every, name)
        check_not_negative("reg_eps", reg_eps)
        check_not_negative("norm_eps", norm_eps)
        self.reg_eps = reg_eps
        self.norm_eps = norm_eps

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "reg_eps": self.reg_eps,
            "norm_eps": self.norm_eps,
        }
