"""Reads and checks the examples on which an export is calibrated."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_anytime.export.preprocessing import to_pixels
from keras_anytime.export.safe_names import safe_inputs
from keras_anytime.stages.image_input import image_input
from keras_anytime.stages.named_inputs import named_inputs

# More examples hardly change the ranges of tensors, and each takes a run of all
# steps.
CALIBRATION_EXAMPLES = 200
# Tolerance for rounding at both ends of the range of prepared pixels, as a
# share of the range.
_TOLERANCE = 0.01


def calibration_inputs(
    representative: Any,
    model: keras.Model,
    preprocessing: Mapping[str, Any] | None = None,
    pixels: Mapping[str, Any] | None = None,
) -> dict[str, np.ndarray]:
    """Returns the examples for calibration, as the exported file takes them.

    Args:
        representative: Examples as `export.tflite` takes them.
        model: The `AnytimeModel`.
        preprocessing: Dict with `scale`, `mean` and `std`, or `None` if it is
            not known how images were prepared.
        pixels: Dict as from `preprocessing.pixel_input` for a file that takes
            pixels, or `None`.

    Returns:
        Dict from the names of the file's inputs to arrays `(count, ...)`, with
        at most `CALIBRATION_EXAMPLES` examples.

    Raises:
        ValueError: If there are no examples, or they were not prepared as for
            training.
    """
    chosen: dict[str, list[np.ndarray]] = {
        name: [] for name in model.feature_inputs
    }
    count = 0
    for batch in _batches(representative, model):
        _check_counts(batch, "representative")
        for name, array in batch.items():
            part = (
                array[: CALIBRATION_EXAMPLES - count] if array.ndim else array
            )
            chosen[name].append(
                _as_file_takes_it(part, model, name, preprocessing, pixels)
            )
        count += len(part)
        if count >= CALIBRATION_EXAMPLES:
            break
    if not count:
        raise ValueError(
            "`representative` has no examples. A generator gives its examples "
            "once; a function that returns a generator gives them each time. "
            "Received: 0 examples"
        )
    return {
        name: np.concatenate(chosen[key])
        for key, name in safe_inputs(model).items()
    }


def check_prepared(
    inputs: Mapping[str, np.ndarray],
    model: keras.Model,
    preprocessing: Mapping[str, Any] | None,
    argument: str,
) -> None:
    """Raises an error for examples that were not prepared as for training.

    Without this check, measurements on pixels that nobody normalized would be
    wrong without notice.

    Args:
        inputs: Dict from the names of the model's inputs to arrays
            `(count, ...)`.
        model: The `AnytimeModel` that takes them.
        preprocessing: Dict with `scale`, `mean` and `std`, or `None` if it is
            not known; then the range of images is not checked.
        argument: String, the examples' name in errors.

    Raises:
        ValueError: If shape, type or range do not match, or the inputs differ
            in their number of examples.
    """
    _check_counts(inputs, argument)
    for name, array in inputs.items():
        _check_input(array, model, name, preprocessing, argument)


def _check_counts(inputs: Mapping[str, np.ndarray], argument: str) -> None:
    """Raises a `ValueError` if inputs differ in their number of examples."""
    if len({array.shape[:1] for array in inputs.values()}) > 1:
        shapes = {name: array.shape for name, array in inputs.items()}
        raise ValueError(
            "There must be as many examples of each input. "
            f"Received: {argument} of shapes {shapes}"
        )


def _as_file_takes_it(
    array: np.ndarray,
    model: keras.Model,
    name: str,
    preprocessing: Mapping[str, Any] | None,
    pixels: Mapping[str, Any] | None,
) -> np.ndarray:
    """Checks the examples of one input, and returns them as the file's."""
    tensor = model.feature_inputs[name]
    takes_pixels = pixels is not None and tensor is image_input(model)
    if takes_pixels and array.dtype == np.uint8:
        assert pixels is not None
        expected = (*pixels["size"], tensor.shape[-1])
        _check_shape(array, expected, _in_words(model, "representative", name))
        return array
    _check_input(array, model, name, preprocessing, "representative")
    if takes_pixels:
        assert pixels is not None
        return to_pixels(array, pixels)
    if _is_float(array.dtype):
        return array.astype("float32")
    return array.astype(keras.backend.standardize_dtype(tensor.dtype))


def _check_input(
    array: np.ndarray,
    model: keras.Model,
    name: str,
    preprocessing: Mapping[str, Any] | None,
    argument: str,
) -> None:
    """Raises a `ValueError` if the examples of one input do not fit it."""
    tensor = model.feature_inputs[name]
    is_image = tensor is image_input(model)
    argument = _in_words(model, argument, name)
    _check_shape(array, tuple(tensor.shape[1:]), argument)
    input_dtype = keras.backend.standardize_dtype(tensor.dtype)
    noun = "images" if is_image else "inputs"
    if not _is_float(input_dtype):
        if array.dtype != input_dtype and not (
            _holds_integers(array, input_dtype) and not is_image
        ):
            raise ValueError(
                f"The network takes {noun} of type {input_dtype}. "
                f"Received: {argument} of type {array.dtype}"
            )
        return
    if not _is_float(array.dtype):
        raise ValueError(
            "The network takes prepared images, which are floats. Prepare "
            "pixels as for training, such as by `prepare()` of a predictor; a "
            "file that is exported with `pixels=True` takes uint8 pixels as "
            "they are, and a network that normalizes pixels itself takes them "
            f"as floats. Received: {argument} of type {array.dtype}"
            if is_image
            else "The network takes floats. Scale integers as in training, and "
            "convert them with `x.astype('float32')`. "
            f"Received: {argument} of type {array.dtype}"
        )
    if not np.isfinite(array).all():
        raise ValueError(
            f"{noun.capitalize()} must be finite numbers. "
            f"Received: {argument} with {np.sum(~np.isfinite(array))} others"
        )
    if is_image and preprocessing is not None and array.size:
        _check_range(array, preprocessing, argument)


