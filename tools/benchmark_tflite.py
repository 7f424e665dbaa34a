r"""What exported networks take on the device at hand, stage by stage.

On any device with NumPy and LiteRT, exported files beside one another:

    python tools/benchmark_tflite.py --files=nested=anytime.tflite,w4=w4.tflite

Where Keras is, a network of the papers, untrained, beside separate networks of
the sizes of its stages, and with its subnetworks in dense form:

    python tools/benchmark_tflite.py --net=width_resnet42 --threads=1 \
        --csv=runs/latency.csv

All run in one process, in turn, so that what else the machine does falls on
all alike. `step k` is what stage k adds, `steps 1-k` all up to it, `subnet k`
the subnetwork alone, and `answer k` what a call of `AnytimePredictor` takes.
Milliseconds are medians and 99th percentiles; ratios are to the whole network
alone, the last `subnet` of the first file that has some, round by round:
median, lowest and highest. Errors are those of the manifest, which
`export_tflite.py --verify` has measured on the file. `--plot` draws them
against the answers' times.
"""

import argparse
import contextlib
import json
import pathlib
import sys
import tempfile

COLUMNS = {
    "network": "network",
    "program": "program",
    "macs": "MACs",
    "median_ms": "ms",
    "p99_ms": "99%",
    "ratio": "ratio",
    "lowest": "lowest",
    "highest": "highest",
    "top1_error": "error",
}
FILE_COLUMNS = {
    "network": "network",
    "file_kb": "file kB",
    "own_kb": "own kB",
    "mapped_kb": "mapped kB",
    "overhead_ms": "predictor ms a step",
    "late_p99_ms": "late 99% ms",
}


def main():
    flags = parse()
    from keras_anytime.evaluation.csv_files import write_csv
    from keras_anytime.files import check_writable

    try:
        if flags.plot and pathlib.Path(flags.plot).suffix not in (
            ".png",
            ".svg",
        ):
            raise ValueError(
                f"--plot must end in .png or .svg. Received: {flags.plot}"
            )
        for path in (flags.csv, flags.plot):
            if path:
                check_writable(path)
        with contextlib.ExitStack() as stack:
            files = flags.files
            if flags.net:
                folder = stack.enter_context(tempfile.TemporaryDirectory())
                files = export(flags, pathlib.Path(folder))
            times, files_rows = measure(flags, files)
        rows = rows_of(times)
        for columns, table in ((COLUMNS, rows), (FILE_COLUMNS, files_rows)):
            print("\n".join(aligned(columns, table)) + "\n")
        if flags.csv:
            write_csv(flags.csv, [*rows, *files_rows])
        if flags.plot:
            plot(times, flags.plot)
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"benchmark_tflite.py: {error}")


def parse():
    """Returns the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--files",
        type=named_files,
        help="Exported files to measure, as NAME=FILE,NAME=FILE.",
    )
    source.add_argument(
        "--net",
        help="The network to export and measure: a name that list_networks.py "
        "lists, or a builder of ka.nets.",
    )
    parser.add_argument(
        "--net_arguments",
        default={},
        type=json_object,
        help="Further arguments of the builder of --net, as a JSON object.",
    )
    parser.add_argument(
        "--threads", type=int, help="Threads of LiteRT; else as it chooses."
    )
    parser.add_argument(
        "--repetitions",
        type=int,
        default=100,
        help="Rounds that all files are measured in.",
    )
    parser.add_argument("--csv", help="CSV file to write all numbers to.")
    parser.add_argument(
        "--plot", help="Picture of errors against time, .png or .svg."
    )
    flags = parser.parse_args()
    for name in ("threads", "repetitions"):
        if (value := getattr(flags, name)) is not None and value < 1:
            parser.error(f"--{name} must be 1 or more. Received: {value}")
    if flags.net_arguments and not flags.net:
        parser.error("--net_arguments goes with --net.")
    return flags


def json_object(text):
    """Reads a JSON object."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON object")
    return found


def named_files(text):
    """Reads `NAME=FILE,...`; a file without a name has its own."""
    pairs = [one.rpartition("=")[::2] for one in text.split(",")]
    files = {name or pathlib.Path(path).stem: path for name, path in pairs}
    if len(files) < len(pairs):
        raise argparse.ArgumentTypeError(f"two files of one name in {text!r}")
    return files


