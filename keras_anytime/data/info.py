"""What is known of a data set: shapes, classes, how pixels are prepared."""

import dataclasses

# Means and deviations of the training images, in units of pixel / 255.
_STATISTICS = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
}
# Of one image, 8192x8192: more are no input of a network, but fill memory.
_MOST_PIXELS = 1 << 26
# For other color images, those of ImageNet.
_COLOR = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """Describes a data set of images of one size.

    Args:
        name: String, as in `keras_anytime.data.load`.
        image_shape: Tuple `(height, width, channels)`.
        class_names: Tuple of strings, in the order of the labels; where several
            label sets were asked for, a dict from them to such tuples.
        mean: Tuple of floats, one per channel, in units of pixel / 255.
        std: Tuple of floats, likewise.
        pad: Integer. Pixels by which training images are padded before they
            are cropped at random to their size.
        flip: Boolean. Whether training images are mirrored at random.
    """

    name: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...] | dict[str, tuple[str, ...]]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    pad: int = 4
    flip: bool = True

    @property
    def classes(self) -> int | dict[str, int]:
        """Number of classes; of label sets a dict from them to numbers."""
        if isinstance(self.class_names, dict):
            return {name: len(of) for name, of in self.class_names.items()}
        return len(self.class_names)

    @property
    def preprocessing(self) -> dict:
        """How a pixel in 0..255 becomes the network's input, for a manifest.

        The input is `(pixel / scale - mean) / std`, channel by channel.
        """
        return {
            "scale": 255.0,
            "mean": list(self.mean),
            "std": list(self.std),
        }


def info_of(
    name: str, image_shape: tuple, dtype: str, class_names
) -> DatasetInfo:
    """Returns the description of a TFDS data set.

    Args:
        name: String. It decides by which means and deviations images are
            normalized.
        image_shape: Tuple; `None` where sizes differ from image to image.
        dtype: String, that of the pixels.
        class_names: As in `DatasetInfo`.

    Raises:
        ValueError: If images do not all have one size, or are not grey or
            color images of bytes.
    """
    if len(image_shape) != 3 or None in image_shape:
        raise ValueError(
            "Images must all have one size. "
            f"Received: name={name!r} with images of shape {image_shape}"
        )
    height, width, channels = image_shape
    if (
        dtype != "uint8"
        or channels not in (1, 3, 4)
        or not 0 < height * width <= _MOST_PIXELS
    ):
        raise ValueError(
            f"Images must be uint8, of up to {_MOST_PIXELS} pixels and 1, 3 or "
            f"4 channels. Received: name={name!r} with {dtype} images of shape "
            f"{image_shape}"
        )
    grey = ((0.5,) * channels, (0.25,) * channels)
    mean, std = _STATISTICS.get(name, _COLOR if channels == 3 else grey)
    return DatasetInfo(name, image_shape, class_names, mean, std)
