"""Checks of the arguments that calls of the runtime share."""

import math
import numbers
import operator

from keras_anytime.confidence import check_confident
from keras_anytime.confidence import check_thresholds


def positive_integer(name: str, value, otherwise: str = "") -> int:
    """Returns an integer of 1 or more.

    Args:
        name: String. The argument's name.
        value: What was given.
        otherwise: String. What else may be given, for the message.

    Raises:
        ValueError: If it is anything else.
    """
    if (
        not isinstance(value, numbers.Integral)
        or isinstance(value, bool)
        or value < 1
    ):
        raise ValueError(
            f"`{name}` must be an integer of 1 or more{otherwise}. "
            f"Received: {name}={value!r}"
        )
    return int(value)


def milliseconds(name: str, value) -> float:
    """Returns a time of 0 or more, which may be infinite.

    Args:
        name: String. The argument's name.
        value: What was given.

    Raises:
        ValueError: If it is no number, or a negative one.
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
    except OverflowError:  # An integer beyond all floats.
        return math.inf


def thresholds_of(confidence, manifest) -> tuple[float, ...]:
    """Returns the confidences above which answers are final.

    Args:
        confidence: As for `AnytimePredictor.predict`.
        manifest: The file's `Manifest`.

    Returns:
        Tuple of K - 1 floats; none where no answer ends a call early.

    Raises:
        ValueError: If they are no numbers in [0, 1], of a wrong number, or not
            in the manifest; or if the network's answers have none.
    """
    if confidence is None:
        return ()
    first = next(iter(manifest.logits_names.values()))
    outputs = manifest.signatures[manifest.program_names[0]].outputs
    (shape,) = [output.shape for output in outputs if output.name == first]
    check_confident(manifest.task, shape[-1])
    if isinstance(confidence, str) and confidence == "manifest":
        if manifest.thresholds is None:
            raise ValueError(
                "The manifest has no confidences: export the network with "
                "`thresholds`, or give numbers. "
                "Received: confidence='manifest'"
            )
        return manifest.thresholds
    return check_thresholds(confidence, manifest.num_stages)
