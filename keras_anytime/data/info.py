"""DatasetInfo: image shape, classes and preprocessing of a data set."""

import dataclasses
from typing import Any

# Means and standard deviations of the training images, in units of
# pixel / 255.
_STATISTICS = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
}
# Other color images are normalized as ImageNet is.
_COLOR = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# The most pixels of an image, 8192x8192. No network takes larger images, and
# they would fill the memory.
_MAX_PIXELS = 1 << 26

ClassNames = tuple[str, ...] | dict[str, tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """Describes a data set of images of one size.

    ```python
    info = ka.data.info("digits")
    info.image_shape, info.classes  # (8, 8, 1), 10
    ```

    Args:
        name: String, as in `keras_anytime.data.load`.
        image_shape: Tuple `(height, width, channels)`.
        class_names: Tuple of strings, in the order of the labels. With label
            sets, it is a dict from label sets to such tuples.
        mean: Tuple of floats, one per channel, in units of pixel / 255.
        std: Tuple of floats, the standard deviation per channel, in the same
            units.
        pad: Integer. Pixels by which training images are padded before they
            are cropped at random to their size.
        flip: Boolean. Whether training images are mirrored at random.
    """

    name: str
    image_shape: tuple[int, int, int]
    class_names: ClassNames
    mean: tuple[float, ...]
    std: tuple[float, ...]
    pad: int = 4
    flip: bool = True

    @property
    def classes(self) -> int | dict[str, int]:
        """Number of classes, or a dict from label sets to such numbers."""
        if isinstance(self.class_names, dict):
            return {
                label_set: len(names)
                for label_set, names in self.class_names.items()
            }
        return len(self.class_names)

    @property
    def preprocessing(self) -> dict[str, Any]:
        """Dict with `scale`, `mean` and `std`, as a manifest contains it.

        A pixel in 0..255 becomes `(pixel / scale - mean) / std`, channel by
        channel.
        """
        return {
            "scale": 255.0,
            "mean": list(self.mean),
            "std": list(self.std),
        }


def build_info(
    name: str,
    image_shape: tuple[int | None, ...],
    dtype: str,
    class_names: ClassNames,
) -> DatasetInfo:
    """Returns the `DatasetInfo` of a TFDS data set after checking its images.

    Args:
        name: String. The name decides which means and standard deviations
            normalize the images.
        image_shape: Tuple, with `None` where sizes differ between images.
        dtype: String. The dtype of the pixels.
        class_names: As in `DatasetInfo`.

    Raises:
        ValueError: If images differ in size, or are not gray or color images
            of bytes.
    """
    if len(image_shape) != 3 or None in image_shape:
        raise ValueError(
            "Images must all have one size. "
            f"Received: name={name!r} with images of shape {image_shape}"
        )
    height, width, channels = (size or 0 for size in image_shape)
    if (
        dtype != "uint8"
        or channels not in (1, 3, 4)
        or not 0 < height * width <= _MAX_PIXELS
    ):
        raise ValueError(
            f"Images must be uint8, of up to {_MAX_PIXELS} pixels and 1, 3 or "
            f"4 channels. Received: name={name!r} with {dtype} images of shape "
            f"{image_shape}"
        )
    gray = ((0.5,) * channels, (0.25,) * channels)
    mean, std = _STATISTICS.get(name, _COLOR if channels == 3 else gray)
    return DatasetInfo(name, (height, width, channels), class_names, mean, std)
