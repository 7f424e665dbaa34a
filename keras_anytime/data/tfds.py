"""Reading of data sets with TensorFlow Datasets (TFDS)."""

import contextlib
import logging
import os
import pathlib
import re
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_anytime.data.dataset_names import not_prepared_error
from keras_anytime.data.dataset_names import unknown_name_error
from keras_anytime.data.folder_description import check_files
from keras_anytime.data.folder_description import read_splits
from keras_anytime.data.info import DatasetInfo
from keras_anytime.data.info import build_info
from keras_anytime.data.label_sets import LabeledImages
from keras_anytime.data.label_sets import by_label_set
from keras_anytime.data.label_sets import check_labels
from keras_anytime.data.label_sets import label_features
from keras_anytime.data.splits import allocate_images
from keras_anytime.data.splits import check_not_empty
from keras_anytime.data.splits import parse_split
from keras_anytime.data.splits import split_error
from keras_anytime.data.tfds_folders import data_dir_or_default
from keras_anytime.data.tfds_folders import newest_folder


def tfds_info(
    name: str,
    data_dir: str | os.PathLike | None = None,
    labels: Mapping[str, str] | None = None,
    download: bool = False,
) -> DatasetInfo:
    """Returns the description of a TFDS data set.

    Args:
        name: String. The name of a TFDS data set of images.
        data_dir: String, path or `None`, as in `keras_anytime.data.load`.
        labels: Dict or `None`, as in `keras_anytime.data.load`.
        download: Boolean, as in `keras_anytime.data.load`.

    Returns:
        A `DatasetInfo`.

    Raises:
        ValueError: If the data set is unknown, its images differ in size, or
            it has no such labels.
        FileNotFoundError: If the data set has not been prepared.
        OSError: If the data set cannot be downloaded.
    """
    known = prepared_builder(name, data_dir, download).info.features
    features = label_features(labels, _label_names(name, known), name)
    class_names = {
        feature: tuple(known[feature].names) for feature in features.values()
    }
    shape = tuple(known["image"].shape)
    dtype = np.dtype(known["image"].np_dtype).name
    return build_info(name, shape, dtype, by_label_set(class_names, features))


def read_tfds(
    name: str,
    splits: Sequence[str],
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
    labels: Mapping[str, str] | None = None,
) -> list[LabeledImages]:
    """Reads splits of a TFDS data set into memory.

    Args:
        name: String. The name of a TFDS data set of images.
        splits: Sequence of strings such as `"train[:45000]"`.
        data_dir: String, path or `None`, as in `keras_anytime.data.load`.
        download: Boolean, as in `keras_anytime.data.load`.
        labels: Dict or `None`, as in `keras_anytime.data.load`.

    Returns:
        List of pairs of uint8 images `(examples, height, width, channels)`
        and int64 labels `(examples,)`, or a dict from label sets to labels.

    Raises:
        ValueError: If the data set, a split or a feature is unknown, or a file
            is damaged.
        FileNotFoundError: If the data set has not been prepared.
        OSError: If the data set cannot be downloaded.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    shape = tfds_info(name, data_dir, labels, download).image_shape
    builder = prepared_builder(name, data_dir, download)
    info = builder.info
    features = label_features(labels, _label_names(name, info.features), name)
    # Other features are not decoded.
    decoders = tfds.decode.PartialDecoding(
        {feature: True for feature in ("image", *features.values())},
        decoders={"image": _image_decoder(shape)},
    )
    # The files are read one after the other, as without TensorFlow.
    in_order = tfds.ReadConfig(interleave_cycle_length=1)
    # All splits are checked before any of them is read.
    _check_splits(splits, name, info.splits)
    _, files = read_splits(pathlib.Path(builder.data_path))
    # TensorFlow ends the process if it cannot allocate what a damaged file
    # asks for. The notation of a split contains the name of its whole split.
    notation = "+".join(splits)
    check_files(files, [whole for whole in files if whole in notation])
    pairs = []
    for split in splits:
        allocate_images(info.splits[split].num_examples, shape, name)
        try:
            with _without_advice_to_tfds():
                data = builder.as_dataset(
                    split=split,
                    batch_size=-1,
                    decoders=decoders,
                    read_config=in_order,
                )
        except tf.errors.OpError as error:
            raise ValueError(
                f"The data set {name!r} in {str(builder.data_path)!r} is "
                "damaged, or differs from its description: "
                f"{_short_message(error)}. Download it again."
            ) from error
        values = {
            feature: data[feature].numpy() for feature in features.values()
        }
        for feature, array in values.items():
            classes = info.features[feature].num_classes
            check_labels(array, classes, feature, name)
        pairs.append((data["image"].numpy(), by_label_set(values, features)))
    return pairs


@contextlib.contextmanager
def _without_advice_to_tfds() -> Iterator[None]:
    """A context without a warning of which TFDS itself is the cause.

    Partial decoding reads `FeatureConnector.dtype`, which TFDS has deprecated.
    """

    def is_for_users(record: logging.LogRecord) -> bool:
        return "`FeatureConnector.dtype` is deprecated" not in str(record.msg)

    logger = logging.getLogger("absl")
    logger.addFilter(is_for_users)
    try:
        yield
    finally:
        logger.removeFilter(is_for_users)


def _image_decoder(shape: tuple[int, int, int]) -> Any:
    """Returns a decoder that accepts images of one size only.

    TFDS would pad smaller images with zeros. The format and the size are
    checked before any pixel is decoded, as without TensorFlow.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    def png_size(data: Any) -> Any:
        header = tf.strings.substr(data, 16, 8)
        return tf.io.decode_raw(header, tf.int32, little_endian=False)

    def jpeg_size(data: Any) -> Any:
        height, width, _ = tf.unstack(tf.io.extract_jpeg_shape(data))
        return tf.stack([width, height])

    def check(condition: Any, message: str) -> Any:
        return tf.control_dependencies(
            [tf.debugging.Assert(condition, [message])]
        )

    @tfds.decode.make_decoder()
    def decode(data: Any, feature: Any) -> Any:
        png = tf.strings.substr(data, 0, 8) == b"\x89PNG\r\n\x1a\n"
        with check(
            png | tf.io.is_jpeg(data), "an image is not a PNG or JPEG file"
        ):
            bytewise = ~png | (tf.strings.substr(data, 24, 1) != b"\x10")
            size = tf.cond(png, lambda: png_size(data), lambda: jpeg_size(data))
        with check(bytewise, "the pixels of an image are not bytes"):
            same = tf.reduce_all(size == shape[1::-1])
        with check(same, "an image has another size"):
            return feature.decode_example(tf.identity(data))

    return decode()


