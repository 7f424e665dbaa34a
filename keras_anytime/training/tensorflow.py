"""How gradients are taken on the TensorFlow backend."""

import keras
import tensorflow as tf
from keras import ops


def default_jit_compile():
    """Whether XLA pays off: on GPUs; on CPUs it made a step 1.7x slower."""
    return bool(tf.config.list_physical_devices("GPU"))


def check_strategy(model):
    """Raises a `ValueError` for a model made for several replicas."""
    replicas = model.distribute_strategy.num_replicas_in_sync
    if replicas > 1:
        raise ValueError(
            "An anytime network trains on one replica: stage gradients are "
            "not reduced over replicas. Build it outside of the scope of a "
            f"strategy of several. Received: {replicas} replicas"
        )


def combined_gradient(model, x, y, sample_weight):
    """Runs one forward pass and returns the gradient to apply.

    Each stage's gradient is taken over the variables of its own subgraph, so
    its backward pass costs only that. A combiner that has a joint objective
    takes one backward pass. Regularisers are no task: their gradient is added
    after combining.

    Args:
        model: A compiled `AnytimeModel`.
        x: Images `(batch, height, width, channels)`.
        y: Targets, one for all stages; for label sets a dict of them.
        sample_weight: Tensor `(batch,)`, or a dict like `y`, or `None`.

    Returns:
        Tuple of the gradient (list aligned with `model.trainable_variables`),
        the logits of every output (list), the stage losses (list of K scalars)
        and the regularisers' penalty (scalar). Only the gradient carries the
        optimizer's loss scale.
    """
    combiner = model.gradients
    scale = model.optimizer.scale_loss
    with tf.GradientTape(persistent=True) as tape:
        outputs = keras.tree.flatten(model(x, training=True))
        losses = model.stage_losses(y, outputs, sample_weight)
        weights = model.weighting(ops.stack(losses))
        penalty = sum(model.losses, ops.zeros(()))
        if combiner.joint:
            objective = combiner.objective(ops.stack(losses), weights)
            objectives = [scale(objective + penalty)]
        else:
            objectives = [
                scale(weight * loss)
                for weight, loss in zip(
                    ops.unstack(weights, len(losses)), losses, strict=True
                )
            ]
            scaled_penalty = scale(penalty)
    variables = model.trainable_variables
    if combiner.joint:
        gradient = _gradient(tape, objectives[0], variables, variables)
    else:
        stage_gradients = [
            _gradient(tape, objective, model.stage_variables(k), variables)
            for k, objective in enumerate(objectives, start=1)
        ]
        gradient = _add(
            _keep_overflow(
                combiner(stage_gradients, scale(ops.ones(()))),
                stage_gradients,
                model,
            ),
            _gradient(tape, scaled_penalty, variables, variables),
        )
    return gradient, outputs, losses, penalty


def _gradient(tape, objective, sources, variables):
    """Returns the gradient over `sources`, aligned with `variables`."""
    values = tape.gradient(objective, [source.value for source in sources])
    by_source = {
        id(source): value for source, value in zip(sources, values, strict=True)
    }
    return [by_source.get(id(variable)) for variable in variables]


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
