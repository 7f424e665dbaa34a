"""What is known of a data set: shapes, classes, how pixels are prepared."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """Describes a data set of images of one size and one label each.

    Args:
        name: String, as in `keras_anytime.data.load`.
        image_shape: Tuple `(height, width, channels)`.
        class_names: Tuple of strings, in the order of the labels.
        mean: Tuple of floats, one per channel, in units of pixel / 255.
        std: Tuple of floats, likewise.
        pad: Integer. Pixels by which training images are padded before they
            are cropped at random to their size.
        flip: Boolean. Whether training images are mirrored at random.
    """

    name: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    pad: int = 4
    flip: bool = True

    @property
    def classes(self) -> int:
        """Number of classes."""
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
