"""The benchmark of training steps: time and memory of each combiner."""

import statistics
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import keras
import numpy as np

from keras_anytime import gradients
from keras_anytime.backend.types import Tensor
from keras_anytime.experiments.benchmark import Remote
from keras_anytime.experiments.benchmark import measure_time
from keras_anytime.experiments.benchmark import ratio_columns
from keras_anytime.experiments.benchmark import serve
from keras_anytime.experiments.benchmark_networks import compiled
from keras_anytime.experiments.benchmark_networks import find_network
from keras_anytime.experiments.benchmark_networks import make_networks
from keras_anytime.experiments.benchmark_settings import (
    TrainingBenchmarkSettings,
)
from keras_anytime.experiments.memory import measure_memory
from keras_anytime.experiments.step_parts import least_seconds
from keras_anytime.experiments.step_parts import training_step_parts
from keras_anytime.files import check_writable
from keras_anytime.files.csv_files import write_csv
from keras_anytime.model import AnytimeModel
from keras_anytime.stages.cost import stage_costs

# Columns of the CSV file, and their titles in the printed table.
_COLUMNS = {
    "row": "",
    "ms_per_step": "ms/step",
    "images_per_second": "images/s",
    "share_of_peak": "of_peak",
    "ratio": "ratio",
    "lowest": "lowest",
    "highest": "highest",
    "peak_mib": "peak MiB",
    "peak_ratio": "ratio",
}
# Pairs of rows whose ratio gets a row of its own.
_COMPARED = (
    ("orthogonal", "bound"),
    ("orthogonal, masked", "orthogonal"),
    ("orthogonal", "orthogonal, Keras' norm"),
    ("gram", "orthogonal"),
)
# Rows that are parts of a training step.
_PARTS = ("bound", "gram")


class TrainingBenchmark:
    """Networks that are trained in turn, one training step each.

    Args:
        settings: The settings of the benchmark.

    Raises:
        ValueError: If a setting is wrong.
        OSError: If the CSV file cannot be written.
    """

    def __init__(self, settings: TrainingBenchmarkSettings) -> None:
        self.settings = settings
        self._builder, self._arguments = find_network(settings)
        self._extra_rows = find_extra_rows(settings, self._builder.__name__)
        for name in settings.combiners or ():
            gradients.get(name)
        self._model = self._builder(**self._arguments)
        if settings.csv:
            check_writable(settings.csv)

    def run(self, command: Sequence[str]) -> None:
        """Measures all networks, prints the table and writes the CSV file.

        With the setting `serve`, it makes training steps for the process that
        started this one.

        Args:
            command: Sequence of strings. The command of this program, which is
                also run on the backend that `against` names.
        """
        settings = self.settings
        images, labels = _batch(self._model, settings.batch_size)
        networks = make_networks(
            self._builder,
            self._arguments,
            settings.refresh_every,
            self._extra_rows,
            settings.combiners or (),
        )
        steps = {
            name: _training_step(network, images, labels)
            for name, network in networks.items()
        }
        if settings.serve:
            serve(steps)
            return
        peaks = measure_memory(steps, settings.refresh_every)
        parts: dict[str, Callable[[], object]] = {}
        if self._extra_rows & set(_PARTS):
            parts = training_step_parts(
                compiled(self._model, "orthogonal"), images, labels
            )
        remote_steps: dict[str, Callable[[], None]] = {}
        remote = None
        if settings.against:
            remote = Remote(
                [*command, "--serve"], KERAS_BACKEND=settings.against
            )
            remote_steps = {
                f"{name}, {settings.against}": function
                for name, function in remote.functions.items()
            }
        seconds = measure_time(
            {**steps, **parts, **remote_steps},
            settings.repetitions,
            settings.steps_per_round,
        )
        if remote:
            remote.close()
        if parts:
            seconds["bound"] = least_seconds(seconds, parts)
        shown = {*steps, *self._extra_rows, *remote_steps}
        rows = make_rows(
            settings,
            {name: seconds[name] for name in seconds if name in shown},
            peaks,
            [cost.macs for cost in stage_costs(self._model)],
        )
        print("\n".join(table_lines(settings, rows)))
        if settings.csv:
            write_csv(settings.csv, rows)


