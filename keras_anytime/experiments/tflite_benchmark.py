"""The benchmark of exported networks on the device at hand.

Where exported files are given, it needs neither Keras nor TensorFlow.
"""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_anytime import runtime
from keras_anytime.files import check_writable
from keras_anytime.files import user_path

# Columns of the CSV file, and their titles in the printed tables.
_PROGRAM_COLUMNS = {
    "network": "network",
    "program": "program",
    "macs": "multiply-adds",
    "median_ms": "ms",
    "p99_ms": "99%",
    "ratio": "ratio",
    "lowest": "lowest",
    "highest": "highest",
    "top1_error": "error",
}
_FILE_COLUMNS = {
    "network": "network",
    "file_kb": "file kB",
    "own_kb": "own kB",
    "mapped_kb": "mapped kB",
    "overhead_ms": "predictor ms a step",
    "late_p99_ms": "late 99% ms",
}
Paths = Mapping[str, str | os.PathLike]


def benchmark_tflite(
    files: Paths | None = None,
    net: str | None = None,
    net_arguments: Mapping[str, Any] | None = None,
    threads: int | None = None,
    repetitions: int = 100,
    csv: str | os.PathLike | None = None,
    plot: str | os.PathLike | None = None,
) -> None:
    """Times the programs of exported files in turn, and prints two tables.

    ```python
    from keras_anytime.experiments.tflite_benchmark import benchmark_tflite

    benchmark_tflite({"nested": "run/anytime.tflite"}, repetitions=2)
    ```

    Args:
        files: Dict from names to exported files, or `None` for those of `net`.
        net: String. The network to export without training: a name of
            `ka.nets`.
        net_arguments: Dict of further arguments of the builder of `net`.
        threads: Integer. Threads of LiteRT, or `None` for its choice.
        repetitions: Integer. Rounds that all files are measured in.
        csv: Path of a CSV file for all numbers, or `None`.
        plot: Path of a picture of errors against time, or `None`.

    Raises:
        ValueError: If an argument is wrong, or a file cannot be opened.
        OSError: If a result cannot be written.
        ImportError: If a package is missing.
    """
    if plot and pathlib.Path(plot).suffix not in (".png", ".svg"):
        raise ValueError(f"--plot must end in .png or .svg. Received: {plot}")
    for path in (csv, plot):
        if path:
            check_writable(path)
    if plot:
        # A package that it lacks is missed before the work, not after it.
        import keras_anytime.evaluation.plots  # noqa: F401
    with contextlib.ExitStack() as stack:
        if net:
            exported = _exported_forms(net, net_arguments or {})
            files = stack.enter_context(exported)
        assert files is not None
        times = runtime.time_programs(files, threads, repetitions)
        files_rows = file_rows(files, times, threads)
    rows = program_rows(times)
    for columns, table in (
        (_PROGRAM_COLUMNS, rows),
        (_FILE_COLUMNS, files_rows),
    ):
        print("\n".join(table_lines(columns, table)) + "\n")
    if csv:
        from keras_anytime.files.csv_files import write_csv

        write_csv(csv, [*rows, *files_rows])
    if plot:
        plot_errors(times, plot)


@contextlib.contextmanager
def _exported_forms(
    net: str, net_arguments: Mapping[str, Any]
) -> Iterator[Paths]:
    """Exports a network, its dense form, and separate ones of its stages.

    Yields:
        Dict from names to files, which are deleted afterwards.
    """
    # TensorFlow is imported here, which a device does not have.
    from keras_anytime import export
    from keras_anytime import nets
    from keras_anytime.nets import catalogue

    configuration = catalogue.find(net)
    builder = configuration.builder
    arguments = {**configuration.defaults, **net_arguments}
    model = builder(**catalogue.complete_arguments(builder, arguments))
    forms: dict[str, dict[str, bool]] = {
        "nested": {},
        "dense": {"dense_subnets": True},
    }
    if model.interruptible:
        forms["steps only"] = {"subnets": False}
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for form, options in forms.items():
            files[form] = pathlib.Path(folder) / f"{form}.tflite"
            export.tflite(model, files[form], **options)
        separate = nets.independent(builder, **arguments)
        for stage, network in enumerate(separate, start=1):
            name = f"separate {stage}"
            files[name] = pathlib.Path(folder) / f"separate_{stage}.tflite"
            export.tflite(network, files[name])
        yield files


