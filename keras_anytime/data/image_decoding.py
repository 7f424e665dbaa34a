"""Decoding of image files without TensorFlow, whole or a part resized.

Both backends resize with it, so that they train on the same pixels.
"""

import contextlib
import io
import math
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_anytime.data.info import MAX_PIXELS

#: Left, upper, right and lower edge of a part of an image, in pixels.
Box = tuple[float, float, float, float]

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# Formats of prepared TFDS folders.
_FORMATS = ("PNG", "JPEG")
#: Formats of images in a user's folders.
FOLDER_FORMATS = (*_FORMATS, "BMP", "WEBP")


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
    height, width, channels = shape
    with _opened(data, _FORMATS) as image:
        if image.size != (width, height):
            raise ValueError(
                f"its image is {image.height}x{image.width} pixels, not "
                f"{height}x{width}"
            )
        return np.asarray(image.convert(_MODES[channels]))


def decode_resized(
    data: bytes,
    choose_box: Callable[[int, int], Box],
    size: int,
    channels: int,
) -> np.ndarray:
    """Returns a part of an encoded image, resized to a square.

    Pixels are interpolated linearly, over as many as a pixel of the result
    covers. A JPEG file is decoded at a half, a quarter or an eighth of its
    size where that leaves enough pixels, which is faster.

    Args:
        data: Bytes of an image file.
        choose_box: Function from the height and the width of the image to the
            part.
        size: Integer. Height and width of the result.
        channels: Integer: 1, 3 or 4.

    Returns:
        Uint8 array `(size, size, channels)`.

    Raises:
        ValueError: If the data are not an image.
        ImportError: If Pillow is missing.
    """
    with _opened(data, FOLDER_FORMATS) as image:
        import PIL.Image

        width, height = image.size
        if not 0 < width * height <= MAX_PIXELS:
            raise ValueError(
                f"its image has {height}x{width} pixels; at most {MAX_PIXELS} "
                "are allowed"
            )
        left, upper, right, lower = choose_box(height, width)
        image.draft(
            None,
            (
                math.ceil(width * size / (right - left)),
                math.ceil(height * size / (lower - upper)),
            ),
        )
        x, y = image.width / width, image.height / height
        pixels = image.convert(_MODES[channels]).resize(
            (size, size),
            PIL.Image.Resampling.BILINEAR,
            box=(left * x, upper * y, right * x, lower * y),
        )
        return np.asarray(pixels).reshape(size, size, channels)


def check_decodable(data: bytes) -> None:
    """Raises a `ValueError` if an image file cannot be decoded.

    Args:
        data: Bytes of the file.
    """
    decode_resized(data, lambda height, width: (0, 0, width, height), 8, 3)


def sample_box(random: np.random.Generator, height: int, width: int) -> Box:
    """Draws a part of an image to train on.

    Its area is 8% to 100% of the image, uniformly, and its width is 3/4 to 4/3
    of its height, uniformly in the logarithm. If ten such parts do not fit,
    it is the largest part in the middle with an allowed ratio.

    Args:
        random: A `numpy.random.Generator`.
        height: Integer. Height of the image, in pixels.
        width: Integer. Width of the image, in pixels.

    Returns:
        Tuple of left, upper, right and lower edge, in pixels.

    Reference:
        [Szegedy et al., 2015, Section 6](https://arxiv.org/abs/1409.4842)
    """
    for _ in range(10):
        area = random.uniform(0.08, 1.0) * height * width
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        part_width = round(math.sqrt(area * ratio))
        part_height = round(math.sqrt(area / ratio))
        if 0 < part_width <= width and 0 < part_height <= height:
            left = int(random.integers(width - part_width + 1))
            upper = int(random.integers(height - part_height + 1))
            return left, upper, left + part_width, upper + part_height
    return _middle(
        height, width, min(height, 4 * width / 3), min(width, 4 * height / 3)
    )


def evaluation_box(height: int, width: int) -> Box:
    """Returns the part of an image to measure on.

    It is what remains if the short side is resized to 256 pixels, and 224x224
    pixels are cut out of the middle.

    Args:
        height: Integer. Height of the image, in pixels.
        width: Integer. Width of the image, in pixels.

    Reference:
        [He et al., 2016, Section 3.4](https://arxiv.org/abs/1512.03385)
    """
    side = min(height, width) * 224 / 256
    return _middle(height, width, side, side)


def _middle(
    height: int, width: int, part_height: float, part_width: float
) -> Box:
    left, upper = (width - part_width) / 2, (height - part_height) / 2
    return left, upper, left + part_width, upper + part_height


@contextlib.contextmanager
def _opened(data: bytes, formats: tuple[str, ...]) -> Iterator[Any]:
    """Opens an image, whose pixels are bytes, and explains what is wrong."""
    try:
        import PIL.Image
    except ImportError as error:
        raise ImportError(
            "Pillow decodes the images: pip install pillow"
        ) from error
    try:
        with PIL.Image.open(io.BytesIO(data), formats=formats) as image:
            if image.mode.startswith(("I", "F")):
                raise ValueError("the pixels of its image are not bytes")
            yield image
    except ValueError:
        raise
    except PIL.UnidentifiedImageError as error:
        *others, last = formats
        raise ValueError(
            f"its image is not a {', '.join(others)} or {last} file"
        ) from error
    # Pillow's decoders raise many types of errors for damaged files.
    except Exception as error:
        raise ValueError(f"its image cannot be decoded: {error}") from error
