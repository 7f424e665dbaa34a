"""What is known of a data set: shapes, classes, how pixels are prepared."""

import dataclasses


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
