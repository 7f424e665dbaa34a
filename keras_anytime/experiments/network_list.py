"""The list of the named networks, with their costs."""

import gc
import os
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_anytime import nets
from keras_anytime.files import check_writable
from keras_anytime.files.csv_files import write_csv
from keras_anytime.model import AnytimeModel
from keras_anytime.nets import catalogue
from keras_anytime.stages.cost import stage_costs


class NetworkList:
    """The networks to list, and the file to write the table to.

    Args:
        names: Names of `ka.nets`. Without any, all networks are listed.
        csv: Path of a CSV file for the table, or `None`.

    Raises:
        ValueError: If there is no network of a name.
        OSError: If the CSV file cannot be written.
    """

    def __init__(
        self,
        names: Sequence[str] = (),
        csv: str | os.PathLike | None = None,
    ) -> None:
        if csv:
            check_writable(csv)
        self._csv = csv
        self._names = [catalogue.canonical_name(name) for name in names]

    def print(self, first_step: bool = False, batch_size: int = 64) -> None:
        """Builds and prints network after network, and writes the CSV file.

        Args:
            first_step: Boolean. Whether to measure the time to the end of the
                first training step with OSGD.
            batch_size: Integer. Images in that training step.
        """
        rows: list[dict[str, Any]] = []
        for name in self._names or nets.names():
            rows.append(network_row(name, batch_size if first_step else None))
            if len(rows) == 1:
                print("  ".join(rows[0]))
            print("  ".join(map(str, rows[-1].values())), flush=True)
            if self._csv:
                write_csv(self._csv, rows)


def network_row(name: str, batch_size: int | None = None) -> dict[str, Any]:
    """Builds a network and returns its row of the table.

    Args:
        name: String. A name of `ka.nets`.
        batch_size: Integer. Images in the first training step that is
            measured, or `None` to measure none.
    """
    keras.backend.clear_session()
    gc.collect()
    keras.utils.set_random_seed(0)
    start = time.perf_counter()
    model = nets.get(name)
    build_seconds = time.perf_counter() - start
    costs = stage_costs(model)
    row = {
        "name": name,
        "stages": model.num_stages,
        "layers": len(model.layers),
        "first_mmacs": f"{costs[0].macs / 1e6:.2f}",
        "last_mmacs": f"{costs[-1].macs / 1e6:.2f}",
        "first_parameters": costs[0].parameters,
        "last_parameters": costs[-1].parameters,
        "build_s": f"{build_seconds:.1f}",
        "weights": "/".join(nets.pretrained().get(name, ())) or "none",
    }
    if batch_size is not None:
        row["first_step_s"] = f"{first_step_seconds(model, batch_size):.1f}"
    return row


def first_step_seconds(model: AnytimeModel, batch_size: int) -> float:
    """Returns the seconds from `fit` to the end of the first OSGD step.

    Args:
        model: An `AnytimeModel`, which is compiled and trained.
        batch_size: Integer. Images in the training step.
    """
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        gradients="orthogonal",
    )
    rng = np.random.default_rng(0)
    shape = (batch_size, *model.input_shape[1:])
    images = rng.standard_normal(shape, "float32")
    labels = rng.integers(0, model.outputs[0].shape[-1], batch_size)
    start = time.perf_counter()
    model.fit(images, labels, batch_size=batch_size, verbose=0)
    return time.perf_counter() - start
