"""The base of combiners in which gradients visit each other in an order."""

from collections.abc import Sequence

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import surgery
from keras_anytime.gradients.base import Combiner
from keras_anytime.gradients.base import check_order
from keras_anytime.training_state import RandomState


class VisitingCombiner(RandomState, Combiner):
    """A combiner in which each gradient meets the others one by one.

    Args:
        order: Sequence of all stage numbers, counted from 1: the order in which
            every gradient meets the others. `None` draws an order for each
            gradient in each training step.
        seed: As in `RandomState`; of the orders.
        name: Optional string.

    Raises:
        ValueError: If an argument is wrong.
    """

    def __init__(
        self,
        order: Sequence[int] | None = None,
        seed: int | None = None,
        name: str | None = None,
    ):
        super().__init__(seed=seed, name=name)
        self.order = None if order is None else list(order)
        if self.order is not None:
            check_order("order", self.order, len(self.order))

    def build(self, input_shape: tuple[int, ...]) -> None:
        if self.order is not None:
            check_order("order", self.order, input_shape[0])
        super().build(input_shape)

    def visits(self, num_gradients: int, dtype: str) -> Tensor:
        """Returns which gradient each gradient visits, as `surgery.visits`.

        Args:
            num_gradients: Integer K.
            dtype: Float dtype.

        Returns:
            Tensor `(K, K, K)`.
        """
        shape = (num_gradients, num_gradients)
        if self.order is None:
            self.ensure_built(num_gradients)
            orders = ops.argsort(
                keras.random.uniform(
                    shape, dtype="float32", seed=self.seed_generator
                )
            )
        else:
            places = [stage - 1 for stage in self.order]
            orders = ops.broadcast_to(ops.array(places, "int32"), shape)
        return surgery.visits(orders, dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "order": self.order}