def _check_range(
    images: np.ndarray, preprocessing: Mapping[str, Any], argument: str
) -> None:
    """Raises a `ValueError` if no pixels are prepared to these images."""
    mean = np.array(preprocessing["mean"])
    std = np.array(preprocessing["std"])
    ends = [(pixel / preprocessing["scale"] - mean) / std for pixel in (0, 255)]
    low, high = np.minimum(*ends), np.maximum(*ends)
    tolerance = _TOLERANCE * (high - low)
    axes = tuple(range(images.ndim - 1))
    if np.any(images.min(axes) < low - tolerance) or np.any(
        images.max(axes) > high + tolerance
    ):
        raise ValueError(
            "The network takes prepared images, and `preprocessing` makes "
            f"pixels numbers from {np.min(low):.3g} to {np.max(high):.3g}. "
            "Prepare images as for training. Received: "
            f"{argument} from {images.min():.3g} to {images.max():.3g}, "
            f"preprocessing={preprocessing}"
        )


def _batches(
    representative: Any, model: keras.Model
) -> Iterator[dict[str, np.ndarray]]:
    """Yields batches of inputs, by name.

    Args:
        representative: Examples as `export.tflite` takes them.
        model: The `AnytimeModel`.
    """
    ranks = [len(tensor.shape) for tensor in model.inputs]
    if callable(representative):
        representative = representative()
    if isinstance(representative, keras.utils.PyDataset):
        data = representative
        representative = (data[index] for index in range(len(data)))
    elif _is_batch(representative, ranks):
        representative = [representative]
    for batch in representative:
        if isinstance(batch, (tuple, list)) and not _are_inputs(batch, ranks):
            batch = batch[0]
        arrays = {
            name: np.asarray(value)
            for name, value in named_inputs(
                model, batch, "representative"
            ).items()
        }
        single = all(
            array.ndim == rank - 1
            for array, rank in zip(arrays.values(), ranks, strict=True)
        )
        yield {
            name: array[None] if single else array
            for name, array in arrays.items()
        }


def _is_batch(values: Any, ranks: Sequence[int]) -> bool:
    """Returns whether it is a batch, with or without its labels.

    Otherwise it is several batches or examples.
    """
    if hasattr(values, "shape") or isinstance(values, Mapping):
        return True
    if not isinstance(values, (tuple, list)) or not values:
        return False
    if _are_inputs(values, ranks):
        return len(ranks) > 1
    if len(values) == 1:
        return False
    x, labels = values[:2]
    if len(ranks) > 1:
        if isinstance(x, Mapping) and isinstance(labels, Mapping):
            return set(x) != set(labels)
        return (
            isinstance(x, Mapping) or _are_inputs(x, ranks)
        ) and not _are_inputs(labels, ranks)
    # Labels may have the rank of the input. Of two arrays alike, a tuple has
    # examples and labels, and a list has batches.
    return np.ndim(x) == ranks[0] and (
        isinstance(values, tuple)
        or isinstance(labels, Mapping)
        or np.ndim(labels) != ranks[0]
    )


def _are_inputs(values: Any, ranks: Sequence[int]) -> bool:
    """Returns whether it has an array of its rank for each of the inputs."""
    return (
        len(ranks) > 1
        and isinstance(values, (tuple, list))
        and len(values) == len(ranks)
        and any(
            all(
                hasattr(value, "shape") and len(value.shape) == rank - missing
                for value, rank in zip(values, ranks, strict=True)
            )
            for missing in (0, 1)
        )
    )


def _in_words(model: keras.Model, argument: str, name: str) -> str:
    return argument if len(model.inputs) == 1 else f"{argument}[{name!r}]"


def _check_shape(
    array: np.ndarray, expected: tuple[int | None, ...], argument: str
) -> None:
    if array.ndim != len(expected) + 1 or any(
        size not in (None, received)
        for size, received in zip(expected, array.shape[1:], strict=True)
    ):
        noun = "images" if len(expected) == 3 else "inputs"
        raise ValueError(
            f"`{argument}` must have {noun} of shape {expected}. "
            f"Received: shape {array.shape}, type {array.dtype}"
        )


def _is_float(dtype: Any) -> bool:
    return str(dtype).startswith(("float", "bfloat"))


def _holds_integers(array: np.ndarray, dtype: str) -> bool:
    """Returns whether all numbers are integers of a type."""
    if array.dtype.kind not in "iu" or dtype == "bool":
        return False
    limits = np.iinfo(dtype)
    return not array.size or bool(
        limits.min <= array.min() and array.max() <= limits.max
    )
