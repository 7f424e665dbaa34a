"""Gradients by the backend itself, without the library's training step."""

import keras
import numpy as np


def gradients(function, variables):
    """Differentiates the losses that a function returns.

    Args:
        function: Function without arguments to a list of K scalar tensors. It
            may change variables; these changes stay on TensorFlow only.
        variables: List of V `keras.Variable`s.

    Returns:
        Tuple of the K losses, floats, and K lists of V arrays, `None` where a
        loss does not reach a variable.
    """
    if keras.backend.backend() == "jax":
        return _of_jax(function, variables)
    import tensorflow as tf

    with tf.GradientTape(persistent=True) as tape:
        losses = function()
    sources = [variable.value for variable in variables]
    found = [tape.gradient(loss, sources) for loss in losses]
    return [float(loss) for loss in losses], [
        [
            one if one is None else keras.ops.convert_to_numpy(one)
            for one in gradient
        ]
        for gradient in found
    ]


def _of_jax(function, variables):
    import jax

    def differentiated(values):
        def losses_at(values):
            mapping = list(zip(variables, values, strict=True))
            with keras.StatelessScope(mapping):
                return function()

        losses, pull = jax.vjp(losses_at, values)
        units = np.eye(len(losses), dtype="float32")
        return losses, [pull(list(unit))[0] for unit in units]

    values = [variable.value for variable in variables]
    losses, found = jax.jit(differentiated)(values)
    # JAX has zeros where there is no way; a gradient of a variable that is
    # reached is not zero in every entry.
    return [float(loss) for loss in losses], [
        [np.asarray(one) if np.any(one) else None for one in gradient]
        for gradient in found
    ]
