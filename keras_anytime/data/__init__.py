"""Data sets: batches of prepared images and labels, ready for `model.fit`."""

import dataclasses
import numbers
import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime.data.augmentation import choose_augmentation
from keras_anytime.data.augmentation import parse_augmentation
from keras_anytime.data.epoch_order import EpochCounter
from keras_anytime.data.info import DatasetInfo
from keras_anytime.data.info import with_preprocessing
from keras_anytime.data.label_sets import count_examples
from keras_anytime.data.reading import as_text
from keras_anytime.data.reading import check_image_size
from keras_anytime.data.reading import default_splits
from keras_anytime.data.reading import is_streamed
from keras_anytime.data.reading import open_streams
from keras_anytime.data.reading import read_images
from keras_anytime.data.reading import read_info
from keras_anytime.data.splits import check_not_empty

__all__ = ["DatasetInfo", "EpochCounter", "info", "load"]


def info(
    name: str | os.PathLike,
    data_dir: str | os.PathLike | None = None,
    labels: Mapping[str, str] | str | os.PathLike | None = None,
    download: bool = False,
    image_size: int | None = None,
    preprocessing: Mapping[str, Any] | None = None,
) -> DatasetInfo:
    """Returns the description of a data set.

    ```python
    ka.data.info("digits").classes  # 10
    ```

    Args:
        name: String or path, as in `load`.
        data_dir: String, path or `None`, as in `load`.
        labels: Dict, path or `None`, as in `load`. With label sets, `classes`
            and `class_names` of the result are dicts by label set.
        download: Boolean, as in `load`.
        image_size: Integer or `None`, as in `load`.
        preprocessing: Dict or `None`, as in `load`.

    Returns:
        A `DatasetInfo`.

    Raises:
        ValueError: If the data set or one of the labels is unknown, or the
            description of the data set is damaged.
        FileNotFoundError: If the data set has not been prepared.
        OSError: If the data set cannot be downloaded.
        ImportError: If the data set would have to be downloaded on JAX.
    """
    check_image_size(as_text(name), image_size)
    return with_preprocessing(
        read_info(as_text(name), data_dir, labels, download, image_size),
        preprocessing,
    )


