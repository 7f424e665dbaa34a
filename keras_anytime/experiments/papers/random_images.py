"""Folders of random images, to try trainings without their data sets."""

import csv
import io
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_anytime.files import atomic_write
from keras_anytime.files import write_text

# Halved three times, two are left.
_NUM_CLASSES = 16
_IMAGES_PER_CLASS = {"train": 2, "test": 1}


def write_random_images(
    folder: pathlib.Path, size: int, several_sizes: bool
) -> list[str]:
    """Writes random images, in a folder for each split and class.

    Images that are there already are kept.

    Args:
        folder: Path.
        size: Integer. The height and width of images in pixels.
        several_sizes: Boolean. Whether images are up to half larger, each of
            another size.

    Returns:
        The names of the classes.
    """
    from PIL import Image

    generator = np.random.default_rng(0)
    names = [f"class_{index}" for index in range(_NUM_CLASSES)]
    for split, count in _IMAGES_PER_CLASS.items():
        for name in names:
            for index in range(count):
                shape = generator.integers(size, 1 + 3 * size // 2, 2)
                height, width = shape if several_sizes else (size, size)
                pixels = generator.integers(
                    0, 256, (height, width, 3), dtype=np.uint8
                )
                path = folder / split / name / f"{index}.png"
                if not path.exists():
                    atomic_write(path, Image.fromarray(pixels).save)
    return names


def write_taxonomy(
    path: pathlib.Path, label_sets: Sequence[str], class_names: Sequence[str]
) -> None:
    """Writes a table of labels, each set with half as many as the one before.

    Args:
        path: Path of a CSV file.
        label_sets: The names of the label sets, finest first.
        class_names: The names of the finest labels.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(label_sets)
    for index, name in enumerate(class_names):
        coarse = [
            f"{label_set}_{index >> level}"
            for level, label_set in enumerate(label_sets[1:], start=1)
        ]
        writer.writerow([name, *coarse])
    write_text(path, text.getvalue())
