"""How gradients are taken on the JAX backend.

A batch that `keras.distribution` shards over devices needs nothing more: a
compiled step computes on the whole batch, whatever device has which part of it,
so that losses, batch statistics and stage gradients are reduced before anything
is made of them.
"""

import contextlib
import itertools
import os
from collections.abc import Callable

import jax
import keras
import numpy as np
from keras import ops

from keras_anytime.backend import gradient_lists
from keras_anytime.backend.types import Gradient
from keras_anytime.backend.types import Tensor


def default_jit_compile(model):
    """Whether XLA pays off: always, where operations are dispatched one by one.

    A step that is not compiled is traced anew for every batch.
    """
    del model
    return True


def check_strategy(model, jit_compile, optimizer, loss):
    """Allows all: several devices compute what one would."""
    del model, jit_compile, optimizer, loss


def devices_per_batch():
    """Returns how many devices of this process share each batch evenly."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return 1
    mesh = distribution.device_mesh
    sizes = dict(zip(mesh.axis_names, mesh.shape, strict=True))
    return max(sizes[distribution.batch_dim_name] // jax.process_count(), 1)


def make_deterministic():
    """Makes this process compute the same to the last bit each time.

    To be called before JAX has looked for devices. On CPUs it always does.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true"


def branches_pay_off():
    """Whether a step may choose at run time which gradients it computes.

    XLA's convolutions for CPUs are no fast ones within a condition: a step that
    could have left out passes took 19 times as long as one that takes them all.
    """
    return jax.default_backend() != "cpu"


def scope(model):
    """Returns a scope without effect; variables know their devices."""
    del model
    return contextlib.nullcontext()


def whole_batch_losses(loss, losses, images):
    """Returns the stage losses as a tensor `(K,)`, and as they are."""
    del loss, images
    return ops.stack(losses), losses


def run_batch(model, function, state, data):
    """Runs a function as one step of `fit` or `evaluate`.

    Args:
        model: A compiled `AnytimeModel`.
        function: Function from images, labels and sample weights to logs,
            that updates variables.
        state: Tuple of the values of the variables: lists of those that are
            trainable, those that are not, in training the optimizer's, and the
            metrics'.
        data: The batch that Keras gives to the step.

    Returns:
        What Keras wants back: the logs, and the state after the step.
    """
    variables = _variables_of(model, state)
    mapping = [
        pair
        for some, values in zip(variables, state, strict=True)
        for pair in zip(some, values, strict=True)
    ]
    with keras.StatelessScope(mapping) as after:
        logs = function(*keras.utils.unpack_x_y_sample_weight(data))
    return logs, tuple(
        [after.get_current_value(variable) for variable in some]
        for some in variables
    )


def check_each_batch(model, step, check):
    """Returns a step that first checks every batch that it is given.

    What a compiled step reads outside an array is no error to JAX, but some
    number. While Keras trains or evaluates, the model's variables are empty:
    where a batch is refused, they get their values back.

    Args:
        model: A compiled `AnytimeModel`.
        step: Function from the state and an iterator of batches.
        check: Function that raises for the labels, as NumPy arrays, that it
            refuses.
    """

    def checked(state, iterator):
        batches = list(itertools.islice(iterator, model.steps_per_execution))
        try:
            for batch in batches:
                _, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
                if all(map(_is_here, keras.tree.flatten(y))):
                    check(keras.tree.map_structure(np.asarray, y))
            return step(state, iter(batches))
        except Exception:
            # What a compiled step was given is gone once it runs.
            if not any(one.is_deleted() for one in keras.tree.flatten(state)):
                for some, values in zip(
                    _variables_of(model, state), state, strict=True
                ):
                    _assign(some, values)
            raise

    return checked


def _variables_of(model, state):
    """Returns lists of the variables whose values a step is given."""
    variables = [
        model.trainable_variables,
        model.non_trainable_variables,
        model.metrics_variables,
    ]
    if len(state) > len(variables):
        variables.insert(2, model.optimizer.variables)
    return variables


