"""What training needs of a backend, and Keras does not offer.

Attributes come from the module of the Keras backend in use, `tensorflow` or
`jax`, which loads with the first of them.
"""

import importlib

import keras

_BACKENDS = ("tensorflow", "jax")
_PER_BACKEND = (
    "ForwardPass",
    "apply_gradient",
    "branches_pay_off",
    "check_each_batch",
    "check_strategy",
    "default_jit_compile",
    "devices_per_batch",
    "make_deterministic",
    "run_batch",
    "scope",
    "strategy_for_fit",
    "whole_batch_losses",
)

__all__ = list(_PER_BACKEND)


def __getattr__(name):
    if name not in _PER_BACKEND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    backend = keras.backend.backend()
    if backend not in _BACKENDS:
        raise ImportError(
            "keras_anytime trains on the TensorFlow and JAX backends: set "
            "KERAS_BACKEND to one of them before Keras is imported. "
            f"Received: KERAS_BACKEND={backend}"
        )
    return getattr(importlib.import_module(f"{__name__}.{backend}"), name)
