"""Decoding of PNG and JPEG images without TensorFlow."""

import io

import numpy as np

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def decode_image(data: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """Returns the pixels of an encoded image.

    The format and the size are checked before any pixel is decoded.

    Args:
        data: Bytes of a PNG or JPEG file.
        shape: Tuple `(height, width, channels)`. The required size.

    Returns:
        Uint8 array of that shape.

    Raises:
        ValueError: If the data are not such an image.
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
                raise ValueError("the pixels of its image are not bytes")
            return np.asarray(image.convert(_MODES[channels]))
    except ValueError:
        raise
    except PIL.UnidentifiedImageError as error:
        raise ValueError("its image is not a PNG or JPEG file") from error
    # Pillow's decoders raise many types of errors for damaged files.
    except Exception as error:
        raise ValueError(f"its image cannot be decoded: {error}") from error
