"""What a caller gives as an image, as the exported network takes it."""

import numpy as np

from keras_anytime.manifest.manifest import TensorSpec


def as_batch(
    x, spec: TensorSpec, limits: tuple[float, float] | None = None
) -> tuple[np.ndarray, bool]:
    """Returns a batch in the form that a network is fed.

    What is prepared is floats, and what are integers is pixels: one is never
    taken for the other, as the numbers would fit and the answers be wrong.

    Args:
        x: Image `(height, width, channels)`, or a batch of them. Uint8 pixels
            where the file takes these, else prepared images in floats, also
            where the file's input is quantized.
        spec: The network's input.
        limits: What values lie between, as from `value_limits`.

    Returns:
        Pair of an array `(batch, height, width, channels)` of the input's
        type, quantized where the input is, and whether `x` is a single image.
        It shares no memory with `x`.

    Raises:
        ValueError: If it has another shape or type than the network takes, or
            values that no prepared image has.
    """
    try:
        x = np.asarray(x)
    except ValueError as error:
        raise ValueError(
            f"Images must be arrays of numbers, of one shape: {error}. "
            f"Received: x of type {type(x).__name__}"
        ) from error
    wanted = spec.shape[1:]
    single = x.ndim == len(wanted)
    if x.shape[0 if single else 1 :] != wanted:
        raise ValueError(
            f"The network takes images of shape {wanted}, one or a batch. "
            f"Received: x of shape {x.shape}"
        )
    if not x.size:
        raise ValueError(f"The batch is empty. Received: x of shape {x.shape}")
    _check_type(x, spec)
    given = batch = x[None] if single else x
    if x.dtype.kind != "f":
        return np.array(batch, spec.dtype, order="C"), single
    # Halves would round what is quantized in 16 bits.
    batch = batch.astype(np.result_type(batch, "float32"), copy=False)
    _check_values(batch, spec, limits)
    if spec.quantization is not None:
        numbers = np.iinfo(spec.dtype)
        batch = np.clip(
            np.round(batch / spec.quantization["scale"])
            + spec.quantization["zero_point"],
            numbers.min,
            numbers.max,
        )
    # What was converted is a copy already.
    copy = batch is given
    return batch.astype(spec.dtype, order="C", copy=copy), single


def value_limits(
    spec: TensorSpec, preprocessing: dict | None
) -> tuple[float, float] | None:
    """Returns what the values of prepared images lie between, with a margin.

    Pixels that were not prepared lie far outside in most cases. Where the
    manifest does not say how images are prepared, the range of a quantized
    input takes its place. On either side there is room for as much again.

    Args:
        spec: The network's input.
        preprocessing: Dict with `scale`, `mean` and `std`, or `None`.

    Returns:
        Pair of floats; `None` where nothing is known, or the input is pixels.
    """
    if spec.quantization is None and np.dtype(spec.dtype).kind != "f":
        return None
    normalize = _normalization(preprocessing)
    if normalize is not None:
        ends = normalize(np.array([[0.0], [255.0]]))
    elif spec.quantization is not None:
        numbers = np.iinfo(spec.dtype)
        ends = spec.quantization["scale"] * (
            np.array([numbers.min, numbers.max], "float64")
            - spec.quantization["zero_point"]
        )
    else:
        return None
    lowest, highest = float(np.min(ends)), float(np.max(ends))
    margin = highest - lowest
    return lowest - margin, highest + margin


def _check_type(x, spec):
    """Raises a `ValueError` if numbers are of a kind that is not taken."""
    received = f"Received: x of type {x.dtype}"
    if x.dtype.kind not in "fiu":
        raise ValueError(f"Images must be real numbers. {received}")
    if spec.quantization is not None or np.dtype(spec.dtype).kind == "f":
        if x.dtype.kind == "f":
            return
        raise ValueError(
            "The network takes prepared images in floats. Make them of uint8 "
            "pixels with `prepare()`, or export the network with "
            "`pixels=True`; one that was trained on pixels as they are takes "
            f"`x.astype('float32')`. {received}"
        )
    if spec.dtype == "uint8":
        if x.dtype == np.uint8:
            return
        raise ValueError(
            "The network takes pixels from 0 to 255 in uint8, not prepared "
            "images; `prepare()` brings them to its size. "
            f"{received}, not uint8"
        )
    numbers = np.iinfo(spec.dtype)
    if x.dtype.kind == "f" or not (
        numbers.min <= x.min() and x.max() <= numbers.max
    ):
        raise ValueError(
            f"The network takes integers that fit {spec.dtype}. {received}"
        )


