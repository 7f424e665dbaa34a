"""Computing in 64 bits where a backend has to be asked for it."""

import contextlib

import keras


def float64():
    """Returns a scope in which the backend computes in float64 as told.

    JAX has 32 bits by default, and its GPUs multiply matrices of float32 in
    fewer still. Other backends need no scope.

    Returns:
        A context manager.
    """
    if keras.backend.backend() != "jax":
        return contextlib.nullcontext()
    import jax

    scope = contextlib.ExitStack()
    scope.enter_context(jax.enable_x64(True))
    scope.enter_context(jax.default_matmul_precision("highest"))
    return scope
