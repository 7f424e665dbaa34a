"""Exporting networks for devices, and the manifest that describes them.

The manifest is read on devices without Keras, so the exporters load on use.
"""

import importlib

_MODULES = {
    "CALIBRATED": "quantization",
    "VARIANTS": "quantization",
    "AccuracyLoss": "verification",
    "Verified": "verification",
    "cluster": "fine_tuning",
    "export_verified": "verification",
    "file_sizes": "fine_tuning",
    "prune": "fine_tuning",
    "quantization_aware": "fine_tuning",
    "saved_model": "savedmodel",
    "tflite": "litert",
    "verification_table": "verification",
    "verify": "verification",
}

__all__ = list(_MODULES)


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    return getattr(module, name)