def _short_message(error: Any) -> str:
    """Returns the message of a TensorFlow error without its origin."""
    message = error.message.partition("\n")[0].partition(" [Op:")[0]
    return re.sub(r"^.*(\}\} |iterator: \S+: )", "", message).strip()


def _label_names(name: str, features: Mapping[str, Any]) -> list[str]:
    """Returns the names of all features of a TFDS data set that hold labels."""
    import tensorflow_datasets as tfds

    labels = [
        feature
        for feature, value in features.items()
        if isinstance(value, tfds.features.ClassLabel)
    ]
    if "image" not in features or not labels:
        raise ValueError(
            "A data set for classification needs the feature 'image' and "
            f"labels. Received: name={name!r} with {sorted(features)}"
        )
    return labels


def prepared_builder(
    name: str, data_dir: str | os.PathLike | None, download: bool
) -> Any:
    """Returns the builder of a TFDS data set that has been prepared.

    Args:
        name: String. The name of a TFDS data set.
        data_dir: String, path or `None`, as in `keras_anytime.data.load`.
        download: Boolean, as in `keras_anytime.data.load`.

    Raises:
        ValueError: If the data set is unknown, or its description is damaged.
        FileNotFoundError: If the data set has not been prepared.
        OSError: If the data set cannot be downloaded.
    """
    import tensorflow_datasets as tfds

    folder = data_dir_or_default(data_dir)
    # TFDS would fail on a damaged folder with an unclear error. A missing
    # folder may still be downloaded.
    with contextlib.suppress(FileNotFoundError):
        newest_folder(name, data_dir)
    try:
        builder = tfds.builder(name, data_dir=folder)
    except ImportError:
        raise
    # TFDS raises another type of error for each part of a name that is wrong.
    except Exception as error:
        raise unknown_name_error(
            name, folder, _downloadable_names(tfds, name)
        ) from error
    if download:
        try:
            builder.download_and_prepare()
        except ImportError:
            raise
        # The network, the disk and the code of each data set raise many types.
        except Exception as error:
            raise OSError(
                f"The data set {name!r} could not be downloaded into "
                f"{folder!r}: {error}"
            ) from error
    if not builder.data_path.exists():
        raise not_prepared_error(
            name,
            folder,
            "Download it once, on a machine with internet, with "
            f"keras_anytime.data.load({name!r}, download=True), in recipes "
            "--download, or set TFDS_DATA_DIR to the folder that has it.",
        )
    return builder


def _downloadable_names(tfds: Any, name: str) -> list[str]:
    """Returns the names of TFDS data sets that the user may have meant."""
    datasets = tfds.list_builders(with_community_datasets=False)
    dataset = name.partition("/")[0]
    if "/" in name and dataset in datasets:
        configs = tfds.builder_cls(dataset).builder_configs
        return [f"{dataset}/{config}" for config in configs] or [dataset]
    return datasets


def _check_splits(
    splits: Sequence[str], name: str, known: Mapping[str, Any]
) -> None:
    """Raises a `ValueError` if the data set does not have one of the splits."""
    sizes = {whole: split.num_examples for whole, split in known.items()}
    for split in splits:
        try:
            count = known[split].num_examples
        # TFDS raises another type of error for each way to be wrong.
        except Exception as error:
            parse_split(split, sizes, name)
            raise split_error(split, sizes, name) from error
        check_not_empty(count, split, name)