def _is_here(array):
    """Whether this process has all of an array."""
    return getattr(array, "is_fully_addressable", True)


def apply_gradient(optimizer, gradient, variables):
    """Lets an optimizer update variables.

    Args:
        optimizer: A Keras optimizer.
        gradient: List of V tensors.
        variables: List of V variables.
    """
    moved, state = optimizer.stateless_apply(
        _values(optimizer.variables), gradient, _values(variables)
    )
    _assign(variables, moved)
    _assign(optimizer.variables, state)


class ForwardPass:
    """A forward pass in training, and the gradients of its losses.

    The forward pass is linearized once. A gradient is the transpose of its own
    entries of the linear map, so that its backward pass costs only its
    subgraph, and what stages have in common is computed once. All gradients
    carry the optimizer's loss scale.

    Args:
        model: A compiled `AnytimeModel`.
        x: Images `(batch, height, width, channels)`.
        losses_of: Function from the list of all logits to the list of the K
            stage losses, scalars.

    Attributes:
        outputs: List of the logits of every output.
        losses: Tensor `(K,)`, the stage losses.
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
        others = model.non_trainable_variables

        def forward(values):
            outputs, moved, penalties = model.stateless_call(
                values, _values(others), x, training=True, return_losses=True
            )
            outputs = keras.tree.flatten(outputs)
            losses = losses_of(outputs)
            penalty = gradient_lists.penalty(penalties, losses[0].dtype)
            return (losses, penalty), (outputs, moved)

        (losses, self.penalty), self._tangents, (self.outputs, moved) = (
            jax.linearize(forward, _values(self._variables), has_aux=True)
        )
        _assign(others, moved)
        self.losses = ops.stack(losses)

    def stage_gradient(
        self, stage: int, coefficient: Tensor, owned: set[int]
    ) -> Gradient:
        """Returns the gradient of one stage's loss.

        Args:
            stage: Integer from 0 to K - 1.
            coefficient: Scalar tensor, the loss is multiplied by it.
            owned: Set of the `id`s of the variables of the stage's subnetwork.

        Returns:
            List of V tensors; `None` where the stage does not own a variable.
        """
        gradient = self._gradient(
            lambda losses, penalty: losses[stage], self._scale(coefficient)
        )
        return [
            values if id(variable) in owned else None
            for variable, values in zip(self._variables, gradient, strict=True)
        ]

    def gradient(self, coefficients: Tensor) -> Gradient:
        """Returns the gradient of a weighted sum of the losses, in one pass.

        Args:
            coefficients: Tensor `(K,)`.

        Returns:
            List of V tensors.
        """
        return self._gradient(
            lambda losses, penalty: losses, self._scaled(coefficients)
        )

    def total_gradient(self, coefficients: Tensor) -> Gradient:
        """Returns the gradient of a weighted sum of the losses and the penalty.

        It takes one backward pass.

        Args:
            coefficients: Tensor `(K,)`.

        Returns:
            List of V tensors.
        """
        return self._gradient(
            lambda losses, penalty: (losses, penalty),
            (self._scaled(coefficients), self._scale(self._one())),
        )

    def penalty_gradient(self) -> Gradient:
        """Returns the gradient of the penalty."""
        return self._gradient(
            lambda losses, penalty: penalty, self._scale(self._one())
        )

    def summed_over_replicas(self, gradients: list[Gradient]) -> list[Gradient]:
        """Returns gradients as they are: they are those of the whole batch."""
        return gradients

    def _gradient(self, select, cotangents):
        """Returns the transpose of the chosen entries of the linear map."""
        transpose = jax.linear_transpose(
            lambda values: select(*self._tangents(values)),
            _values(self._variables),
        )
        (gradient,) = transpose(cotangents)
        return gradient

    def _scaled(self, coefficients):
        return [
            self._scale(coefficient)
            for coefficient in ops.unstack(coefficients, len(self.losses))
        ]

    def _one(self):
        return ops.ones((), self.losses.dtype)


def _values(variables):
    return [variable.value for variable in variables]


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
