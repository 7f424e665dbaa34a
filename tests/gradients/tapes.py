"""Stage gradients without the library's training step."""

import keras
import numpy as np

from tests import autodiff


def stage_gradients(model, x, y, weights=None):
    """The gradient of each weighted stage loss, and the losses.

    One differentiation of the whole network, asked once per stage: no
    subnetworks, no joint backward pass. Regularizers are left out.

    Returns:
        K lists with one array per trainable variable, `None` where the stage
        does not reach it; and the K losses, unweighted.
    """
    losses, gradients = _differentiated(model, x, y)()
    if weights is None:
        weights = np.ones(len(losses))
    return [
        [
            values if values is None else np.float32(weight) * values
            for values in gradient
        ]
        for weight, gradient in zip(weights, gradients, strict=True)
    ], losses


def trained(model, x, y, steps=5, rate=0.05):
    """Trains a network a little, without any of the library's training."""
    optimizer = keras.optimizers.SGD(rate, momentum=0.9)
    differentiate = _differentiated(model, x, y)
    for _ in range(steps):
        _, gradients = differentiate()
        total = [
            sum(gradient for gradient in column if gradient is not None)
            for column in zip(*gradients, strict=True)
        ]
        optimizer.apply(total, model.trainable_variables)
    return model


def move(model, act):
    """What `act()` takes off the trainable variables, as one vector."""
    before = [np.array(variable) for variable in model.trainable_variables]
    act()
    after = [np.array(variable) for variable in model.trainable_variables]
    return np.concatenate(
        [(a - b).ravel() for a, b in zip(before, after, strict=True)]
    )


def penalty_gradient(model):
    """The gradient of the regularizers alone, as one vector."""
    variables = model.trainable_variables
    _, (gradient,) = autodiff.gradients(lambda: [sum(model.losses)], variables)
    return np.concatenate(
        [
            np.zeros(variable.shape).ravel() if one is None else one.ravel()
            for variable, one in zip(variables, gradient, strict=True)
        ]
    )


def _differentiated(model, x, y):
    def losses():
        return [
            keras.ops.mean(
                keras.losses.sparse_categorical_crossentropy(
                    y, logits, from_logits=True
                )
            )
            for logits in model(x, training=True)
        ]

    return autodiff.differentiated(losses, model.trainable_variables)
