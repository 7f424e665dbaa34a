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
