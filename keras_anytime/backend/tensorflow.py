"""How gradients are taken on the TensorFlow backend."""

import keras
import tensorflow as tf
from keras import ops

from keras_anytime.backend import gradient_lists
from keras_anytime.backend import replicas
from keras_anytime.backend.replicas import check as check_strategy
from keras_anytime.backend.replicas import losses_of_batch
from keras_anytime.backend.replicas import strategy_for_fit

__all__ = [
    "apply_gradient",
    "as_step",
    "check_strategy",
    "check_each_batch",
    "combined_gradient",
    "default_jit_compile",
    "devices_per_batch",
    "losses_of_batch",
    "make_deterministic",
    "scope",
    "strategy_for_fit",
]


def default_jit_compile(model):
    """Whether XLA pays off: on a GPU; on CPUs it made a step 1.7x slower."""
    alone = model.distribute_strategy.num_replicas_in_sync == 1
    return alone and bool(tf.config.list_physical_devices("GPU"))


def devices_per_batch():
    """Returns 1: replicas need not share a batch evenly."""
    return 1


def make_deterministic():
    """Makes this process compute the same to the last bit each time."""
    tf.config.experimental.enable_op_determinism()


def scope(model):
    """Returns the scope in which variables for training are created."""
    return model.distribute_strategy.scope()


def as_step(model, function, data):
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


def apply_gradient(optimizer, gradient, variables):
    """Lets an optimizer move variables; see `combined_gradient`."""
    optimizer.apply(gradient, variables)


def combined_gradient(model, x, y, sample_weight):
    """Runs one forward pass and returns the gradient to apply.

    Each stage's gradient is taken over the variables of its own subgraph, so
    its backward pass costs only that, and is reduced over replicas before
    combining. A combiner that has a joint objective takes one backward pass.
    Regularizers are no task: their gradient is added after combining.

    Args:
        model: A compiled `AnytimeModel`.
        x: Images `(batch, height, width, channels)`.
        y: Targets, one for all stages; for label sets a dict of them.
        sample_weight: Tensor `(batch,)` for all outputs, or several of them,
            or `None`; see `heads.sample_weights`.

    Returns:
        Tuple of the gradient (list aligned with `model.trainable_variables`,
        in the form in which Keras' optimizers sum it over replicas), the
        logits of every output (list), the stage losses (tensor `(K,)`) and the
        regularizers' penalty (scalar). Only the gradient carries the
        optimizer's loss scale.
    """
    combiner = model.combiner
    scale = model.optimizer.scale_loss
    with tf.GradientTape(persistent=True) as tape:
        outputs = keras.tree.flatten(model(x, training=True))
        losses, own = replicas.losses_of_batch(
            model.loss, model.stage_losses(y, outputs, sample_weight), x
        )
        weights = combiner.held(model.weighting(losses))
        weights = ops.cast(weights, losses.dtype)
        penalty = gradient_lists.penalty(model.losses, losses.dtype)
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
            objectives = [scale(task) for task in tasks]
            scaled_penalty = scale(penalty)
            if combiner.refresh_every > 1:
                factors = ops.cast(combiner.last_coefficients, losses.dtype)
                joint = scale(ops.sum(factors * ops.stack(tasks)))

    variables = model.trainable_variables
    if combiner.joint:
        gradient = _gradient(tape, joint, variables, variables)
        if replicas.count() > 1:
            (gradient,) = replicas.summed([_dense(gradient, variables)])
    else:
        owned = gradient_lists.owned_by_stages(model)

        def of_each_stage():
            return [
                _dense(
                    _gradient(
                        tape,
                        objective,
                        [
                            variable
                            for variable in variables
                            if id(variable) in own
                        ],
                        variables,
                    ),
                    variables,
                )
                for objective, own in zip(objectives, owned, strict=True)
            ]

        def at_once():
            gradient = _gradient(tape, joint, variables, variables)
            gradient = _dense(gradient, variables)
            return gradient_lists.at_first_owners(gradient, owned, variables)

        # The backward pass of synchronized batch normalization reduces over
        # replicas, which TensorFlow cannot do under a condition.
        one_pass = combiner.refresh_every > 1 and replicas.count() == 1
        stage_gradients = (
            gradient_lists.choose(
                combiner.due(), of_each_stage, at_once, owned, variables
            )
            if one_pass
            else of_each_stage()
        )
        stage_gradients = replicas.summed(stage_gradients)
        gradient = combiner(
            stage_gradients, scale(ops.ones((), losses.dtype)), one_pass
        )
        gradient = gradient_lists.added(
            gradient_lists.with_overflow(
                gradient, stage_gradients, model.optimizer
            ),
            _dense(
                _gradient(tape, scaled_penalty, variables, variables), variables
            ),
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


def _dense(gradient, variables):
    """Returns tensors of the variables' shapes, to compute with.

    Where the size of the batch is not known, some gradients do not know theirs;
    those of embeddings come as the rows that were read.
    """
    return [
        one
        if one is None
        else tf.ensure_shape(tf.convert_to_tensor(one), variable.shape)
        for one, variable in zip(gradient, variables, strict=True)
    ]
