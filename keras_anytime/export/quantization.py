"""Quantizes a LiteRT file so that steps exchange features unconverted.

AI Edge Quantizer rewrites the float file. Full integer variants need the range
of each tensor, which `quantization_ranges` measures.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import numpy as np
from ai_edge_quantizer import quantizer
from ai_edge_quantizer import recipe

from keras_anytime.export.quantization_handover import match_handover
from keras_anytime.export.quantization_ranges import measure_ranges
from keras_anytime.export.quantization_ranges import unify_ranges

# Weights in 16-bit floats; in 8-bit or 4-bit integers, with activations in
# floats that are quantized on the fly; weights and activations in integers.
VARIANTS = ("float16", "dynamic", "int4", "int8", "int16x8", "int8_qat")
CALIBRATED = ("int8", "int16x8", "int8_qat")

_FLOAT16 = [
    {
        "regex": ".*",
        "operation": "*",
        "algorithm_key": "float_casting",
        "op_config": {
            "weight_tensor_config": {
                "num_bits": 16,
                "dtype": "FLOAT",
                "symmetric": True,
                "granularity": "TENSORWISE",
            },
            "compute_precision": "FLOAT",
            "explicit_dequantize": True,
            "skip_checks": False,
        },
    }
]
_RECIPES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "float16": lambda: _FLOAT16,
    "dynamic": recipe.dynamic_wi8_afp32,
    "int4": recipe.dynamic_wi4_afp32,
    "int8": recipe.static_wi8_ai8,
    "int16x8": recipe.static_wi8_ai16,
    # Training has changed the weights; the quantization itself is the same.
    "int8_qat": recipe.static_wi8_ai8,
}


def check_variant(quantization: str | None, representative: Any) -> None:
    """Raises an error if a variant is unknown or lacks calibration examples.

    Args:
        quantization: One of `VARIANTS`, or `None`.
        representative: As in `export.tflite`.

    Raises:
        ValueError: If it is so.
    """
    if quantization is not None and quantization not in VARIANTS:
        raise ValueError(
            f"`quantization` must be one of {list(VARIANTS)}, or None. "
            f"Received: quantization={quantization!r}"
        )
    if quantization in CALIBRATED and representative is None:
        raise ValueError(
            f"{quantization!r} is calibrated on real examples: give some "
            "hundred prepared ones as `representative`"
            + (", with labels" if quantization == "int8_qat" else "")
            + ". Received: representative=None"
        )


def quantize(
    content: bytes,
    quantization: str,
    examples: Mapping[str, np.ndarray] | None = None,
) -> bytes:
    """Returns the quantized form of a float LiteRT file.

    Args:
        content: Bytes of the file, whose tensors still have names.
        quantization: String, one of `VARIANTS`.
        examples: Dict from the names of the file's inputs to arrays
            `(count, ...)`. Only the `CALIBRATED` variants need it.

    Returns:
        Bytes.
    """
    chosen = _RECIPES[quantization]()
    ranges = None
    with _quiet():
        if quantization in CALIBRATED:
            ranges = unify_ranges(
                content, measure_ranges(content, chosen, examples or {})
            )
        result = quantizer.Quantizer(content, chosen).quantize(
            ranges, enable_progress_report=False
        )
    return match_handover(bytes(result.quantized_model))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides the quantizer's progress bars and log messages."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        with (
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.root.setLevel(level)
