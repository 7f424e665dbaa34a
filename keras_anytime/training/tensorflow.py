"""How gradients are taken on the TensorFlow backend."""

import keras
import tensorflow as tf
from keras import ops

from keras_anytime.training import replicas
from keras_anytime.training.replicas import check as check_strategy
from keras_anytime.training.replicas import logs as replica_logs
from keras_anytime.training.replicas import losses_of_batch
from keras_anytime.training.replicas import strategy_for_fit

__all__ = [
    "check_strategy",
    "combined_gradient",
    "default_jit_compile",
    "losses_of_batch",
    "replica_logs",
    "scope",
    "strategy_for_fit",
]


def default_jit_compile(model):
    """Whether XLA pays off: on a GPU; on CPUs it made a step 1.7x slower."""
    alone = model.distribute_strategy.num_replicas_in_sync == 1
    return alone and bool(tf.config.list_physical_devices("GPU"))


def scope(model):
    """Returns the scope in which variables for training are created."""
    return model.distribute_strategy.scope()


def combined_gradient(model, x, y, sample_weight):
    """Runs one forward pass and returns the gradient to apply.

    Each stage's gradient is taken over the variables of its own subgraph, so
    its backward pass costs only that, and is reduced over replicas before
    combining. A combiner that has a joint objective takes one backward pass.
    Regularisers are no task: their gradient is added after combining.

    Args:
        model: A compiled `AnytimeModel`.
        x: Images `(batch, height, width, channels)`.
        y: Targets, one for all stages; for label sets a dict of them.
        sample_weight: Tensor `(batch,)`, or a dict like `y`, or `None`.

    Returns:
        Tuple of the gradient (list aligned with `model.trainable_variables`,
        in the form in which Keras' optimizers sum it over replicas), the
        logits of every output (list), the stage losses (tensor `(K,)`) and the
        regularisers' penalty (scalar). Only the gradient carries the
        optimizer's loss scale.
    """
    combiner = model.gradients
    scale = model.optimizer.scale_loss
    with tf.GradientTape(persistent=True) as tape:
        outputs = keras.tree.flatten(model(x, training=True))
        losses, own = replicas.losses_of_batch(
            model.loss, model.stage_losses(y, outputs, sample_weight), x
        )
        weights = combiner.held(model.weighting(losses))
        penalty = sum(model.losses, ops.zeros(()))
        tasks = [
            weight * loss
            for weight, loss in zip(
                ops.unstack(weights, model.num_stages), own, strict=True
            )
        ]
        if combiner.joint:
            objective = combiner.objective(ops.stack(own), weights)
            joint = scale(objective + penalty / replicas.count())
        else:
            objectives = [scale(one) for one in tasks]
            scaled_penalty = scale(penalty)
            if combiner.refresh_every > 1:
                joint = scale(
                    ops.sum(combiner.last_coefficients * ops.stack(tasks))
                )

    variables = model.trainable_variables
    if combiner.joint:
        gradient = _gradient(tape, joint, variables, variables)
        (gradient,) = replicas.summed([gradient])
    else:
        owned = [
            model.stage_variables(k) for k in range(1, model.num_stages + 1)
        ]

        def of_each_stage():
            return [
                _gradient(tape, objective, sources, variables)
                for objective, sources in zip(objectives, owned, strict=True)
            ]

        def at_once():
            gradient = _gradient(tape, joint, variables, variables)
            return _at_first_owners(gradient, owned, variables)

        # The backward pass of synchronised batch normalisation reduces over
        # replicas, which TensorFlow cannot do under a condition.
        one_pass = combiner.refresh_every > 1 and replicas.count() == 1
        stage_gradients = (
            _cond(combiner.due(), of_each_stage, at_once, owned, variables)
            if one_pass
            else of_each_stage()
        )
        stage_gradients = replicas.summed(stage_gradients)
        gradient = combiner(stage_gradients, scale(ops.ones(())), one_pass)
        gradient = _add(
            _keep_overflow(gradient, stage_gradients, model),
            _gradient(tape, scaled_penalty, variables, variables),
        )
    gradient = replicas.on_the_first(gradient)
    return gradient, outputs, losses, penalty


def _gradient(tape, objective, sources, variables):
    """Returns the gradient over `sources`, aligned with `variables`."""
    values = tape.gradient(objective, [source.value for source in sources])
    by_source = {
        id(source): value for source, value in zip(sources, values, strict=True)
    }
    return [by_source.get(id(variable)) for variable in variables]


def _at_first_owners(gradient, owned, variables):
    """Returns stage gradients with a given sum, none of them computed."""
    left = {
        id(variable): one
        for variable, one in zip(variables, gradient, strict=True)
    }
    return [
        [
            left.pop(id(variable), None) if id(variable) in own else None
            for variable in variables
        ]
        for own in map(_ids, owned)
    ]


def _cond(condition, true_fn, false_fn, owned, variables):
    """`tf.cond` of functions that give stage gradients.

    Both branches must have the same gaps, so that a variable that a stage owns
    has zeros where it has no gradient.
    """
    owned = [_ids(sources) for sources in owned]

    def of_owned(function):
        return lambda: [
            tf.zeros_like(variable.value) if one is None else one
            for own, stage in zip(owned, function(), strict=True)
            for variable, one in zip(variables, stage, strict=True)
            if id(variable) in own
        ]

    values = iter(tf.cond(condition, of_owned(true_fn), of_owned(false_fn)))
    return [
        [
            next(values) if id(variable) in own else None
            for variable in variables
        ]
        for own in owned
    ]


def _ids(sources):
    return {id(source) for source in sources}


def _add(left, right):
    return [
        a if b is None else b if a is None else a + b
        for a, b in zip(left, right, strict=True)
    ]


def _keep_overflow(gradient, stage_gradients, model):
    """Lets a loss-scaling optimizer see an overflow in any stage.

    It skips such a step and lowers its scale. Leaving the stage out instead,
    as a combiner does, would keep the scale too high for that stage for ever.
    """
    if not isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
        return gradient
    probe = sum(
        0 * ops.sum(one)
        for stage in stage_gradients
        for one in stage
        if one is not None
    )
    return [one if one is None else one + probe for one in gradient]
