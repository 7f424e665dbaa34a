"""The TensorFlow backend: gradients by tapes, replicas by `tf.distribute`."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import keras
import tensorflow as tf
from keras import ops

from keras_anytime.backend import gradient_lists
from keras_anytime.backend import replicas
from keras_anytime.backend.replicas import check as check_strategy
from keras_anytime.backend.replicas import strategy_for_fit
from keras_anytime.backend.replicas import whole_batch_losses
from keras_anytime.backend.types import Gradient
from keras_anytime.backend.types import Tensor

__all__ = [
    "ForwardPass",
    "apply_gradient",
    "branches_pay_off",
    "check_each_batch",
    "check_strategy",
    "default_jit_compile",
    "devices_per_batch",
    "make_deterministic",
    "run_batch",
    "scope",
    "strategy_for_fit",
    "whole_batch_losses",
]


def default_jit_compile(model: keras.Model) -> bool:
    """Whether XLA pays off: on a GPU; on CPUs it made a step 1.7x slower."""
    alone = model.distribute_strategy.num_replicas_in_sync == 1
    return alone and bool(tf.config.list_physical_devices("GPU"))


def devices_per_batch() -> int:
    """Returns 1: replicas need not share a batch evenly."""
    return 1


def make_deterministic() -> None:
    """Makes this process compute the same to the last bit each time."""
    tf.config.experimental.enable_op_determinism()


def scope(model: keras.Model) -> AbstractContextManager:
    """Returns the scope in which variables for training are created."""
    return model.distribute_strategy.scope()


def run_batch(model, function, data):
    """Runs a function as one step of `fit` or `evaluate`.

    Args:
        model: A compiled `AnytimeModel`.
        function: Function from images, labels and sample weights to logs,
            that updates variables.
        data: The batch that Keras gives to the step.

    Returns:
        What Keras wants back: the logs.
    """
    del model
    return replicas.logs(function(*keras.utils.unpack_x_y_sample_weight(data)))


def check_each_batch(model, step, check):
    """Returns the step as it is: TensorFlow's losses check their labels."""
    del model, check
    return step


def branches_pay_off() -> bool:
    """Whether a training step may choose at run time which gradients it takes.

    The backward pass of synchronized batch normalization reduces over replicas,
    which TensorFlow cannot do under a condition.
    """
    return replicas.count() == 1


def apply_gradient(
    optimizer: keras.optimizers.Optimizer,
    gradient: Gradient,
    variables: list[keras.Variable],
) -> None:
    """Lets an optimizer update variables.

    Args:
        optimizer: A Keras optimizer.
        gradient: List of V tensors or `None`, the same on all replicas.
        variables: List of V variables.
    """
    optimizer.apply(replicas.on_the_first(gradient), variables)


class ForwardPass:
    """A forward pass in training, and the gradients of its losses.

    Operations are recorded on a `tf.GradientTape`. A gradient is taken over the
    variables of its own subgraph, so that its backward pass costs only that.
    All gradients carry the optimizer's loss scale.

    Args:
        model: A compiled `AnytimeModel`.
        x: Images `(batch, height, width, channels)`, those of this replica.
        losses_of: Function from the list of all logits to the list of the K
            stage losses, scalars.

    Attributes:
        outputs: List of the logits of every output.
        losses: Tensor `(K,)`, the stage losses of the whole batch.
        penalty: Scalar tensor, the sum of the regularizers' losses.
    """

    def __init__(
        self,
        model: keras.Model,
        x: Tensor,
        losses_of: Callable[[list[Tensor]], list[Tensor]],
    ):
        self._variables = model.trainable_variables
        self._scale = model.optimizer.scale_loss
        with tf.GradientTape(persistent=True) as self._tape:
            self.outputs = keras.tree.flatten(model(x, training=True))
            self.losses, self._own_losses = whole_batch_losses(
                model.loss, losses_of(self.outputs), x
            )
            self.penalty = gradient_lists.penalty(
                model.losses, self.losses.dtype
            )

    def stage_gradient(
        self, stage: int, coefficient: Tensor, owned: set[int]
    ) -> Gradient:
        """Returns the gradient of one stage's loss, of this replica's images.

        Args:
            stage: Integer from 0 to K - 1.
            coefficient: Scalar tensor, the loss is multiplied by it.
            owned: Set of the `id`s of the variables of the stage's subnetwork.

        Returns:
            List of V tensors; `None` where the stage does not own a variable.
        """
        return self._dense(
            self._gradient(
                [self._own_losses[stage]],
                [coefficient],
                [one for one in self._variables if id(one) in owned],
            )
        )

    def gradient(self, coefficients: Tensor) -> Gradient:
        """Returns the gradient of a weighted sum of the losses, in one pass.

        Args:
            coefficients: Tensor `(K,)`.

        Returns:
            List of V tensors or `None`, of this replica's images.
        """
        return self._dense(
            self._gradient(
                self._own_losses,
                ops.unstack(coefficients, len(self._own_losses)),
            )
        )

    def total_gradient(self, coefficients: Tensor) -> Gradient:
        """Returns the gradient of a weighted sum of the losses and the penalty.

        It takes one backward pass.

        Args:
            coefficients: Tensor `(K,)`.

        Returns:
            List of V tensors or `None`, summed over replicas.
        """
        gradient = self._gradient(
            [*self._own_losses, self.penalty],
            [
                *ops.unstack(coefficients, len(self._own_losses)),
                ops.ones_like(self.penalty) / replicas.count(),
            ],
        )
        if replicas.count() > 1:
            (gradient,) = replicas.summed([self._dense(gradient)])
        return gradient

    def penalty_gradient(self) -> Gradient:
        """Returns the gradient of the penalty, the same on all replicas."""
        return self._dense(
            self._gradient([self.penalty], [ops.ones_like(self.penalty)])
        )

    def summed_over_replicas(self, gradients: list[Gradient]) -> list[Gradient]:
        """Sums gradients over all replicas, in one collective call."""
        return replicas.summed(gradients)

    def _gradient(self, losses, coefficients, sources=None):
        """Returns a gradient aligned with the model's variables."""
        sources = self._variables if sources is None else sources
        gradients = self._tape.gradient(
            losses,
            [source.value for source in sources],
            output_gradients=[self._scale(one) for one in coefficients],
        )
        by_source = {
            id(source): gradient
            for source, gradient in zip(sources, gradients, strict=True)
        }
        return [by_source.get(id(variable)) for variable in self._variables]

    def _dense(self, gradient):
        """Returns tensors of the variables' shapes, to compute with.

        Where the size of the batch is not known, some gradients do not know
        theirs; those of embeddings come as the rows that were read.
        """
        return [
            values
            if values is None
            else tf.ensure_shape(tf.convert_to_tensor(values), variable.shape)
            for values, variable in zip(gradient, self._variables, strict=True)
        ]
