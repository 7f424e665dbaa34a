"""The benchmark of `anytime_curve`, beside Keras' `evaluate`."""

import os
import statistics
from typing import Any

import keras
import numpy as np

from keras_anytime import evaluation
from keras_anytime import nets
from keras_anytime.evaluation.tables import as_table
from keras_anytime.experiments.benchmark import measure_time
from keras_anytime.experiments.benchmark import ratio_columns
from keras_anytime.files import check_writable
from keras_anytime.files.csv_files import write_csv
from keras_anytime.model import AnytimeModel


def benchmark_evaluation(
    net: str,
    num_images: int = 1000,
    batch_size: int = 128,
    repetitions: int = 7,
    csv: str | os.PathLike | None = None,
) -> None:
    """Times the evaluation of all stages and of the last, and prints a table.

    Args:
        net: String. A name of `ka.nets`.
        num_images: Integer. Images to measure on.
        batch_size: Integer. Images per batch.
        repetitions: Integer. Rounds that both ways are measured in.
        csv: Path of a CSV file for the table, or `None`.

    Raises:
        ValueError: If there is no such network.
        OSError: If the CSV file cannot be written.
    """
    if csv:
        check_writable(csv)
    rows = _measure(nets.get(net), num_images, batch_size, repetitions)
    print("\n".join(as_table(rows)))
    if csv:
        write_csv(csv, rows)


def _measure(
    model: AnytimeModel, num_images: int, batch_size: int, repetitions: int
) -> list[dict[str, Any]]:
    """Returns the rows of the table."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal(
        (num_images, *model.input_shape[1:]), "float32"
    )
    labels = rng.integers(0, model.outputs[0].shape[-1], num_images)
    largest = model.stage(model.num_stages)
    largest.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    seconds = measure_time(
        {
            "evaluate": lambda: largest.evaluate(
                images, labels, batch_size=batch_size, verbose=0
            ),
            "anytime_curve": lambda: evaluation.anytime_curve(
                model,
                (images, labels),
                batch_size=batch_size,
                verbose=False,
            ),
        },
        repetitions,
        steps=1,
    )
    return [
        {
            "row": name,
            "stages": 1 if name == "evaluate" else model.num_stages,
            "seconds": f"{statistics.median(values):.3f}",
            **ratio_columns(values, seconds["evaluate"]),
        }
        for name, values in seconds.items()
    ]