def program_rows(
    times: Mapping[str, runtime.ProgramTimes],
) -> list[dict[str, Any]]:
    """Returns the table of programs: steps, subnetworks and answers.

    Args:
        times: Dict from the names of networks to the times of their programs.

    Returns:
        List of dicts from columns to values. Ratios are to the whole network
        of the first file that has subnetworks.

    Raises:
        ValueError: If no file has subnetworks.
    """
    whole_ms = next(
        (
            network.subnets_ms[:, -1]
            for network in times.values()
            if network.subnets_ms.size
        ),
        None,
    )
    if whole_ms is None:
        raise ValueError("Ratios are to a whole subnetwork: no file has one.")
    rows = []
    for name, network in times.items():
        stages = network.manifest.stages
        for kind, times_ms in _program_kinds(network).items():
            for index, stage in enumerate(stages):
                ms = times_ms[:, index]
                macs = stage.macs
                if kind.startswith("step"):
                    first = 0 if kind.endswith("-") else index
                    macs = sum(
                        step.step_macs for step in stages[first : index + 1]
                    )
                gap = "" if kind.endswith("-") else " "
                error = stage.top1_error
                rows.append(
                    {
                        "network": name,
                        "program": f"{kind}{gap}{stage.stage}",
                        "macs": macs,
                        "median_ms": f"{np.median(ms):.3f}",
                        "p99_ms": f"{np.percentile(ms, 99):.3f}",
                        "ratio": f"{np.median(ms / whole_ms):.3f}",
                        "lowest": f"{(ms / whole_ms).min():.3f}",
                        "highest": f"{(ms / whole_ms).max():.3f}",
                        "top1_error": "-" if error is None else f"{error:.4f}",
                    }
                )
    return rows


def _program_kinds(network: runtime.ProgramTimes) -> dict[str, np.ndarray]:
    """Returns the times of each kind of program that a file has."""
    kinds = {}
    if network.manifest.interruptible:
        kinds["step"] = network.steps_ms
        kinds["steps 1-"] = network.stream_ms
    if network.subnets_ms.size:
        kinds["subnet"] = network.subnets_ms
    kinds["answer"] = network.answers_ms
    return kinds


def file_rows(
    files: Paths,
    times: Mapping[str, runtime.ProgramTimes],
    threads: int | None = None,
) -> list[dict[str, str]]:
    """Returns the table of files: size, memory, overhead and lateness.

    Args:
        files: Dict from names to exported files.
        times: Dict from the same names to the times of their programs.
        threads: Integer. Threads of LiteRT, or `None` for its choice.
    """
    rows = []
    for name, path in files.items():
        memory = runtime.file_memory(path, threads)
        late_ms = np.percentile(times[name].late_ms, 99)
        rows.append(
            {
                "network": name,
                "file_kb": f"{user_path(path).stat().st_size / 1e3:.0f}",
                "own_kb": f"{memory.own / 1e3:.0f}" if memory else "-",
                "mapped_kb": f"{memory.mapped / 1e3:.0f}" if memory else "-",
                "overhead_ms": f"{times[name].overhead_ms:.3f}",
                "late_p99_ms": f"{late_ms:.3f}",
            }
        )
    return rows


def table_lines(
    columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Returns the lines of a table, a header first.

    Args:
        columns: Dict from columns to their titles.
        rows: Sequence of dicts from columns to values.
    """
    lines = [[str(row[name]) for name in columns] for row in [columns, *rows]]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return [
        "  ".join(
            [
                line[0].ljust(widths[0]),
                *(
                    cell.rjust(width)
                    for cell, width in zip(line[1:], widths[1:], strict=True)
                ),
            ]
        )
        for line in lines
    ]


def plot_errors(
    times: Mapping[str, runtime.ProgramTimes], path: str | os.PathLike
) -> None:
    """Draws the errors of the stages against the times of their answers.

    Args:
        times: Dict from the names of networks to the times of their programs.
        path: Path of the picture, .png or .svg.

    Raises:
        ValueError: If no manifest has an error.
        ImportError: If Matplotlib is missing.
    """
    from keras_anytime.evaluation.plots import plot_latencies

    points = {}
    for name, network in times.items():
        answers_ms = np.median(network.answers_ms, axis=0)
        known = [
            (ms, stage.top1_error)
            for ms, stage in zip(
                answers_ms, network.manifest.stages, strict=True
            )
            if stage.top1_error is not None
        ]
        if known:
            points[name] = known
    if not points:
        raise ValueError(
            "There is no error to draw: the manifests have none. "
            "keras-anytime-export --verify measures them."
        )
    plot_latencies(points, path)
