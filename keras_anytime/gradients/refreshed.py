"""The base of combiners whose coefficients may serve several steps."""

from keras_anytime.gradients.base import Combiner
from keras_anytime.training_state import check_steps


class RefreshedCombiner(Combiner):
    """A combiner that may use its coefficients again in the next steps.

    Args:
        refresh_every: Integer of 1 or more. The coefficients are computed every
            so many training steps; those in between use the last ones again, on
            one backward pass. See `Orthogonal`.
        name: Optional string.

    Raises:
        ValueError: If `refresh_every` is not a whole number of 1 or more.
    """

    def __init__(self, refresh_every: int = 1, name: str | None = None):
        super().__init__(name=name)
        check_steps("refresh_every", refresh_every)
        self.refresh_every = int(refresh_every)

    def get_config(self) -> dict:
        return {**super().get_config(), "refresh_every": self.refresh_every}
