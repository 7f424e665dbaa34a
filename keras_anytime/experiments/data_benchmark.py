"""The benchmark of data sets: images a second and memory of each pipeline."""

import gc
import os
import pathlib
import statistics
import sys
import tempfile
import time
from typing import Any
from typing import cast

import keras

from keras_anytime import data
from keras_anytime.data.reading import open_streams
from keras_anytime.data.tfds_folders import newest_folder
from keras_anytime.evaluation.tables import as_table
from keras_anytime.experiments.memory import process_counter
from keras_anytime.files import check_writable
from keras_anytime.files.csv_files import write_csv

# The rows: a data set, and the size that its images are streamed at, if any.
# Streams come first, before the memory that others leave behind hides theirs.
_PIPELINES = (
    ("tiny_imagenet_subset", 64),
    ("hymenoptera_subset", 224),
    ("folder:hymenoptera_subset", 224),
    ("cifar10", None),
    ("tiny_imagenet_subset", None),
)


def benchmark_data(
    data_dir: str | os.PathLike | None = None,
    batch_size: int = 64,
    repetitions: int = 5,
    split: str = "train",
    csv: str | os.PathLike | None = None,
) -> None:
    """Times passes over training sets, and prints a table.

    Data sets that have not been prepared are left out. The row of a folder
    writes the images of `hymenoptera_subset` into one.

    Args:
        data_dir: As in `ka.data.load`.
        batch_size: Integer. Images per batch.
        repetitions: Integer. Passes that are measured, after one that is not.
        split: String. The split to read.
        csv: Path of a CSV file for the table, or `None`.

    Raises:
        ValueError: If an argument is wrong, or no data set is prepared.
        OSError: If the CSV file cannot be written.
    """
    if csv:
        check_writable(csv)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, image_size in _PIPELINES:
            dataset = name.removeprefix("folder:")
            try:
                newest_folder(dataset, data_dir)
            except FileNotFoundError as error:
                print(f"{name} is left out: {error}")
                continue
            path = name
            if name != dataset:
                path = f"folder:{folder}"
                _write_folder(dataset, folder, data_dir)
            row = _measure(
                path, image_size, data_dir, batch_size, repetitions, split
            )
            where = f"streamed at {image_size}" if image_size else "in memory"
            rows.append({"pipeline": f"{name}, {where}", **row})
    if not rows:
        raise ValueError(
            "None of the data sets is prepared. "
            f"Received: data_dir={data_dir!r}"
        )
    print("\n".join(as_table(rows)))
    if csv:
        write_csv(csv, rows)


def _measure(
    name: str,
    image_size: int | None,
    data_dir: str | os.PathLike | None,
    batch_size: int,
    repetitions: int,
    split: str,
) -> dict[str, Any]:
    """Returns the columns of a pipeline.

    Memory is the peak above that before the data set was opened: until a fifth
    of the batches of the first pass, and until its end.
    """
    gc.collect()
    counter = process_counter() if sys.platform == "linux" else None
    before = counter.start() if counter else None
    (train,) = data.load(
        name,
        batch_size,
        (split,),
        data_dir=data_dir,
        image_size=image_size,
    )
    peaks: list[Any] = []
    count = 0
    for number, (images, _) in enumerate(train):
        _wait_for(images)
        count += len(images)
        if counter and number == len(train) // 5:
            peaks.append(counter.stop(before))
    if counter:
        peaks.append(counter.stop(before))
    rates = []
    for _ in range(repetitions):
        start = time.perf_counter()
        for images, _ in train:
            _wait_for(images)
        rates.append(count / (time.perf_counter() - start))
    mebibytes = [f"{peak / 2**20:.0f}" for peak in peaks] or ["", ""]
    return {
        "images": count,
        "images_per_second": f"{statistics.median(rates):.0f}",
        "lowest": f"{min(rates):.0f}",
        "highest": f"{max(rates):.0f}",
        "fifth_mib": mebibytes[0],
        "peak_mib": mebibytes[-1],
    }


def _wait_for(images: Any) -> None:
    """Waits until a batch is there; JAX returns it before."""
    keras.ops.convert_to_numpy(images[0, 0, 0])


def _write_folder(
    name: str, folder: str, data_dir: str | os.PathLike | None
) -> None:
    """Writes the encoded images of a data set into a folder for each class."""
    info = data.info(name, data_dir, image_size=224)
    # There is one label set.
    class_names = cast(tuple[str, ...], info.class_names)
    (stream,) = open_streams(name, ("train",), data_dir, None, info, 0)
    for index in range(len(stream)):
        encoded, labels = stream.source.read(index)
        path = pathlib.Path(
            folder, class_names[int(labels["label"])], f"{index:06}.jpg"
        )
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded)
