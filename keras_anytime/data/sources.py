"""Where images come from: scikit-learn's digits, prepared TFDS folders."""

import contextlib
import os

import numpy as np

from keras_anytime.data.info import DatasetInfo

# Means and deviations of the training images, in units of pixel / 255.
_STATISTICS = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
}
# For other colour images, those of ImageNet.
_COLOUR = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

# The digits fill their 8x8 pixels: shifting them cuts strokes off, and tripled
# the error of a small network.
DIGITS = DatasetInfo(
    name="digits",
    image_shape=(8, 8, 1),
    class_names=tuple("0123456789"),
    mean=(0.305,),
    std=(0.376,),
    pad=0,
    flip=False,
)


def read_digits(splits):
    """Reads the 1,797 handwritten digits that ship inside scikit-learn.

    They are put in one random order that never changes, since scikit-learn
    has them ordered by writer, and form the one split `"train"`.

    Args:
        splits: Sequence of strings such as `"train[:80%]"`.

    Returns:
        List of pairs of uint8 images `(examples, 8, 8, 1)` and labels.

    Raises:
        ValueError: If a split cannot be read.
    """
    import tensorflow_datasets as tfds
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    # Pixels are 0 to 16; bring them to the 0 to 255 of images.
    images = np.round(digits.images[order, :, :, None] * (255 / 16))
    images = images.astype("uint8")
    labels = digits.target[order].astype("int64")
    whole = {
        "train": tfds.core.SplitInfo(
            name="train",
            shard_lengths=[len(labels)],
            num_bytes=0,
            filename_template=None,
        )
    }
    pairs = []
    for split in splits:
        with _readable(split, DIGITS.name, whole):
            parts = tfds.core.ReadInstruction.from_spec(split).to_absolute(
                whole
            )
        index = np.concatenate(
            [np.arange(len(labels))[part.from_ : part.to] for part in parts]
        )
        pairs.append((images[index], labels[index]))
    return pairs


def tfds_info(name, data_dir=None):
    """Returns what TFDS knows of a data set.

    Args:
        name: String. The name of a TFDS data set with one label per image.
        data_dir: String or `None`, as in `keras_anytime.data.load`.

    Returns:
        A `DatasetInfo`.

    Raises:
        ValueError: If the data set is unknown, or has no labels or no fixed
            image size.
        FileNotFoundError: If it has not been prepared.
    """
    features = _builder(name, data_dir, download=False).info.features
    if not {"image", "label"} <= set(features):
        raise ValueError(
            "A data set to classify needs the features 'image' and 'label'. "
            f"Received: name={name!r} with {sorted(features)}"
        )
    shape = tuple(features["image"].shape)
    if None in shape:
        raise ValueError(
            "Images must all have one size. "
            f"Received: name={name!r} with images of shape {shape}"
        )
    grey = ((0.5,) * shape[-1], (0.25,) * shape[-1])
    mean, std = _STATISTICS.get(name, _COLOUR if shape[-1] == 3 else grey)
    return DatasetInfo(
        name=name,
        image_shape=shape,
        class_names=tuple(features["label"].names),
        mean=mean,
        std=std,
    )


def read_tfds(name, splits, data_dir=None, download=False):
    """Reads splits of a TFDS data set into memory.

    Args:
        name: String. The name of a TFDS data set with one label per image.
        splits: Sequence of strings such as `"train[:45000]"`.
        data_dir: String or `None`, as in `keras_anytime.data.load`.
        download: Boolean, as in `keras_anytime.data.load`.

    Returns:
        List of pairs of uint8 images `(examples, height, width, channels)`
        and int64 labels `(examples,)`.

    Raises:
        ValueError: If the data set or a split is unknown.
        FileNotFoundError: If the data set has not been prepared.
    """
    builder = _builder(name, data_dir, download)
    pairs = []
    for split in splits:
        with _readable(split, name, builder.info.splits):
            data = builder.as_dataset(
                split=split, batch_size=-1, as_supervised=True
            )
        images, labels = data
        pairs.append((images.numpy(), labels.numpy()))
    return pairs


def data_dir_or_default(data_dir=None):
    """Returns the folder of prepared TFDS data sets."""
    return os.path.expanduser(
        data_dir
        or os.environ.get("TFDS_DATA_DIR")
        or os.path.join("~", "tensorflow_datasets")
    )


def _builder(name, data_dir, download):
    import tensorflow_datasets as tfds

    folder = data_dir_or_default(data_dir)
    try:
        builder = tfds.builder(name, data_dir=folder)
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(
            "`name` must be 'digits' or a data set of TensorFlow Datasets. "
            f"Received: name={name!r}"
        ) from error
    if download:
        builder.download_and_prepare()
    if not builder.data_path.exists():
        raise FileNotFoundError(
            f"The data set {name!r} is not in {folder!r}. Fetch it once, on a "
            f"machine with internet, with keras_anytime.data.load({name!r}, "
            "download=True), or set TFDS_DATA_DIR to the folder that has it."
        )
    return builder


@contextlib.contextmanager
def _readable(split, name, known):
    """Turns what TFDS says of a wrong split into one sentence."""
    try:
        yield
    except (ValueError, KeyError, AssertionError) as error:
        raise ValueError(
            "A split is written like 'train[:45000]' or 'train[80%:]', within "
            f"what the data set has: {', '.join(sorted(known))}. "
            f"Received: split={split!r} of {name!r}"
        ) from error
