"""How gradients are taken on the JAX backend.

A batch that `keras.distribution` shards over devices needs nothing more: a
compiled step computes on the whole batch, whatever device has which part of it,
so that losses, batch statistics and stage gradients are reduced before anything
is made of them.
"""

import contextlib
import itertools
import os

import jax
import keras
import numpy as np
from keras import ops

from keras_anytime.backend import gradient_lists


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


def losses_of_batch(loss, losses, images):
    """Returns the stage losses as a tensor `(K,)`, and as they are."""
    del loss, images
    return ops.stack(losses), losses


def as_step(model, function, state, data):
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
    """Lets an optimizer move variables; see `combined_gradient`."""
    moved, state = optimizer.stateless_apply(
        _values(optimizer.variables), gradient, _values(variables)
    )
    _assign(variables, moved)
    _assign(optimizer.variables, state)


def combined_gradient(model, x, y, sample_weight):
    """Runs one forward pass and returns the gradient to apply.

    The forward pass is linearized once. Each stage's gradient is the transpose
    of its own entry of the linear map, so that its backward pass costs only
    its subgraph; what stages have in common of the forward pass is computed
    once. A combiner that has a joint objective takes one backward pass.
    Regularizers are no task: their gradient is added after combining.

    Args:
        model: A compiled `AnytimeModel`.
        x: Images `(batch, height, width, channels)`.
        y: Targets, one for all stages; for label sets a dict of them.
        sample_weight: Tensor `(batch,)` for all outputs, or several of them,
            or `None`; see `heads.sample_weights`.

    Returns:
        Tuple of the gradient (list aligned with `model.trainable_variables`),
        the logits of every output (list), the stage losses (tensor `(K,)`) and
        the regularizers' penalty (scalar). Only the gradient carries the
        optimizer's loss scale.
    """
    combiner = model.combiner
    scale = model.optimizer.scale_loss
    variables = model.trainable_variables
    others = model.non_trainable_variables
    values = _values(variables)

    def forward(values):
        outputs, moved, penalties = model.stateless_call(
            values, _values(others), x, training=True, return_losses=True
        )
        outputs = keras.tree.flatten(outputs)
        losses = model.stage_losses(y, outputs, sample_weight)
        penalty = gradient_lists.penalty(penalties, losses[0].dtype)
        return (losses, penalty), (outputs, moved)

    (losses, penalty), tangents, (outputs, moved) = jax.linearize(
        forward, values, has_aux=True
    )
    _assign(others, moved)
    losses = ops.stack(losses)
    weights = combiner.held(model.weighting(losses))
    weights = ops.cast(weights, losses.dtype)
    one = ops.ones((), losses.dtype)

    def gradient_of(choose, factor):
        """The gradient of what is chosen of losses and penalty, scaled."""
        transpose = jax.linear_transpose(
            lambda some: choose(*tangents(some)), values
        )
        (gradient,) = transpose(scale(factor))
        return gradient

    def weighted_sum(factors):
        return lambda losses, _=None: sum(
            factor * loss
            for factor, loss in zip(
                ops.unstack(factors, model.num_stages), losses, strict=True
            )
        )

    if combiner.joint:
        objective = weighted_sum(jax.grad(combiner.objective)(losses, weights))
        gradient = gradient_of(
            lambda losses, penalty: objective(losses) + penalty, one
        )
        return gradient, outputs, losses, penalty

    owned = gradient_lists.owned_by_stages(model)

    def of_each_stage():
        return [
            [
                own_gradient if id(variable) in own else None
                for variable, own_gradient in zip(
                    variables,
                    gradient_of(
                        lambda losses, _, stage=stage: losses[stage],
                        weights[stage],
                    ),
                    strict=True,
                )
            ]
            for stage, own in enumerate(owned)
        ]

    def at_once():
        factors = ops.cast(combiner.last_coefficients, losses.dtype) * weights
        gradient = gradient_of(weighted_sum(factors), one)
        return gradient_lists.at_first_owners(gradient, owned, variables)

    one_pass = combiner.refresh_every > 1 and branches_pay_off()
    stage_gradients = (
        gradient_lists.choose(
            combiner.due(), of_each_stage, at_once, owned, variables
        )
        if one_pass
        else of_each_stage()
    )
    gradient = combiner(stage_gradients, scale(one), one_pass)
    gradient = gradient_lists.with_overflow(
        gradient, stage_gradients, model.optimizer
    )
    of_penalty = gradient_of(lambda _, penalty: penalty, one)
    return gradient_lists.added(gradient, of_penalty), outputs, losses, penalty


def _values(variables):
    return [variable.value for variable in variables]


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
