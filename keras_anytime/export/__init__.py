"""Exporting networks for devices, and the manifest that describes them.

The manifest is read on devices without Keras, so the exporters load on use.
"""

import importlib

_EXPORTERS = ("saved_model", "tflite")

__all__ = list(_EXPORTERS)


def __getattr__(name):
    if name in _EXPORTERS:
        module = importlib.import_module(f"{__name__}.{name}")
        exporter = getattr(module, name)
        # Importing a submodule binds its own name here; the function it is.
        globals()[name] = exporter
        return exporter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
