"""Functions of the Keras backend that `keras.ops` does not offer.

The attributes come from the module of the Keras backend in use, `tensorflow` or
`jax`. Both modules define the same names. The module is loaded when the first
attribute is read, so that layers and networks work on every Keras backend.
"""

import importlib
from typing import Any

import keras

_BACKENDS = ("tensorflow", "jax")
# Both modules define these.
_PER_BACKEND = (
    "apply_gradient",
    "branches_pay_off",
    "check_each_batch",
    "check_strategy",
    "data_parallel",
    "default_jit_compile",
    "devices",
    "devices_per_batch",
    "forward_pass",
    "make_deterministic",
    "run_batch",
    "scope",
    "strategy_for_fit",
    "whole_batch_losses",
)

__all__ = list(_PER_BACKEND)


def __getattr__(name: str) -> Any:
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
