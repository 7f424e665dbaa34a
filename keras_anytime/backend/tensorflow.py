"""The TensorFlow backend: gradients by tapes, replicas by `tf.distribute`."""

import contextlib
import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_anytime.backend import gradient_lists
from keras_anytime.backend import replicas
from keras_anytime.backend.base import BatchLosses
from keras_anytime.backend.base import ForwardPass
from keras_anytime.backend.replicas import check_strategy as check_strategy
from keras_anytime.backend.replicas import strategy_for_fit as strategy_for_fit
from keras_anytime.backend.replicas import whole_batch_losses
from keras_anytime.backend.types import Gradient
from keras_anytime.backend.types import Tensor


def default_jit_compile(model: keras.Model) -> bool:
    """Whether `jit_compile="auto"` means XLA: on a GPU only.

    On CPUs, XLA made a training step 1.7 times slower.

    Args:
        model: A `keras.Model`.
    """
    alone = model.distribute_strategy.num_replicas_in_sync == 1
    return alone and bool(tf.config.list_physical_devices("GPU"))


def devices_per_batch() -> int:
    """Returns 1, because replicas may share a batch unevenly."""
    return 1


def devices() -> list[str]:
    """Returns the names of the devices that a batch can be shared among.

    These are the GPUs, or the CPU devices of a machine without GPUs.
    """
    found = tf.config.list_logical_devices("GPU")
    found = found or tf.config.list_logical_devices("CPU")
    return [device.name for device in found]


def data_parallel(
    count: int, model: keras.Model | None = None
) -> AbstractContextManager:
    """Returns a context in which several devices share each batch.

    Args:
        count: Integer from 1 to the number of `devices`.
        model: The model to train, or `None` where it is to be built and
            compiled. A model knows the devices that it was built for, and
            within their scope its variables cannot be read as arrays.
    """
    if count == 1 or model is not None:
        return contextlib.nullcontext()
    return _mirrored(tuple(devices()[:count])).scope()


@functools.cache
def _mirrored(names):
    """Returns the strategy of some devices; a process can make only one."""
    return tf.distribute.MirroredStrategy(names)


def make_deterministic() -> None:
    """Makes the results of this process the same, bit for bit, in each run."""
    tf.config.experimental.enable_op_determinism()


def scope(model: keras.Model) -> AbstractContextManager:
    """Returns the scope in which variables for training are created."""
    return model.distribute_strategy.scope()


def run_batch(model: keras.Model, function: Callable, data: Any) -> dict:
    """Runs a function on one batch of `fit` or `evaluate`.

    Args:
        model: A compiled `AnytimeModel`.
        function: Function from inputs, labels and sample weights to logs. It
            updates variables.
        data: The batch, as Keras passes it to `train_step` and `test_step`.

    Returns:
        The logs, in the form that Keras expects.
    """
    del model
    return replicas.logs(function(*keras.utils.unpack_x_y_sample_weight(data)))


def check_each_batch(
    model: keras.Model, function: Callable, check: Callable
) -> Callable:
    """Returns the function as it is: losses of TensorFlow check their labels.

    Args:
        model: A compiled `AnytimeModel`.
        function: The train or test function of the model.
        check: Function that raises an error for wrong inputs or labels.
    """
    del model, check
    return function


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


class TapedForwardPass(ForwardPass):
    """A forward pass that a `tf.GradientTape` records.

    A gradient is taken over the variables of its own subgraph only.
    """

    def __init__(
        self,
        model: keras.Model,
        x: Any,
        losses_of: Callable[[list[Tensor]], BatchLosses],
    ):
        self._variables = model.trainable_variables
        self._scale = model.optimizer.scale_loss
        with tf.GradientTape(persistent=True) as self._tape:
            self.outputs = keras.tree.flatten(model(x, training=True))
            losses, of_labels, self.counts, are_means = losses_of(self.outputs)
            parts = [losses] if of_labels is losses else [losses, of_labels]
            whole, own, totals = whole_batch_losses(
                sum(parts, []),
                self.counts * len(parts),
                [*are_means] * len(parts),
            )
            self.losses = whole[: len(losses)]
            self.label_losses = whole[-len(losses) :]
            self.total_counts = totals[: len(losses)]
            self._own_losses = own[: len(losses)]
            self.penalty = gradient_lists.penalty(
                model.losses, self.losses.dtype
            )

    def stage_gradient(
        self, stage: int, coefficient: Tensor, owned: set[int]
    ) -> Gradient:
        return self._dense(
            self._gradient(
                [self._own_losses[stage]],
                [coefficient],
                [
                    variable
                    for variable in self._variables
                    if id(variable) in owned
                ],
            )
        )

    def gradient(self, coefficients: Tensor) -> Gradient:
        return self._dense(
            self._gradient(
                self._own_losses,
                ops.unstack(coefficients, len(self._own_losses)),
            )
        )

    def total_gradient(self, coefficients: Tensor) -> Gradient:
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
        return self._dense(
            self._gradient([self.penalty], [ops.ones_like(self.penalty)])
        )

    def summed_over_replicas(self, gradients: list[Gradient]) -> list[Gradient]:
        return replicas.summed(gradients)

    def _gradient(self, losses, coefficients, sources=None):
        """Returns a gradient aligned with the model's variables."""
        sources = self._variables if sources is None else sources
        gradients = self._tape.gradient(
            losses,
            [source.value for source in sources],
            output_gradients=[
                self._scale(coefficient) for coefficient in coefficients
            ],
        )
        by_source = {
            id(source): gradient
            for source, gradient in zip(sources, gradients, strict=True)
        }
        return [by_source.get(id(variable)) for variable in self._variables]

    def _dense(self, gradient):
        """Returns a gradient as tensors of the variables' shapes.

        The gradients of embeddings are `tf.IndexedSlices`, and some gradients
        have no known shape if the batch size is not known.
        """
        return [
            values
            if values is None
            else tf.ensure_shape(tf.convert_to_tensor(values), variable.shape)
            for values, variable in zip(gradient, self._variables, strict=True)
        ]


forward_pass = TapedForwardPass
