"""Training beside `fit`: greedy; checks, resuming, gradients per backend."""

import importlib

import keras

from keras_anytime.training.greedy import fit_greedy
from keras_anytime.training.inputs import check_labels
from keras_anytime.training.inputs import fit_options

_BACKENDS = ("tensorflow", "jax")
_PER_BACKEND = (
    "apply_gradient",
    "as_step",
    "check_each_batch",
    "check_strategy",
    "combined_gradient",
    "default_jit_compile",
    "devices_per_batch",
    "losses_of_batch",
    "make_deterministic",
    "scope",
    "strategy_for_fit",
)

__all__ = ["check_labels", "fit_greedy", "fit_options", *_PER_BACKEND]


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
