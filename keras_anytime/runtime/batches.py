"""Conversion of an example or a batch to the array that a program takes."""

import numpy as np
from numpy.typing import ArrayLike

from keras_anytime.manifest.manifest import IMAGE_RANK
from keras_anytime.manifest.manifest import TensorSpec


def as_batch(
    x: ArrayLike,
    spec: TensorSpec,
    limits: tuple[float, float] | None = None,
    argument: str = "x",
) -> tuple[np.ndarray, bool]:
    """Converts one value of an input, or a batch, to a batch.

    Floats are never accepted for integers, nor integers for floats, because
    the network would run and its answers be wrong: floats are prepared images
    or other scaled values, and integers are pixels or tokens.

    Args:
        x: Array of the input's shape, such as an image `(height, width,
            channels)`, or a batch of them. Floats, even if the input of the
            file is quantized; integers if the network takes these, such as
            uint8 pixels or tokens.
        spec: The `TensorSpec` of the network's input.
        limits: Pair of floats. The range of valid values, as `value_limits`
            returns it, or `None`.
        argument: String, the name of `x` in errors.

    Returns:
        Pair of an array `(batch, ...)` of the input's dtype, quantized if the
        input is, and whether `x` is a single value. The array shares no memory
        with `x`.

    Raises:
        ValueError: If the network takes another shape or type, or a value is
            outside of the limits.
    """
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ValueError(
            f"{_noun(spec).capitalize()} must be arrays of numbers, of one "
            f"shape: {error}. "
            f"Received: {argument} of type {type(x).__name__}"
        ) from error
    wanted = spec.shape[1:]
    single = array.ndim == len(wanted)
    if array.shape[0 if single else 1 :] != wanted:
        raise ValueError(
            f"The network takes {_noun(spec)} of shape {wanted}, one or a "
            f"batch. Received: {argument} of shape {array.shape}"
        )
    if not array.size:
        raise ValueError(
            f"The batch is empty. Received: {argument} of shape {array.shape}"
        )
    _check_type(array, spec, argument)
    original = batch = array[None] if single else array
    if array.dtype.kind != "f":
        return np.array(batch, spec.dtype, order="C"), single
    # Half precision would round values that are quantized to 16 bits.
    batch = batch.astype(np.result_type(batch, "float32"), copy=False)
    _check_values(batch, spec, limits, argument)
    if spec.quantization is not None:
        integers = np.iinfo(spec.dtype)
        batch = np.clip(
            np.round(batch / spec.quantization["scale"])
            + spec.quantization["zero_point"],
            integers.min,
            integers.max,
        )
    # A batch that was converted is a copy already.
    copy = batch is original
    return batch.astype(spec.dtype, order="C", copy=copy), single


def takes_floats(spec: TensorSpec) -> bool:
    """Returns whether an input takes floats, which may be quantized."""
    return spec.quantization is not None or np.dtype(spec.dtype).kind == "f"


def _noun(spec: TensorSpec) -> str:
    return "images" if len(spec.shape) == IMAGE_RANK else "inputs"


def _check_type(x: np.ndarray, spec: TensorSpec, argument: str) -> None:
    """Raises a `ValueError` if the network does not take this type."""
    received = f"Received: {argument} of type {x.dtype}"
    if x.dtype.kind == "b" and spec.dtype == "bool":
        return
    if x.dtype.kind not in "fiu" or spec.dtype == "bool":
        kind = "booleans" if spec.dtype == "bool" else "real numbers"
        raise ValueError(
            f"{_noun(spec).capitalize()} must be {kind}. {received}"
        )
    is_image = len(spec.shape) == IMAGE_RANK
    if takes_floats(spec):
        if x.dtype.kind == "f":
            return
        if not is_image:
            raise ValueError(
                "The network takes floats. Scale integers as in training, and "
                f"convert them with `x.astype('float32')`. {received}"
            )
        raise ValueError(
            "The network takes prepared images in floats. Convert uint8 pixels "
            "with `prepare()`, or export the network with `pixels=True`. If it "
            "was trained on raw pixels, convert them with "
            f"`x.astype('float32')`. {received}"
        )
    if spec.dtype == "uint8" and is_image:
        if x.dtype == np.uint8:
            return
        raise ValueError(
            "The network takes pixels from 0 to 255 in uint8, not prepared "
            "images; `prepare()` resizes them to its size. "
            f"{received}, not uint8"
        )
    integers = np.iinfo(spec.dtype)
    if x.dtype.kind == "f" or not (
        integers.min <= x.min() and x.max() <= integers.max
    ):
        raise ValueError(
            f"The network takes integers that fit {spec.dtype}. {received}"
        )


def _check_values(
    batch: np.ndarray,
    spec: TensorSpec,
    limits: tuple[float, float] | None,
    argument: str,
) -> None:
    """Raises a `ValueError` if no value of the input can be so."""
    # If there is a NaN, it is both the minimum and the maximum.
    lowest, highest = float(batch.min()), float(batch.max())
    kept = np.dtype(spec.dtype).kind == "f"
    largest = float(np.finfo(spec.dtype if kept else batch.dtype).max)
    if not -largest <= lowest <= highest <= largest:
        raise ValueError(
            f"{_noun(spec).capitalize()} must be finite. Received: {argument} "
            f"with values from {lowest:.4g} to {highest:.4g}"
        )
    if limits is not None and not (limits[0] <= lowest <= highest <= limits[1]):
        if len(spec.shape) != IMAGE_RANK:
            raise ValueError(
                f"The file's {spec.dtype} input was calibrated on values that "
                f"lie well within {limits[0]:.4g} to {limits[1]:.4g}, and cuts "
                "off others: scale values as in training, or export with "
                "`representative` examples like these. Received: "
                f"{argument} with values from {lowest:.4g} to {highest:.4g}"
            )
        raise ValueError(
            "The network was not trained on such images: the values of images "
            "that are prepared as its manifest says lie well within "
            f"{limits[0]:.4g} to {limits[1]:.4g}. Convert uint8 pixels with "
            "`prepare()`, or export the network with `pixels=True`. Received: "
            f"{argument} with values from {lowest:.4g} to {highest:.4g}"
        )