def _check_values(batch, spec, limits):
    """Raises a `ValueError` if floats are those of no prepared image."""
    # A NaN is both the least and the largest number.
    lowest, highest = float(batch.min()), float(batch.max())
    kept = np.dtype(spec.dtype).kind == "f"
    largest = float(np.finfo(spec.dtype if kept else batch.dtype).max)
    if not -largest <= lowest <= highest <= largest:
        raise ValueError(
            "Images must be finite. "
            f"Received: x with values from {lowest:.4g} to {highest:.4g}"
        )
    if limits is not None and not (limits[0] <= lowest <= highest <= limits[1]):
        raise ValueError(
            "These are no images as the network was trained on: prepared as "
            "its manifest says, or quantized, their values stay well within "
            f"{limits[0]:.4g} to {limits[1]:.4g}. Make them of uint8 pixels "
            "with `prepare()`, or export the network with `pixels=True`. "
            f"Received: x with values from {lowest:.4g} to {highest:.4g}"
        )


def prepared(pixels, spec: TensorSpec, preprocessing: dict | None = None):
    """Returns an image as a network is fed, made of a device's pixels.

    Another size is brought to the network's by taking the nearest pixels.
    That is quick, but rough: a file exported with `pixels=(height, width)`
    takes images of that size and resizes them bilinearly itself.

    Args:
        pixels: Uint8 array `(height, width)`, `(height, width, 1)` or
            `(height, width, 3)`. Grey images become colored ones and the
            other way round, where the network takes these.
        spec: The network's input.
        preprocessing: Dict with `scale`, `mean` and `std`, as the manifest has
            it, of a network that takes prepared images.

    Returns:
        Array `(height, width, channels)` of uint8 pixels or prepared floats.

    Raises:
        ValueError: If the pixels are none, or a network that takes prepared
            images has no (whole) `preprocessing` in its manifest.
    """
    pixels = np.asarray(pixels)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if (
        pixels.dtype != np.uint8
        or pixels.ndim != 3
        or not pixels.size
        or pixels.shape[2] not in (1, 3)
    ):
        raise ValueError(
            "Pixels are uint8, of shape (height, width) or (height, width, 1 "
            f"or 3). Received: {pixels.dtype} of shape {pixels.shape}"
        )
    # Of all sizes, only that of a batch may be left open.
    height, width, channels = (size or 1 for size in spec.shape[1:])
    if pixels.shape[2] < channels:
        pixels = np.repeat(pixels, channels, axis=2)
    elif pixels.shape[2] > channels:
        pixels = np.round(pixels.mean(axis=2, keepdims=True)).astype("uint8")
    rows, columns = (
        np.arange(wanted) * have // wanted
        for wanted, have in zip((height, width), pixels.shape, strict=False)
    )
    pixels = pixels[rows][:, columns]
    if spec.dtype == "uint8":
        return pixels
    normalize = _normalization(preprocessing)
    if normalize is None:
        raise ValueError(
            "The network takes prepared images, and its manifest does not say "
            "how they are made of pixels: export it with `preprocessing` "
            "(scale, mean and std), or `pixels=True`. "
            f"Received: preprocessing={preprocessing!r}"
        )
    return normalize(pixels).astype("float32")


def _normalization(preprocessing):
    """Returns what a record does with pixels; `None` if it does not say."""
    try:
        scale, mean, std = (
            np.array(preprocessing[name], "float64")
            for name in ("scale", "mean", "std")
        )
    except (TypeError, KeyError, ValueError):
        return None
    if not (np.all(scale) and np.all(std)):
        return None
    return lambda pixels: (pixels / scale - mean) / std
