"""Stage gradients by explicit tapes, without the library's training step."""

import keras
import numpy as np
import tensorflow as tf


def stage_gradients(model, x, y, weights=None):
    """The gradient of each weighted stage loss, and the losses.

    One tape over the whole network, asked once per stage: no subnetworks, no
    joint backward pass. Regularisers are left out.

    Returns:
        K lists with one tensor per trainable variable, `None` where the stage
        does not reach it; and the K losses, unweighted.
    """
    with tf.GradientTape(persistent=True) as tape:
        losses = [
            tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
            )
            for logits in model(x, training=True)
        ]
        if weights is None:
            weights = np.ones(len(losses))
        weighted = [
            tf.cast(weight, loss.dtype) * loss
            for weight, loss in zip(weights, losses, strict=True)
        ]
    variables = [one.value for one in model.trainable_variables]
    gradients = [tape.gradient(one, variables) for one in weighted]
    return gradients, [float(loss) for loss in losses]


def trained(model, x, y, steps=5, rate=0.05):
    """Trains a network a little, without any of the library's training."""
    optimizer = keras.optimizers.SGD(rate, momentum=0.9)
    for _ in range(steps):
        gradients, _ = stage_gradients(model, x, y)
        total = [
            sum(one for one in column if one is not None)
            for column in zip(*gradients, strict=True)
        ]
        optimizer.apply(total, model.trainable_variables)
    return model


def move(model, act):
    """What `act()` takes off the trainable variables, as one vector."""
    before = [one.numpy() for one in model.trainable_variables]
    act()
    after = [one.numpy() for one in model.trainable_variables]
    return np.concatenate(
        [(a - b).ravel() for a, b in zip(before, after, strict=True)]
    )


def penalty_gradient(model):
    """The gradient of the regularisers alone, as one vector."""
    variables = [one.value for one in model.trainable_variables]
    with tf.GradientTape() as tape:
        penalty = sum(model.losses)
    gradient = tape.gradient(penalty, variables, unconnected_gradients="zero")
    return np.concatenate([one.numpy().ravel() for one in gradient])
