"""What a caller gives as an image, as the exported network takes it."""

import numpy as np

from keras_anytime.export.manifest import TensorSpec


def as_batch(x, spec: TensorSpec) -> tuple[np.ndarray, bool]:
    """Returns a batch in the form that a network is fed.

    Args:
        x: Image `(height, width, channels)`, or a batch of them. Uint8 pixels
            where the file takes these, else prepared images.
        spec: The network's input.

    Returns:
        Pair of an array `(batch, height, width, channels)` of the input's
        type, quantised where the input is, and whether `x` is a single image.

    Raises:
        ValueError: If it has another shape, is no number or no pixel.
    """
    x = np.asarray(x)
    wanted = spec.shape[1:]
    single = x.ndim == len(wanted)
    if x.shape[0 if single else 1 :] != wanted:
        raise ValueError(
            f"The network takes images of shape {wanted}, one or a batch. "
            f"Received: x of shape {x.shape}"
        )
    if x.dtype.kind not in "fiub":
        raise ValueError(
            f"Images must be numbers. Received: x of type {x.dtype}"
        )
    if spec.dtype == "uint8" and x.dtype != np.uint8:
        raise ValueError(
            "The network takes pixels from 0 to 255, not prepared images. "
            f"Received: x of type {x.dtype}, not uint8"
        )
    batch = x[None] if single else x
    if not len(batch):
        raise ValueError(f"The batch is empty. Received: x of shape {x.shape}")
    if spec.quantization is not None and x.dtype.kind == "f":
        limits = np.iinfo(spec.dtype)
        batch = np.clip(
            np.round(batch / spec.quantization["scale"])
            + spec.quantization["zero_point"],
            limits.min,
            limits.max,
        )
    return np.ascontiguousarray(batch, spec.dtype), single


def prepared(pixels, spec: TensorSpec, preprocessing: dict | None = None):
    """Returns an image as a network is fed, made of a device's pixels.

    Another size is brought to the network's by taking the nearest pixels.
    That is quick, but rough: a file exported with `pixels=(height, width)`
    takes images of that size and resizes them bilinearly itself.

    Args:
        pixels: Uint8 array `(height, width)`, `(height, width, 1)` or
            `(height, width, 3)`. Grey images become coloured ones and the
            other way round, where the network takes these.
        spec: The network's input.
        preprocessing: Dict with `scale`, `mean` and `std`, as the manifest has
            it, of a network that takes prepared images.

    Returns:
        Array `(height, width, channels)` of uint8 pixels or prepared floats.

    Raises:
        ValueError: If the pixels are none, or a network that takes prepared
            images has no `preprocessing` in its manifest.
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
    if preprocessing is None:
        raise ValueError(
            "The network takes prepared images, and its manifest does not say "
            "how they are made of pixels: export it with `preprocessing`, or "
            "`pixels=True`. Received: preprocessing=None"
        )
    values = pixels / preprocessing["scale"] - np.array(preprocessing["mean"])
    return (values / np.array(preprocessing["std"])).astype("float32")
