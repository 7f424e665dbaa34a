"""The JAX backend: gradients by linearizing the forward pass.

Batches that `keras.distribution` shards over devices need no code here. A
compiled training step computes on the whole batch, so that losses, batch
statistics and stage gradients are those of all devices.
"""

import contextlib
import itertools
import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import jax
import keras
import numpy as np
from keras import ops

from keras_anytime.backend import gradient_lists
from keras_anytime.backend.base import BatchLosses
from keras_anytime.backend.base import ForwardPass
from keras_anytime.backend.types import Gradient
from keras_anytime.backend.types import Tensor


def default_jit_compile(model: keras.Model) -> bool:
    """Returns True: `jit_compile="auto"` means XLA.

    A training step that is not compiled is traced again for every batch.

    Args:
        model: A `keras.Model`.
    """
    del model
    return True


def check_strategy(
    model: keras.Model,
    jit_compile: bool,
    optimizer: keras.optimizers.Optimizer | str,
    reduction: str,
) -> None:
    """Accepts all combinations: several devices compute the same as one.

    Args:
        model: A `keras.Model`.
        jit_compile: Boolean.
        optimizer: The optimizer that the model is compiled with.
        reduction: String, how the losses of the model reduce examples.
    """
    del model, jit_compile, optimizer, reduction


def devices_per_batch() -> int:
    """Returns the number of devices of this process that share each batch."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return 1
    mesh = distribution.device_mesh
    sizes = dict(zip(mesh.axis_names, mesh.shape, strict=True))
    return max(sizes[distribution.batch_dim_name] // jax.process_count(), 1)


def devices() -> list[str]:
    """Returns the names of the devices that a batch can be shared among."""
    return keras.distribution.list_devices()


@contextlib.contextmanager
def data_parallel(
    count: int, model: keras.Model | None = None
) -> Iterator[None]:
    """A context in which several devices share each batch.

    Args:
        count: Integer from 1 to the number of `devices`.
        model: The model to train, or `None` where it is to be built and
            compiled.

    Yields:
        Nothing.
    """
    del model
    before = keras.distribution.distribution()
    if count > 1:
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(devices=devices()[:count])
        )
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def make_deterministic() -> None:
    """Makes the results of this process the same, bit for bit, in each run.

    Call it before JAX looks for devices. On CPUs, results always are the same.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true"


def branches_pay_off() -> bool:
    """Whether a training step may choose at run time which gradients it takes.

    On CPUs, XLA uses slow convolutions within a condition: a training step that
    could leave out passes took 19 times as long as one that takes them all.
    """
    return jax.default_backend() != "cpu"


def scope(model: keras.Model) -> contextlib.AbstractContextManager:
    """Returns a scope without effect, because variables know their devices.

    Args:
        model: A `keras.Model`.
    """
    del model
    return contextlib.nullcontext()


def whole_batch_losses(
    losses: list[Tensor], counts: list[Tensor], are_means: Sequence[bool]
) -> tuple[Tensor, list[Tensor], Tensor]:
    """Returns the losses of the whole batch, stacked and as a list.

    Args:
        losses: List of K scalars.
        counts: List of K scalars, the examples that each loss counts.
        are_means: Sequence of K booleans, whether a loss is a mean over them.

    Returns:
        Tuple of a tensor `(K,)`, the list, and the counts, a tensor `(K,)`.
    """
    del are_means
    return ops.stack(losses), losses, ops.stack(counts)


def run_batch(
    model: keras.Model, function: Callable, state: tuple, data: Any
) -> tuple[dict, tuple]:
    """Runs a function on one batch of `fit` or `evaluate`.

    Args:
        model: A compiled `AnytimeModel`.
        function: Function from inputs, labels and sample weights to logs. It
            updates variables.
        state: Tuple of lists, the values of the trainable and the non-trainable
            variables, in training those of the optimizer, and those of the
            metrics.
        data: The batch, as Keras passes it to `train_step` and `test_step`.

    Returns:
        Pair of the logs and the state after the batch, as Keras expects.
    """
    groups = _state_variables(model, state)
    mapping = [
        pair
        for variables, values in zip(groups, state, strict=True)
        for pair in zip(variables, values, strict=True)
    ]
    with keras.StatelessScope(mapping) as after:
        logs = function(*keras.utils.unpack_x_y_sample_weight(data))
    return logs, tuple(
        [after.get_current_value(variable) for variable in variables]
        for variables in groups
    )


