"""Where images come from: scikit-learn's digits, prepared TFDS folders."""

import contextlib
import dataclasses
import pathlib
import re

import numpy as np

from keras_anytime.data.folder_description import check_files
from keras_anytime.data.folder_description import read_splits
from keras_anytime.data.tfds_folders import data_dir_or_default
from keras_anytime.data.tfds_folders import newest_folder
from keras_anytime.data.info import DatasetInfo
from keras_anytime.data.info import info_of
from keras_anytime.data.label_sets import by_label_set
from keras_anytime.data.label_sets import check_labels
from keras_anytime.data.label_sets import features_of
from keras_anytime.data.dataset_names import DIGITS_NAME
from keras_anytime.data.dataset_names import not_prepared
from keras_anytime.data.dataset_names import unknown_name
from keras_anytime.data.splits import check_count
from keras_anytime.data.splits import examples_of
from keras_anytime.data.splits import room_for
from keras_anytime.data.splits import unreadable

# The digits fill their 8x8 pixels: shifting them cuts strokes off, and tripled
# the error of a small network.
DIGITS = DatasetInfo(
    name=DIGITS_NAME,
    image_shape=(8, 8, 1),
    class_names=tuple("0123456789"),
    mean=(0.305,),
    std=(0.376,),
    pad=0,
    flip=False,
)


def digits_info(labels=None):
    """Returns what is known of the digits.

    Args:
        labels: Dict or `None`, as in `keras_anytime.data.load`.

    Returns:
        A `DatasetInfo`.

    Raises:
        ValueError: If `labels` names other features than the digits'
            `"label"`.
    """
    features = features_of(labels, ("label",), DIGITS.name)
    names = by_label_set({"label": DIGITS.class_names}, features)
    return dataclasses.replace(DIGITS, class_names=names)


def read_digits(splits, labels=None):
    """Reads the 1,797 handwritten digits that ship inside scikit-learn.

    They are put in one random order that never changes, since scikit-learn
    has them ordered by writer, and form the one split `"train"`.

    Args:
        splits: Sequence of strings such as `"train[:80%]"`.
        labels: Dict or `None`, as in `keras_anytime.data.load`.

    Returns:
        List of pairs of uint8 images `(examples, 8, 8, 1)` and labels.

    Raises:
        ValueError: If a split cannot be read, or `labels` names other features
            than the digits' `"label"`.
    """
    from sklearn.datasets import load_digits

    features = features_of(labels, ("label",), DIGITS.name)
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    # Pixels are 0 to 16; bring them to the 0 to 255 of images.
    images = np.round(digits.images[order, :, :, None] * (255 / 16))
    images = images.astype("uint8")
    target = digits.target[order].astype("int64")
    pairs = []
    for split in splits:
        parts = examples_of(split, {"train": len(target)}, DIGITS.name)
        index = np.r_[*(slice(of.start, of.stop) for _, of in parts)]
        pairs.append(
            (images[index], by_label_set({"label": target[index]}, features))
        )
    return pairs


def tfds_info(name, data_dir=None, labels=None, download=False):
    """Returns what TFDS knows of a data set.

    Args:
        name: String. The name of a TFDS data set of images.
        data_dir: String or `None`, as in `keras_anytime.data.load`.
        labels: Dict or `None`, as in `keras_anytime.data.load`.
        download: Boolean, as in `keras_anytime.data.load`.

    Returns:
        A `DatasetInfo`.

    Raises:
        ValueError: If the data set is unknown, or has no such labels or no
            fixed image size.
        FileNotFoundError: If it has not been prepared.
    """
    known = _builder(name, data_dir, download).info.features
    features = features_of(labels, _label_features(name, known), name)
    class_names = {
        value: tuple(known[value].names) for value in features.values()
    }
    shape = tuple(known["image"].shape)
    dtype = np.dtype(known["image"].np_dtype).name
    return info_of(name, shape, dtype, by_label_set(class_names, features))


