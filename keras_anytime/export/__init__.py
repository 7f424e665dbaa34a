"""Exports of networks to SavedModel and LiteRT files, compressed or not.

Exporters load on first use, because they bring TensorFlow.
"""

import importlib
from typing import Any

from keras_anytime.extras import add_advice

# Public names by the modules that define them.
_MODULES = {
    "CALIBRATED": "quantization",
    "VARIANTS": "quantization",
    "AccuracyDropError": "verified_export",
    "FileSizes": "file_size",
    "VerificationResult": "verification",
    "cluster": "clustering",
    "export_verified": "verified_export",
    "file_sizes": "file_size",
    "prune": "pruning",
    "quantization_aware": "quantization_training",
    "saved_model": "savedmodel",
    "tflite": "litert",
    "verification_table": "verification",
    "verify": "verification",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    except ModuleNotFoundError as error:
        add_advice(error)
        raise
    return getattr(module, name)