def check_each_batch(
    model: keras.Model, function: Callable, check: Callable
) -> Callable:
    """Returns a train or test function that checks each batch first.

    Compiled programs of JAX read arbitrary numbers for labels outside an array,
    and raise no error. While Keras trains or evaluates, the model's variables
    are empty. If a batch is refused, they get their values back.

    Args:
        model: A compiled `AnytimeModel`.
        function: The train or test function of the model, from the state and
            an iterator of batches.
        check: Function that raises an error for wrong inputs or labels. It
            takes the inputs and the labels, these as NumPy arrays.
    """

    def checked(state, iterator):
        batches = list(itertools.islice(iterator, model.steps_per_execution))
        try:
            for batch in batches:
                x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
                if all(map(_is_here, keras.tree.flatten((x, y)))):
                    check(x, keras.tree.map_structure(np.asarray, y))
            return function(state, iter(batches))
        except Exception:
            # A compiled program deletes the arrays that it is given.
            if not any(
                array.is_deleted() for array in keras.tree.flatten(state)
            ):
                for variables, values in zip(
                    _state_variables(model, state), state, strict=True
                ):
                    _assign(variables, values)
            raise

    return checked


def _state_variables(model, state):
    """Returns lists of the variables whose values are in a state."""
    variables = [
        model.trainable_variables,
        model.non_trainable_variables,
        model.metrics_variables,
    ]
    if len(state) > len(variables):
        variables.insert(2, model.optimizer.variables)
    return variables


def _is_here(array):
    """Whether this process holds a whole array."""
    return getattr(array, "is_fully_addressable", True)


def apply_gradient(
    optimizer: keras.optimizers.Optimizer,
    gradient: Gradient,
    variables: list[keras.Variable],
) -> None:
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


class LinearizedForwardPass(ForwardPass):
    """A forward pass that is linearized once.

    A gradient is the transpose of its own entries of the linear map. What
    stages have in common is computed once.
    """

    def __init__(
        self,
        model: keras.Model,
        x: Any,
        losses_of: Callable[[list[Tensor]], BatchLosses],
    ):
        self._variables = model.trainable_variables
        self._scale = model.optimizer.scale_loss
        others = model.non_trainable_variables

        def forward(values):
            outputs, moved, penalties = model.stateless_call(
                values, _values(others), x, training=True, return_losses=True
            )
            outputs = keras.tree.flatten(outputs)
            losses, of_labels, counts, _ = losses_of(outputs)
            penalty = gradient_lists.penalty(penalties, losses[0].dtype)
            return (losses, penalty), (outputs, of_labels, counts, moved)

        (losses, self.penalty), self._tangents, found = jax.linearize(
            forward, _values(self._variables), has_aux=True
        )
        self.outputs, of_labels, self.counts, moved = found
        self.label_losses = ops.stack(of_labels)
        self.total_counts = ops.stack(self.counts)
        _assign(others, moved)
        self.losses = ops.stack(losses)

    def stage_gradient(
        self, stage: int, coefficient: Tensor, owned: set[int]
    ) -> Gradient:
        gradient = self._gradient(
            lambda losses, penalty: losses[stage], self._scale(coefficient)
        )
        return [
            values if id(variable) in owned else None
            for variable, values in zip(self._variables, gradient, strict=True)
        ]

    def gradient(self, coefficients: Tensor) -> Gradient:
        return self._gradient(
            lambda losses, penalty: losses, self._scaled(coefficients)
        )

    def total_gradient(self, coefficients: Tensor) -> Gradient:
        return self._gradient(
            lambda losses, penalty: (losses, penalty),
            (self._scaled(coefficients), self._scale(self._one())),
        )

    def penalty_gradient(self) -> Gradient:
        return self._gradient(
            lambda losses, penalty: penalty, self._scale(self._one())
        )

    def summed_over_replicas(self, gradients: list[Gradient]) -> list[Gradient]:
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


forward_pass = LinearizedForwardPass


def _values(variables):
    return [variable.value for variable in variables]


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
