"""DatasetInfo: shapes, classes or task, and preprocessing of a data set."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_anytime.data.augmentation import parse_augmentation
from keras_anytime.tasks import Task

# Means and standard deviations of the training images, in units of
# pixel / 255.
_STATISTICS = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "svhn_cropped": ((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),
    "mnist": ((0.1307,), (0.3081,)),
    "fashion_mnist": ((0.2860,), (0.3530,)),
    "kmnist": ((0.1918,), (0.3483,)),
}
# Other color images are normalized as ImageNet is.
COLOR = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# Data sets of digits and letters, whose mirror images are others or none.
_TEXT = re.compile(
    r"svhn\w*|([ekq]|kannada_)?mnist(_corrupted)?|omniglot|cmaterdb|"
    r"\w*digits"
)
# Pad and crop, and mirror: [He et al., 2016](https://arxiv.org/abs/1512.03385).
SMALL_IMAGES = ("crop", "flip")
_STREAMED_IMAGES = ("resized_crop", "flip")
# The most pixels of an image, 8192x8192. No network takes larger images, and
# they would fill the memory.
MAX_PIXELS = 1 << 26

ClassNames = tuple[str, ...] | dict[str, tuple[str, ...]]
_Numbers = tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class InputInfo:
    """Describes one input of a data set.

    Args:
        shape: Tuple, the shape of one example: `(height, width, channels)` of
            images, `(steps, channels)` of series, `(features,)` of tables and
            `(steps,)` of tokens.
        mean: Tuple of floats, one for each entry of the last axis, in units of
            `scale`. Empty for tokens, which stay as they are.
        std: Tuple of floats, the standard deviations, likewise.
        scale: Float, the unit.
    """

    shape: tuple[int, ...]
    mean: _Numbers
    std: _Numbers
    scale: float

    @property
    def is_image(self) -> bool:
        """Whether the input is one of images."""
        return len(self.shape) == 3

    @property
    def preprocessing(self) -> dict[str, Any] | None:
        """Dict with `scale`, `mean` and `std`; `None` for tokens."""
        if not self.mean:
            return None
        return {
            "scale": self.scale,
            "mean": list(self.mean),
            "std": list(self.std),
        }


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """Describes a data set of examples of one shape.

    Most data sets are of images. Those of arrays may be of tables, series or
    tokens, or of several inputs. Then `image_shape`, `mean`, `std` and `scale`
    are dicts by the names of the inputs.

    ```python
    info = ka.data.info("digits")
    info.image_shape, info.classes  # (8, 8, 1), 10
    ```

    Args:
        name: String, as in `keras_anytime.data.load`.
        image_shape: Tuple `(height, width, channels)`; the shape of an example
            of other inputs, see `InputInfo`.
        class_names: Tuple of strings, in the order of the labels. With label
            sets, it is a dict from label sets to such tuples. Empty where
            labels are no classes.
        mean: Tuple of floats, one per channel, in units of pixel / 255.
            Features of tables and series have theirs in units of 1.
        std: Tuple of floats, the standard deviation per channel, in the same
            units.
        augmentation: Tuple of strings, as `augment` of
            `keras_anytime.data.load`: what training images get unless it says
            otherwise. The `info` of a loaded data set has what they do get.
        scale: Float, what mean and std are divided by: 255, or 1.
        task: A task of `keras_anytime.tasks`, or `None` for classification.
    """

    name: str
    # Of images (height, width, channels); with several inputs dicts.
    image_shape: Any
    class_names: ClassNames
    mean: Any
    std: Any
    augmentation: tuple[str, ...] = SMALL_IMAGES
    scale: Any = 255.0
    task: Task | None = None

    def __post_init__(self) -> None:
        parse_augmentation(self.augmentation)

    @property
    def inputs(self) -> dict[str | None, InputInfo]:
        """Dict from the names of inputs to their descriptions.

        The key of a single input is `None`.
        """
        parts = (self.image_shape, self.mean, self.std, self.scale)
        if not isinstance(self.image_shape, dict):
            return {None: InputInfo(*parts)}
        return {
            name: InputInfo(*(part[name] for part in parts))
            for name in self.image_shape
        }

    @property
    def classes(self) -> Any:
        """Number of classes, or a dict from label sets to such numbers.

        For other tasks than classification it is the task. Builders of
        `keras_anytime.nets` take all of these as `classes`.
        """
        if self.task is not None:
            return self.task
        if isinstance(self.class_names, dict):
            return {
                label_set: len(names)
                for label_set, names in self.class_names.items()
            }
        return len(self.class_names)

    @property
    def preprocessing(self) -> dict[str, Any] | None:
        """Dict with `scale`, `mean` and `std`, as a manifest contains it.

        A pixel in 0..255 becomes `(pixel / scale - mean) / std`, channel by
        channel. `None` for tokens; with several inputs a dict by their names.
        """
        of_inputs: dict[Any, Any] = {
            name: described.preprocessing
            for name, described in self.inputs.items()
        }
        return of_inputs[None] if None in of_inputs else of_inputs


def with_preprocessing(
    info: DatasetInfo, preprocessing: Mapping[str, Any] | None
) -> DatasetInfo:
    """Returns the description of images that are normalized in another way.

    Args:
        info: A `DatasetInfo`.
        preprocessing: Dict with `scale`, `mean` and `std`, or `None` to change
            nothing.

    Raises:
        ValueError: If it is no such dict, or the data set is not one of images.
    """
    if preprocessing is None:
        return info
    received = f"Received: preprocessing={preprocessing}"
    if isinstance(info.image_shape, dict) or len(info.image_shape) != 3:
        raise ValueError(
            f"`preprocessing` is for data sets of images. {received} for "
            f"{info.name!r}"
        )
    numbers = {}
    for name in ("scale", "mean", "std"):
        try:
            values = np.ravel(preprocessing[name]).astype(float)
        except (TypeError, ValueError, KeyError, IndexError):
            values = np.zeros(0)
        sizes = (1,) if name == "scale" else (1, info.image_shape[-1])
        if (
            len(values) not in sizes
            or not np.isfinite(values).all()
            or (name != "mean" and 0 in values)
        ):
            raise ValueError(
                "`preprocessing` must be a dict with scale, mean and std: a "
                "pixel becomes (pixel / scale - mean) / std, with one number "
                "or one for each channel, and scale and std not 0. "
                f"{received}"
            )
        count = 1 if name == "scale" else info.image_shape[-1]
        numbers[name] = tuple(np.resize(values, count).tolist())
    return dataclasses.replace(
        info,
        mean=numbers["mean"],
        std=numbers["std"],
        scale=numbers["scale"][0],
    )


def build_info(
    name: str,
    image_shape: tuple[int | None, ...],
    dtype: str,
    class_names: ClassNames,
    image_size: int | None = None,
) -> DatasetInfo:
    """Returns the `DatasetInfo` of a TFDS data set after checking its images.

    Args:
        name: String. The name decides which means and standard deviations
            normalize the images, and whether they may be mirrored.
        image_shape: Tuple, with `None` where sizes differ between images.
        dtype: String. The dtype of the pixels.
        class_names: As in `DatasetInfo`.
        image_size: Integer or `None`, as in `keras_anytime.data.load`.

    Raises:
        ValueError: If images differ in size and there is no `image_size`, or
            they are not gray or color images of bytes.
    """
    if len(image_shape) != 3 or (None in image_shape and image_size is None):
        raise ValueError(
            "Images must all have one size, or be resized to one as they are "
            "read: give it, such as image_size=224 (--image_size=224). "
            f"Received: name={name!r} with images of shape {image_shape}"
        )
    *sizes, channels = image_shape
    height, width = (1 if size is None else size for size in sizes)
    if (
        dtype != "uint8"
        or channels not in (1, 3, 4)
        or not 0 < height * width <= MAX_PIXELS
    ):
        raise ValueError(
            f"Images must be uint8, of up to {MAX_PIXELS} pixels and 1, 3 or "
            f"4 channels. Received: name={name!r} with {dtype} images of shape "
            f"{image_shape}"
        )
    # "cifar10:3.0.2" and "emnist/digits" are of cifar10 and emnist.
    dataset = re.split("[/:]", name)[0]
    gray = ((0.5,) * channels, (0.25,) * channels)
    mean, std = _STATISTICS.get(dataset, COLOR if channels == 3 else gray)
    augmentation: tuple[str, ...] = SMALL_IMAGES
    if image_size is not None:
        if (height, width) != (image_size, image_size):
            augmentation = _STREAMED_IMAGES
        height = width = image_size
    if _TEXT.fullmatch(dataset):
        augmentation = ("crop",)
    return DatasetInfo(
        name, (height, width, channels), class_names, mean, std, augmentation
    )
