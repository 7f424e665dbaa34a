"""Training beside `fit`: greedy; checks, resuming, gradients per backend."""

import importlib

import keras

from keras_anytime.training.greedy import fit_greedy
from keras_anytime.training.inputs import fit_options

_PER_BACKEND = (
    "check_strategy",
    "combined_gradient",
    "default_jit_compile",
    "losses_of_batch",
    "replica_logs",
    "scope",
    "strategy_for_fit",
)

__all__ = ["fit_greedy", "fit_options", *_PER_BACKEND]


def __getattr__(name):
    if name not in _PER_BACKEND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ImportError(
            "keras_anytime trains on the TensorFlow backend. "
            f"Received: KERAS_BACKEND={backend}"
        )
    return getattr(importlib.import_module(f"{__name__}.{backend}"), name)
