"""Decodes the images of records where there is no TensorFlow."""

import io

import numpy as np

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def decode_image(data, shape):
    """Returns the pixels of an encoded image.

    Its format and size are looked at before any pixel is decoded.

    Args:
        data: Bytes, a PNG or JPEG file.
        shape: Tuple `(height, width, channels)`, the size that it must have.

    Returns:
        Uint8 array of that shape.

    Raises:
        ValueError: If the data are no such image.
        ImportError: If Pillow is missing.
    """
    try:
        import PIL.Image
    except ImportError as error:
        raise ImportError(
            "Pillow decodes the images: pip install 'keras-anytime[jax]'"
        ) from error
    height, width, channels = shape
    try:
        with PIL.Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
            if image.size != (width, height):
                raise ValueError(
                    f"its image is {image.height}x{image.width} pixels, not "
                    f"{height}x{width}"
                )
            if image.mode.startswith(("I", "F")):
                raise ValueError("the pixels of its image are no bytes")
            return np.asarray(image.convert(_MODES[channels]))
    except ValueError:
        raise
    except PIL.UnidentifiedImageError as error:
        raise ValueError("its image is no PNG or JPEG file") from error
    # A damaged file makes Pillow's decoders raise whatever it may be.
    except Exception as error:
        raise ValueError(f"its image cannot be decoded: {error}") from error