def read_tfds(name, splits, data_dir=None, download=False, labels=None):
    """Reads splits of a TFDS data set into memory.

    Args:
        name: String. The name of a TFDS data set of images.
        splits: Sequence of strings such as `"train[:45000]"`.
        data_dir: String or `None`, as in `keras_anytime.data.load`.
        download: Boolean, as in `keras_anytime.data.load`.
        labels: Dict or `None`, as in `keras_anytime.data.load`.

    Returns:
        List of pairs of uint8 images `(examples, height, width, channels)`
        and int64 labels `(examples,)`, or a dict of them.

    Raises:
        ValueError: If the data set, a split or a feature is unknown.
        FileNotFoundError: If the data set has not been prepared.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    shape = tfds_info(name, data_dir, labels, download).image_shape
    builder = _builder(name, data_dir, download)
    about = builder.info
    known = _label_features(name, about.features)
    features = features_of(labels, known, name)
    # What nobody asked for is not decoded.
    decoders = tfds.decode.PartialDecoding(
        {one: True for one in ("image", *features.values())},
        decoders={"image": _image_decoder(shape)},
    )
    # One file after the other, as they are read without TensorFlow too.
    in_order = tfds.ReadConfig(interleave_cycle_length=1)
    # All splits are looked up before any is read.
    _check_splits(splits, name, about.splits)
    _, files = read_splits(pathlib.Path(builder.data_path))
    # TensorFlow would end the process where it cannot allocate what a file asks
    # for. The names of whole splits are within those of their parts.
    check_files(files, [file for file in files if file in "+".join(splits)])
    pairs = []
    for split in splits:
        room_for(about.splits[split].num_examples, shape, name)
        try:
            data = builder.as_dataset(
                split=split,
                batch_size=-1,
                decoders=decoders,
                read_config=in_order,
            )
        except tf.errors.OpError as error:
            raise ValueError(
                f"The data set {name!r} in {str(builder.data_path)!r} is "
                "damaged, or other than it describes itself: "
                f"{_told_by(error)}. Fetch it again."
            ) from error
        labels_of = {value: data[value].numpy() for value in features.values()}
        for one, values in labels_of.items():
            classes = about.features[one].num_classes
            check_labels(values, classes, one, name)
        pairs.append((data["image"].numpy(), by_label_set(labels_of, features)))
    return pairs


def _image_decoder(shape):
    """Returns what decodes images of one size, and no others.

    TFDS would fill smaller ones up with zeros. The format and the size are
    looked at before any pixel is decoded, as without TensorFlow.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    def png_size(data):
        header = tf.strings.substr(data, 16, 8)
        return tf.io.decode_raw(header, tf.int32, little_endian=False)

    def jpeg_size(data):
        height, width, _ = tf.unstack(tf.io.extract_jpeg_shape(data))
        return tf.stack([width, height])

    def check(good, message):
        return tf.control_dependencies([tf.debugging.Assert(good, [message])])

    @tfds.decode.make_decoder()
    def decoded(data, feature):
        png = tf.strings.substr(data, 0, 8) == b"\x89PNG\r\n\x1a\n"
        with check(png | tf.io.is_jpeg(data), "an image is no PNG or JPEG"):
            bytewise = ~png | (tf.strings.substr(data, 24, 1) != b"\x10")
            size = tf.cond(png, lambda: png_size(data), lambda: jpeg_size(data))
        with check(bytewise, "the pixels of an image are no bytes"):
            same = tf.reduce_all(size == shape[1::-1])
        with check(same, "an image has another size"):
            return feature.decode_example(tf.identity(data))

    return decoded()


def _told_by(error):
    """Returns what an error of TensorFlow says, without where it comes from."""
    said = error.message.partition("\n")[0].partition(" [Op:")[0]
    return re.sub(r"^.*(\}\} |iterator: \S+: )", "", said).strip()


def _label_features(name, features):
    """Returns the names of all features of a TFDS data set that are labels."""
    import tensorflow_datasets as tfds

    labels = [
        feature
        for feature, value in features.items()
        if isinstance(value, tfds.features.ClassLabel)
    ]
    if "image" not in features or not labels:
        raise ValueError(
            "A data set to classify needs the feature 'image', and labels. "
            f"Received: name={name!r} with {sorted(features)}"
        )
    return labels


def _builder(name, data_dir, download):
    import tensorflow_datasets as tfds

    folder = data_dir_or_default(data_dir)
    # What TFDS would trip over is said here; what is not there may be fetched.
    with contextlib.suppress(FileNotFoundError):
        newest_folder(name, data_dir)
    try:
        builder = tfds.builder(name, data_dir=folder)
    except ImportError:
        raise
    # Each part of a name that is wrong has an exception of its own there.
    except Exception as error:
        raise unknown_name(name, folder, _names(tfds, name)) from error
    if download:
        try:
            builder.download_and_prepare()
        except ImportError:
            raise
        # The network, the disk, and what each data set's own code raises.
        except Exception as error:
            raise OSError(
                f"The data set {name!r} could not be fetched into {folder!r}: "
                f"{error}"
            ) from error
    if not builder.data_path.exists():
        raise not_prepared(
            name,
            folder,
            "Fetch it once, on a machine with internet, with "
            f"keras_anytime.data.load({name!r}, download=True), in recipes "
            "--download, or set TFDS_DATA_DIR to the folder that has it.",
        )
    return builder


def _names(tfds, name):
    """Returns names of TFDS that may have been meant."""
    found = tfds.list_builders(with_community_datasets=False)
    dataset = name.partition("/")[0]
    if "/" in name and dataset in found:
        configs = tfds.builder_cls(dataset).builder_configs
        return [f"{dataset}/{config}" for config in configs] or [dataset]
    return found


def _check_splits(splits, name, known):
    """Raises a `ValueError` if one is not within what the data set has."""
    sizes = {one: of.num_examples for one, of in known.items()}
    for split in splits:
        try:
            count = known[split].num_examples
        # TFDS has an exception for each way in which a split is wrong.
        except Exception as error:
            examples_of(split, sizes, name)
            raise unreadable(split, sizes, name) from error
        check_count(count, split, name)
