"""The data of a training: what its settings pass to `keras_anytime.data`."""

import contextlib
import dataclasses
import json
import re
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime import data
from keras_anytime.data.augmentation import parse_augmentation
from keras_anytime.data.info import DatasetInfo
from keras_anytime.experiments.train_settings import TrainSettings
from keras_anytime.files import ContentError

# Exports calibrate integers on the first images of training.
REPRESENTATIVE = 200


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingData:
    """The splits of a training.

    Args:
        train: Batches of images and labels, shuffled and augmented.
        eval: The same of the evaluation split, in order.
        test: The same of the test split, or `None` without such a split.
    """

    train: Any
    eval: Any
    test: Any = None


def parse_labels(text: str | None) -> dict[str, str] | str | None:
    """Returns the `labels` of `ka.data.load` that a setting stands for.

    Args:
        text: String, a JSON object or the path of a table; or `None`.

    Returns:
        Dict from label sets to features, the path, or `None` for the single
        label of the data set.

    Raises:
        ValueError: If the text starts like a JSON object and is none.
    """
    text = (text or "").strip()
    if not text.startswith("{"):
        return text or None
    try:
        return json.loads(text) or None
    except ValueError as error:
        raise ValueError(
            "--labels must be a JSON object such as "
            '\'{"fine": "label", "coarse": "coarse_label"}\', or the path of '
            f"a table. Received: {text}"
        ) from error


def load_arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what both `ka.data.info` and `ka.data.load` take.

    Args:
        settings: Dict of the settings of a training. Older ones may lack some.

    Returns:
        Dict of keyword arguments.
    """
    arguments: dict[str, Any] = {"labels": parse_labels(settings.get("labels"))}
    if settings.get("image_size") is not None:
        arguments["image_size"] = settings["image_size"]
    if settings.get("preprocessing") is not None:
        arguments["preprocessing"] = parse_preprocessing(
            settings["preprocessing"]
        )
    return arguments


def parse_preprocessing(text: str) -> dict[str, Any]:
    """Returns the `preprocessing` of `ka.data.load` that a setting stands for.

    Args:
        text: String, a JSON object.

    Raises:
        ValueError: If the text is no JSON object.
    """
    try:
        preprocessing = json.loads(text)
    except ValueError:
        preprocessing = None
    if not isinstance(preprocessing, dict):
        raise ValueError(
            "--preprocessing must be a JSON object such as "
            '\'{"scale": 127.5, "mean": 1, "std": 1}\'. '
            f"Received: {text}"
        )
    return preprocessing


def load_info(settings: TrainSettings) -> DatasetInfo:
    """Returns the description of a training's data.

    Args:
        settings: The settings of the training.
    """
    return data.info(
        settings.data,
        data_dir=settings.data_dir,
        download=settings.download,
        **load_arguments(settings.to_dict()),
    )


def first_images(split: str, count: int) -> str:
    """Returns the split with the first images of a split.

    Args:
        split: String, such as `"train[45000:]"`.
        count: Integer. How many images.

    Returns:
        The split of these images alone, such as `"train[45000:45200]"`. It is
        `split` itself if that has fewer, or does not number its images.
    """
    match = re.fullmatch(r"(\w+)(?:\[(\d*):(\d*)\])?", split)
    if match is None:
        return split
    start = int(match[2] or 0)
    if match[3] and int(match[3]) < start + count:
        return split
    return f"{match[1]}[{start or ''}:{start + count}]"


def load_data(settings: TrainSettings) -> TrainingData:
    """Returns the splits of a training.

    Args:
        settings: The settings of the training.
    """
    splits = None
    if settings.train_split and settings.eval_split:
        splits = [settings.train_split, settings.eval_split]
        splits += [settings.test_split] if settings.test_split else []
    augment: Any = settings.augment
    if settings.augmentation is not None:
        augment = tuple(settings.augmentation)
    loaded = data.load(
        settings.data,
        batch_size=settings.batch_size,
        splits=splits,
        seed=settings.seed,
        augment=augment,
        data_dir=settings.data_dir,
        drop_remainder=settings.drop_remainder,
        **load_arguments(settings.to_dict()),
    )
    return TrainingData(*loaded)


def describe_augmentation(settings: TrainSettings, info: DatasetInfo) -> str:
    """Returns in words how training images are augmented."""
    if not settings.augment:
        names: Sequence[str] = ()
    elif settings.augmentation is not None:
        names = settings.augmentation
    else:
        names = info.augmentation
    return str(parse_augmentation(names))


@contextlib.contextmanager
def named_damage() -> Iterator[None]:
    """Raises the `ContentError` of a file that is damaged, on all backends.

    TensorFlow wraps the errors of functions in Python in its own, of which only
    the text has the class and the message, with tracebacks below.

    Raises:
        ContentError: If an image cannot be used.
    """
    try:
        yield
    except Exception as error:
        name = ContentError.__name__
        message = re.search(rf"\b{name}: (.+)", str(error))
        if message is None:
            raise
        raise ContentError(message[1]) from error
