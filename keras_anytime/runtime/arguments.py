"""Checks of the arguments that several calls of the runtime share."""

import math
import numbers
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_anytime.confidence import check_has_confidence
from keras_anytime.confidence import check_thresholds
from keras_anytime.manifest.manifest import Manifest

#: A threshold for all stages, one per stage, or `"manifest"`.
Confidence = float | Sequence[float] | np.ndarray | str | None


def check_positive_integer(name: str, value: Any, alternative: str = "") -> int:
    """Returns an integer of 1 or more.

    Args:
        name: String. The argument's name, for errors.
        value: The argument's value.
        alternative: String. Other allowed values, for errors, such as
            `", or None"`.

    Raises:
        ValueError: If the value is not an integer of 1 or more.
    """
    if (
        not isinstance(value, numbers.Integral)
        or isinstance(value, bool)
        or int(value) < 1
    ):
        raise ValueError(
            f"`{name}` must be an integer of 1 or more{alternative}. "
            f"Received: {name}={value!r}"
        )
    return int(value)


def check_milliseconds(name: str, value: Any) -> float:
    """Returns a time of 0 or more in milliseconds, which may be infinite.

    Args:
        name: String. The argument's name, for errors.
        value: The argument's value.

    Raises:
        ValueError: If the value is not a number, or is negative or NaN.
    """
    if (
        not isinstance(value, numbers.Real)
        or isinstance(value, bool)
        or not operator.ge(value, 0)
    ):
        raise ValueError(
            f"`{name}` must be a number of 0 or more, or None. "
            f"Received: {name}={value!r}"
        )
    try:
        return float(value)
    except OverflowError:  # An integer larger than all floats.
        return math.inf


def resolve_thresholds(
    confidence: Confidence, manifest: Manifest
) -> tuple[float, ...]:
    """Returns the confidence thresholds of a call.

    Args:
        confidence: As in `AnytimePredictor.predict`.
        manifest: The `Manifest` of the exported file.

    Returns:
        Tuple of K - 1 floats. It is empty if `confidence` is `None`, because
        then no answer ends the call early.

    Raises:
        ValueError: If the thresholds are not numbers in [0, 1], their number
            is wrong, or the manifest has none; or if the answers of the
            network have no confidence.
    """
    if confidence is None:
        return ()
    first = next(iter(manifest.logits_names.values()))
    outputs = manifest.signatures[manifest.program_names[0]].outputs
    (shape,) = [output.shape for output in outputs if output.name == first]
    classes = shape[-1]
    assert classes is not None, "only the batch size may be open"
    check_has_confidence(next(iter(manifest.tasks.values())), classes)
    if isinstance(confidence, str) and confidence == "manifest":
        if manifest.thresholds is None:
            raise ValueError(
                "The manifest has no confidence thresholds: export the network "
                "with `thresholds`, or give numbers. "
                "Received: confidence='manifest'"
            )
        return manifest.thresholds
    # A string is refused as any other value that is not a number.
    thresholds: Any = confidence
    return check_thresholds(thresholds, manifest.num_stages)