def find_extra_rows(
    settings: TrainingBenchmarkSettings, builder_name: str
) -> set[str]:
    """Returns the names of those settings whose rows are to be added.

    Args:
        settings: The settings of the benchmark.
        builder_name: String. The name of the network's builder.

    Raises:
        ValueError: If the network or the backend cannot have a row.
    """
    reasons_against = {}
    if builder_name != "width_nested_resnet":
        reasons_against["masked"] = f"takes no {builder_name}"
    if keras.backend.backend() != "tensorflow" and not settings.serve:
        reasons_against |= dict.fromkeys(_PARTS, "needs TensorFlow")
    rows = set()
    for name in ("masked", "batch_norm", "bound", "gram"):
        if getattr(settings, name) and name in reasons_against:
            raise ValueError(f"--{name} {reasons_against[name]}.")
        if getattr(settings, name) or (
            settings.all and name not in reasons_against
        ):
            rows.add(name)
    return rows


def make_rows(
    settings: TrainingBenchmarkSettings,
    seconds: Mapping[str, np.ndarray],
    peaks: Mapping[str, float],
    macs: Sequence[int],
) -> list[dict[str, str]]:
    """Returns the rows of the table.

    Args:
        settings: The settings of the benchmark.
        seconds: Dict from the names of rows to seconds of a training step, an
            array over the rounds.
        peaks: Dict from the names of rows to bytes of memory, where known.
        macs: Multiply-adds of each stage's subnetwork for one image.

    Returns:
        List of dicts from columns to text.
    """
    rows = []
    for name, values in seconds.items():
        median = statistics.median(values)
        row = {"row": name, "ms_per_step": f"{1e3 * median:.2f}"}
        if name not in _PARTS:
            row["images_per_second"] = f"{settings.batch_size / median:.0f}"
            if settings.peak_tflops:
                operations = _operations(settings, name, macs)
                share = operations / median / 1e12 / settings.peak_tflops
                row["share_of_peak"] = f"{share:.2%}"
        row |= ratio_columns(values, seconds["sum"])
        if name in peaks:
            row["peak_mib"] = f"{peaks[name] / 2**20:.2f}"
        if name in peaks and peaks.get("sum"):
            row["peak_ratio"] = f"{peaks[name] / peaks['sum']:.3f}"
        rows.append(row)
    backends = [
        (f"{name}, {settings.against}", name)
        for name in seconds
        if f"{name}, {settings.against}" in seconds
    ]
    others = [(name, "orthogonal") for name in settings.combiners or ()]
    rows += [
        {
            "row": f"{left} / {right}",
            **ratio_columns(seconds[left], seconds[right]),
        }
        for left, right in (*_COMPARED, *others, *backends)
        if left in seconds and right in seconds
    ]
    return rows


def table_lines(
    settings: TrainingBenchmarkSettings, rows: Sequence[Mapping[str, str]]
) -> list[str]:
    """Returns the lines of the printed table, a header first.

    Args:
        settings: The settings of the benchmark.
        rows: As from `make_rows`.
    """
    columns = {
        column: title
        for column, title in _COLUMNS.items()
        if settings.peak_tflops or column != "share_of_peak"
    }
    width = max(len(row["row"]) for row in rows)
    lines = []
    for row in [columns, *rows]:
        name, *cells = [row.get(column, "-") for column in columns]
        lines.append(f"{name:{width}}" + "".join(f"{c:>10}" for c in cells))
    return lines


def _operations(
    settings: TrainingBenchmarkSettings, row: str, macs: Sequence[int]
) -> float:
    """Returns the floating-point operations of a training step of a row.

    Convolutions and matrix products make two operations for each multiply-add
    forward, and four in a backward pass.
    """
    backward: float = macs[-1]
    one_pass = [
        name
        for name in settings.combiners or ()
        if gradients.get(name).single_backward
    ]
    if row.split(", ")[0] not in ("single", "sum", *one_pass):
        backward = sum(macs)
    if "refreshed" in row:
        others = settings.refresh_every - 1
        backward = (backward + others * macs[-1]) / settings.refresh_every
    return settings.batch_size * (2 * macs[-1] + 4 * backward)


def _batch(model: AnytimeModel, batch_size: int) -> list[Tensor]:
    """Returns random images and labels on the device.

    Copying them there is not part of a training step.
    """
    rng = np.random.default_rng(0)
    shape = (batch_size, *model.input_shape[1:])
    images = rng.standard_normal(shape, "float32")
    labels = rng.integers(0, model.output_shape[0][-1], batch_size)
    return [keras.ops.convert_to_tensor(array) for array in (images, labels)]


def _training_step(
    network: keras.Model, images: Tensor, labels: Tensor
) -> Callable[[], object]:
    """Returns a function that makes the training step that `fit` makes.

    It reads the loss, which waits for the device.
    """
    return lambda: network.train_on_batch(images, labels)
