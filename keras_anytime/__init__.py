"""Anytime neural networks: a first answer early, better ones with time.

Submodules load on first use, so that importing the package takes milliseconds
and a device without Keras can import `keras_anytime.runtime`.
"""

import importlib
import sys
import types
from typing import Any

from keras_anytime.extras import add_advice
from keras_anytime.version import __version__

_SUBMODULES = (
    "callbacks",
    "convert",
    "data",
    "distillation",
    "evaluation",
    "experiments",
    "export",
    "gradients",
    "layers",
    "manifest",
    "nets",
    "runtime",
    "tasks",
    "training",
    "weighting",
)
_ATTRIBUTES = {
    "AnytimeModel": "keras_anytime.model",
    "MultitaskModel": "keras_anytime.training.multitask_model",
    "Nesting": "keras_anytime.nesting",
    "load_model": "keras_anytime.loading",
}

__all__ = ["__version__", *_ATTRIBUTES, *_SUBMODULES]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return _load(f"{__name__}.{name}")
    if name in _ATTRIBUTES:
        return getattr(_load(_ATTRIBUTES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _load(module: str) -> types.ModuleType:
    """Imports a module, or says which extra brings what it needs."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        add_advice(error)
        raise


def __dir__() -> list[str]:
    return sorted(__all__)


# `keras.models.load_model` only finds registered classes. If Keras is already
# imported, registering them costs next to nothing.
if "keras" in sys.modules:
    importlib.import_module("keras_anytime.loading")
