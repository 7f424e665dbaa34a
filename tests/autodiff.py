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
    return differentiated(function, variables)()


def differentiated(function, variables):
    """`gradients` to be called many times, while the variables change.

    On JAX, what the function reads of other variables is that of the first
    call.
    """
    if keras.backend.backend() == "jax":
        return _by_jax(function, variables)
    return lambda: _by_tape(function, variables)


def _by_tape(function, variables):
    import tensorflow as tf

    with tf.GradientTape(persistent=True) as tape:
        losses = function()
    sources = [variable.value for variable in variables]
    gradients = [tape.gradient(loss, sources) for loss in losses]
    return [float(loss) for loss in losses], [
        [
            entry if entry is None else keras.ops.convert_to_numpy(entry)
            for entry in gradient
        ]
        for gradient in gradients
    ]


def _by_jax(function, variables):
    import jax

    def losses_at(values):
        mapping = list(zip(variables, values, strict=True))
        with keras.StatelessScope(mapping):
            return function()

    # One program for all losses: 25 backward passes in one take minutes to
    # compile.
    @jax.jit
    def pulled(values, unit):
        losses, pull = jax.vjp(losses_at, values)
        units = [
            share.astype(loss.dtype)
            for share, loss in zip(unit, losses, strict=True)
        ]
        return losses, pull(units)[0]

    def values():
        return [variable.value for variable in variables]

    units = np.eye(len(jax.eval_shape(losses_at, values())))

    def call():
        gradients = []
        for unit in units:
            losses, gradient = pulled(values(), unit)
            # JAX has zeros where there is no way; a gradient of a variable
            # that is reached is not zero in every entry.
            gradients.append(
                [
                    np.asarray(entry) if np.any(entry) else None
                    for entry in gradient
                ]
            )
        return [float(loss) for loss in losses], gradients

    return call
