"""Computing in float64 on every backend."""

import contextlib

import keras


def float64() -> contextlib.AbstractContextManager:
    """Returns a scope in which operations on float64 keep 64 bits.

    JAX computes in 32 bits by default, and multiplies float32 matrices with
    fewer bits on GPUs. Other backends need no scope.

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