def load(
    name: str | os.PathLike,
    batch_size: int = 128,
    splits: Sequence[str] | None = None,
    seed: int = 0,
    augment: bool | Sequence[str] = True,
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
    labels: Mapping[str, str] | str | os.PathLike | None = None,
    drop_remainder: bool = False,
    image_size: int | None = None,
    preprocessing: Mapping[str, Any] | None = None,
) -> list[Any]:
    """Returns data sets of images and labels, one for each split.

    The first split is for training: it is shuffled anew in each epoch, and
    augmented. The other splits keep their order and are not augmented. A seed
    fixes the order and the augmentation of each epoch, and `fit` numbers the
    epochs, so a training that was interrupted continues with the same data.

    Images are held in memory, unless `image_size` is given: then each batch is
    read, decoded and resized when it is needed. A training image is then by
    default a random part of 8% to 100% of the area (Szegedy 2015, as most
    programs train on ImageNet today; He 2016 resizes the short side to 256 to
    480 pixels and crops). Of other images the short side is resized to 256/224
    of `image_size`, and the middle is taken; images that have the right size
    stay as they are. Where training images get no random parts, splits of up
    to 256 MB are resized once and kept. Pillow decodes and resizes on both
    backends, so pixels are the same to the last bit.

    The type and the shape of the arrays of an `.npz` file tell what they are:

    - `x_train`: uint8 `(examples, height, width[, channels])` are images,
      floats `(examples, features)` a table, floats `(examples, steps,
      channels)` series; integers `(examples, steps)` are tokens. Tables and
      series are normalized by feature, as images are by channel, with the means
      and deviations of the training split. Tokens stay as they are.
      `x_train_<name>` are several inputs.
    - `y_train`: integers `(examples,)` are classes; integers of the shape of
      the images or series, without channels, are masks (segmentation); bools
      `(examples,)` are binary and `(examples, labels)` multi-label; floats are
      numbers (regression).
    - `task`, such as `task="regression"`, says it where this does not tell,
      and `ignore_class` is the label in masks that does not count.

    Images alone are augmented, with their masks: padding then mirrors both.
    Images beside other inputs, or with numbers to predict, are not augmented
    unless `augment` names how, because a mirror image may have another number.

    ```python
    train, val = ka.data.load("digits", batch_size=32)
    for images, labels in val:
        print(images.shape, labels.shape)
    ```

    Args:
        name: The data set. `"digits"` are the 1,797 handwritten digits of 8x8
            pixels that ship inside scikit-learn. Another name, such as
            `"cifar10"`, is a data set of TensorFlow Datasets (TFDS) that has
            images and labels. A path is an `.npz` file with arrays `x_train`,
            `y_train`, `x_test`, `y_test`: uint8 images of one size, channels
            last, and one integer label each; or other inputs and labels, see
            below. `"folder:photos"` is a folder
            `photos` of images `class/image.jpg`, or of folders `train`, and
            `test`, `validation` or `val`, of such images.
        batch_size: Integer of 1 or more.
        splits: Sequence of splits in the notation of TensorFlow Datasets, such
            as `("train[:45000]", "train[45000:]")`. `None` means
            `("train", "test")`, or `("train", "validation")` for ImageNet and
            where there is no test split; for the digits and for folders that
            have no splits it means four fifths and the remaining fifth. A
            folder's images are in an order that depends on their names alone,
            and mixes the classes.
        seed: Integer of 0 or more. Determines order and augmentation.
        augment: What training images get at random. True means the data
            set's own, `info(name).augmentation`: `("crop", "flip")` for images
            of one size, `("crop",)` for digits and letters such as
            `"svhn_cropped"` and `"mnist"`, `("resized_crop", "flip")` for
            images that are resized, and nothing for `"digits"`. False means
            nothing. A sequence names it: `"crop"` pads by 4 pixels of the mean
            color and crops, `"flip"` mirrors, `"blur"` is a Gaussian blur
            whose standard deviation is uniform from 0 to 1 pixel (Hu 2019
            blurs SVHN, and does not say how much), and `"resized_crop"` takes
            a random part of the image. `"crop=8"` and `"blur=0.5"` give other
            numbers of pixels.
        data_dir: String or path. The folder of prepared TFDS data sets. `None`
            means the environment variable `TFDS_DATA_DIR`, or
            `~/tensorflow_datasets` if it is not set.
        download: Boolean. Whether to download and prepare a data set that has
            not been prepared.
        labels: Dict from label sets, finest first, to the features of the data
            set that hold them, for hierarchical prediction. For CIFAR-100 it
            is `{"fine": "label", "coarse": "coarse_label"}`. A path is a table
            of the classes, in a CSV file with a header or a JSON file with a
            list of objects: a column for each label set, finest first, where
            the first holds the names of the data set's classes, or their
            numbers. `None` means the single feature `"label"`.
        drop_remainder: Boolean. Whether the last batch of a training epoch is
            dropped if it is smaller, which avoids compiling for its size.
        image_size: Integer or `None`. Height and width that images of any size
            are resized to as they are read, for TFDS data sets and folders.
            Needed where sizes differ, such as 224 for ImageNet.
        preprocessing: Dict with `scale`, `mean` and `std`: a pixel becomes
            `(pixel / scale - mean) / std`. For a network that was trained on
            pixels of another normalization, such as `{"scale": 127.5, "mean":
            1, "std": 1}` for pixels from -1 to 1. `None` means the means and
            deviations of the data set.

    Returns:
        List of data sets, each of pairs of float32 images `(batch, height,
        width, channels)`, normalized by channel, and int64 labels `(batch,)`,
        or a dict from label sets to such labels. Several inputs are a dict by
        their names. Labels that are no classes are float32, masks int32. The
        last batch of an epoch
        may be smaller. On the TensorFlow backend, each data set is a
        `tf.data.Dataset`. On JAX, it is a `keras.utils.PyDataset` with the
        same batches, which does not need TensorFlow. Both are iterable and
        have a length.

    Raises:
        ValueError: If an argument is wrong, or the data set is damaged.
        FileNotFoundError: If the data set has not been prepared. The message
            says how to get it.
        OSError: If the data set cannot be downloaded.
        ImportError: If the data set would have to be downloaded on JAX.
    """
    _check_integer("batch_size", batch_size, 1)
    _check_integer("seed", seed, 0)
    if isinstance(splits, str):
        raise ValueError(
            "`splits` must be a sequence of splits, the training split first. "
            f"Received: splits={splits!r}"
        )
    text = as_text(name)
    check_image_size(text, image_size)
    dataset_info = with_preprocessing(
        read_info(text, data_dir, labels, download, image_size), preprocessing
    )
    splits = splits or default_splits(text, data_dir)
    training_info = dataclasses.replace(
        dataset_info,
        augmentation=choose_augmentation(augment, dataset_info.augmentation),
    )
    _check_augmentation(training_info, is_streamed(text, image_size))
    pairs: Sequence[tuple[Any, Any]]
    if is_streamed(text, image_size):
        streams = open_streams(
            text, splits, data_dir, labels, training_info, seed
        )
        pairs = [
            stream.read_all() if stream.fits_in_memory() else (stream, None)
            for stream in streams
        ]
    else:
        pairs = read_images(text, splits, data_dir, labels)
    for split, (images, _) in zip(splits, pairs, strict=True):
        check_not_empty(count_examples(images), split, text)
    (train_images, train_labels), *others = pairs
    count = count_examples(train_images)
    if drop_remainder and count < batch_size:
        raise ValueError(
            "`drop_remainder` drops the only batch, because there are "
            f"{count} training images. Received: "
            f"batch_size={batch_size}"
        )
    batches = _batches_of_backend()
    return [
        batches.training_batches(
            train_images,
            train_labels,
            training_info,
            batch_size,
            seed,
            drop_remainder,
        ),
        *(
            batches.evaluation_batches(*pair, dataset_info, batch_size)
            for pair in others
        ),
    ]