def export(flags, folder):
    """Exports a network, its dense form, and separate ones of its stages."""
    import keras_anytime as ka
    from keras_anytime.nets import catalogue

    found = catalogue.find(flags.net)
    builder = found.builder
    arguments = {**found.defaults, **flags.net_arguments}
    model = builder(**catalogue.complete_arguments(builder, arguments))
    forms = {"nested": {}, "dense": {"dense_subnets": True}}
    if model.interruptible:
        forms["steps only"] = {"subnets": False}
    files = {}
    for name, options in forms.items():
        files[name] = folder / f"{name}.tflite"
        ka.export.tflite(model, files[name], **options)
    for k, one in enumerate(ka.nets.independent(builder, **arguments), start=1):
        files[f"separate {k}"] = folder / f"separate_{k}.tflite"
        ka.export.tflite(one, files[f"separate {k}"])
    return files


def measure(flags, files):
    """Returns the times of the files' programs, and the table of files."""
    import numpy as np

    from keras_anytime import runtime
    from keras_anytime.files import user_path

    times = runtime.time_programs(files, flags.threads, flags.repetitions)
    rows = []
    for name, path in files.items():
        memory = runtime.file_memory(path, flags.threads)
        rows.append(
            {
                "network": name,
                "file_kb": f"{user_path(path).stat().st_size / 1e3:.0f}",
                "own_kb": f"{memory.own / 1e3:.0f}" if memory else "-",
                "mapped_kb": f"{memory.mapped / 1e3:.0f}" if memory else "-",
                "overhead_ms": f"{times[name].overhead_ms:.3f}",
                "late_p99_ms": f"{np.percentile(times[name].late_ms, 99):.3f}",
            }
        )
    return times, rows


def rows_of(times):
    """Returns the table of programs."""
    import numpy as np

    alone = [
        value.subnets_ms for value in times.values() if value.subnets_ms.size
    ]
    if not alone:
        raise ValueError("Ratios are to a whole subnetwork: no file has one.")
    whole = alone[0][:, -1]
    rows = []
    for network, one in times.items():
        step_macs = [stage.step_macs for stage in one.manifest.stages]
        steps = {}
        if one.manifest.interruptible:
            steps = {"step": one.steps_ms, "steps 1-": one.stream_ms}
        whole_ones = {"answer": one.answers_ms}
        if one.subnets_ms.size:
            whole_ones = {"subnet": one.subnets_ms, **whole_ones}
        for kind, values in {**steps, **whole_ones}.items():
            for index, stage in enumerate(one.manifest.stages):
                ms = values[:, index]
                ratios = ms / whole
                macs = stage.macs
                if kind in steps:
                    first = index if kind == "step" else 0
                    macs = sum(step_macs[first : index + 1])
                error = stage.top1_error
                gap = "" if kind.endswith("-") else " "
                rows.append(
                    {
                        "network": network,
                        "program": f"{kind}{gap}{stage.stage}",
                        "macs": macs,
                        "median_ms": f"{np.median(ms):.3f}",
                        "p99_ms": f"{np.percentile(ms, 99):.3f}",
                        "ratio": f"{np.median(ratios):.3f}",
                        "lowest": f"{ratios.min():.3f}",
                        "highest": f"{ratios.max():.3f}",
                        "top1_error": "-" if error is None else f"{error:.4f}",
                    }
                )
    return rows


def plot(times, path):
    """Draws the errors of the stages against the times of their answers."""
    import numpy as np

    from keras_anytime.evaluation.plots import plot_latencies

    points = {
        name: [
            (ms, stage.top1_error)
            for ms, stage in zip(
                np.median(one.answers_ms, axis=0),
                one.manifest.stages,
                strict=True,
            )
            if stage.top1_error is not None
        ]
        for name, one in times.items()
    }
    plot_latencies(
        {name: one for name, one in points.items() if one} or points, path
    )


def aligned(columns, rows):
    """Returns the lines of a table with a header."""
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


if __name__ == "__main__":
    main()
