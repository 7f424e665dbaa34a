"""The handwritten digits that ship inside scikit-learn."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from keras_anytime.data.dataset_names import DIGITS_NAME
from keras_anytime.data.info import DatasetInfo
from keras_anytime.data.label_sets import LabeledImages
from keras_anytime.data.label_sets import by_label_set
from keras_anytime.data.label_sets import label_features
from keras_anytime.data.splits import parse_split

# The digits fill their 8x8 pixels. Shifting them cuts off strokes, which
# tripled the error of a small network.
DIGITS = DatasetInfo(
    name=DIGITS_NAME,
    image_shape=(8, 8, 1),
    class_names=tuple("0123456789"),
    mean=(0.305,),
    std=(0.376,),
    augmentation=(),
)


def digits_info(labels: Mapping[str, str] | None = None) -> DatasetInfo:
    """Returns the description of the digits.

    Args:
        labels: Dict or `None`, as in `keras_anytime.data.load`.

    Returns:
        A `DatasetInfo`.

    Raises:
        ValueError: If `labels` names a feature other than `"label"`.
    """
    features = label_features(labels, ("label",), DIGITS.name)
    names = by_label_set({"label": DIGITS.class_names}, features)
    return dataclasses.replace(DIGITS, class_names=names)


def read_digits(
    splits: Sequence[str], labels: Mapping[str, str] | None = None
) -> list[LabeledImages]:
    """Reads splits of the 1,797 digits of scikit-learn.

    scikit-learn orders the digits by writer, so they are shuffled, always in
    the same way. They form one split, `"train"`.

    Args:
        splits: Sequence of strings such as `"train[:80%]"`.
        labels: Dict or `None`, as in `keras_anytime.data.load`.

    Returns:
        List of pairs of uint8 images `(examples, 8, 8, 1)` and int64 labels
        `(examples,)`, or a dict from label sets to labels.

    Raises:
        ValueError: If a split is wrong, or `labels` names a feature other than
            `"label"`.
    """
    from sklearn.datasets import load_digits

    features = label_features(labels, ("label",), DIGITS.name)
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    # Pixels are 0 to 16, and those of images are 0 to 255.
    images = np.round(digits.images[order, :, :, None] * (255 / 16))
    images = images.astype("uint8")
    target = digits.target[order].astype("int64")
    pairs = []
    for split in splits:
        parts = parse_split(split, {"train": len(target)}, DIGITS.name)
        index = np.concatenate([np.array(positions) for _, positions in parts])
        index = index.astype("int64")
        pairs.append(
            (images[index], by_label_set({"label": target[index]}, features))
        )
    return pairs