def _check_augmentation(dataset_info: DatasetInfo, streamed: bool) -> None:
    """Raises a `ValueError` if images cannot be augmented as described."""
    augmentation = parse_augmentation(dataset_info.augmentation)
    received = f"Received: augment={dataset_info.augmentation}"
    sizes = [
        described.shape[:2]
        for described in dataset_info.inputs.values()
        if described.is_image
    ]
    if dataset_info.augmentation and not sizes:
        raise ValueError(
            "Images are augmented; leave `augment` out for other inputs. "
            f"{received} for {dataset_info.name!r}"
        )
    if not sizes:
        return
    height, width = map(min, zip(*sizes, strict=True))
    if augmentation.pad > min(height, width) and dataset_info.task is not None:
        raise ValueError(
            f"The padding reaches over images of {height}x{width} pixels: give "
            f"a smaller one, such as 'crop=1'. {received}"
        )
    if augmentation.resized_crop and not streamed:
        raise ValueError(
            "'resized_crop' takes parts of images as they are read: give "
            f"image_size, such as image_size={height}. {received}"
        )
    if augmentation.blur_radius > min(height, width):
        raise ValueError(
            f"The blur reaches over images of {height}x{width} pixels: give a "
            f"smaller one, such as 'blur=0.5'. {received}"
        )


def _check_integer(name: str, value: Any, minimum: int) -> None:
    if not isinstance(value, numbers.Integral) or int(value) < minimum:
        raise ValueError(
            f"`{name}` must be an integer of {minimum} or more. "
            f"Received: {name}={value}"
        )


def _batches_of_backend() -> Any:
    """Returns the module that makes batches for the Keras backend."""
    if keras.backend.backend() == "tensorflow":
        from keras_anytime.data import tensorflow_batches

        return tensorflow_batches
    from keras_anytime.data import jax_batches

    return jax_batches
