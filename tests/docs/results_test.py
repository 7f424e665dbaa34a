"""Compares the tables of pages with the files of `recipes/results/`."""

import collections
import csv
import json
import re
import statistics

import pytest

import keras_anytime as ka
from keras_anytime.experiments import deadline_answers
from keras_anytime.experiments import papers
from tests.source import ROOT

STRATEGIES = ("Greedy", "SGD", "OSGD", "NormSGD", "OSGD-Norm")
RESULTS = ROOT / "recipes" / "results"
BENCHMARKS = RESULTS / "benchmarks"
# The networks of Tables 1 and 2 of Wan 2020.
NETWORKS = (
    "width_resnet42",
    "even_width_resnet42",
    "depth_sparse_resnet98",
    "alternating_sparse_resnet98",
    "simultaneous_sparse_resnet98",
    "cascade_sparse_resnet98",
)
# 200 epochs of 45,000 images in batches of 128.
STEPS = 200 * -(-45_000 // 128)


def _results(name):
    return json.loads((RESULTS / name).read_text())


def _page(name):
    return (ROOT / "docs" / name).read_text()


def _tables(name):
    """Returns the tables of a page, by their headers: lists of their rows."""
    tables = {}
    for table in re.findall(r"(?:^\|.*\|\n)+", _page(name), re.MULTILINE):
        header, _, *rows = (
            tuple(cell.strip() for cell in line.strip("|").split("|"))
            for line in table.splitlines()
        )
        tables.setdefault(header, []).append(rows)
    return tables


def _curves():
    """Returns the curves of each strategy, in the order of the seeds."""
    curves = collections.defaultdict(list)
    runs = _results("cifar10_strategies.json")["runs"]
    for run in sorted(runs, key=lambda run: run["seed"]):
        curves[run["strategy"]].append(
            ka.evaluation.AnytimeCurve.from_dict(run["curve"])
        )
    return curves


def _benchmark(name, *keys):
    """Returns the rows of a benchmark, by the values of some columns."""
    with open(BENCHMARKS / f"{name}.csv", newline="") as file:
        return {
            tuple(row[key] for key in keys): row for row in csv.DictReader(file)
        }


def _measured_networks():
    return [
        name
        for name in NETWORKS
        if (BENCHMARKS / f"training_steps_{name}.csv").exists()
    ]


def _training_steps(name):
    return {row: cells for (row,), cells in _benchmark(name, "row").items()}


def _strategies():
    curves = _curves()
    rows = []
    for index in range(3):
        cells = []
        for strategy in STRATEGIES:
            errors = [
                100 * curve.points[index].top1_error
                for curve in curves[strategy]
            ]
            deviation = statistics.stdev(errors)
            cells.append(f"{statistics.mean(errors):.1f} ({deviation:.1f})")
        rows.append((str(index + 1), *cells))
    return ("stage", *STRATEGIES), rows


def _differences():
    curves = _curves()
    others = [name for name in STRATEGIES if name != "SGD"]
    compared = [
        ka.evaluation.compare(curves[name], curves["SGD"]).stages
        for name in others
    ]
    rows = [
        (
            str(stage),
            *(
                f"{100 * spread.mean:+.2f} ({100 * spread.low:+.2f} to "
                f"{100 * spread.high:+.2f})"
                for spread in spreads
            ),
        )
        for stage, spreads in enumerate(zip(*compared, strict=True), start=1)
    ]
    return ("stage", *others), rows


def _networks():
    results = _results("cifar10_deadlines.json")
    labels = {
        "nested": "nested w1-w2-w4",
        "even": "even w1-w2-w3-w4",
        "w1": "separate w1",
        "w2": "separate w2",
        "w4": "separate w4",
    }
    rows = []
    for run in results["runs"]:
        means = [
            f"{latency['mean_ms']:.2f}"
            for latency in results["latency"]
            if latency["network"] == run["name"]
        ]
        errors = [f"{100 * error:.1f}" for error in run["top1_error"]]
        rows.append(
            (
                labels[run["name"]],
                ", ".join(errors),
                ", ".join(means),
                f"{run['minutes']:.1f} min",
            )
        )
    header = ("network", "error by stage", "answer after, in ms", "training")
    return header, rows


def _deadlines():
    simulation = _results("cifar10_deadlines.json")["deadlines"]
    errors = [
        [f"{100 * error:.1f}" for error in simulation["errors"][scheme]]
        for scheme in ("nested", "baseline", "oracle_all", "oracle_each")
    ]
    deadlines = [
        "none" if deadline is None else f"{deadline:.2f} ms"
        for deadline in simulation["deadlines_ms"]
    ]
    header = (
        "deadline",
        "nested",
        "baseline: even",
        "oracle (all)",
        "oracle (each)",
    )
    return header, list(zip(deadlines, *errors, strict=True))


def _step_times():
    header = ("row", "ms", "ratio", "lowest", "highest", "memory")
    rows = [
        (
            f"`{name}`",
            *(row[column] for column in ("ms_per_step", *header[2:5])),
            row["peak_ratio"],
        )
        for name, row in _training_steps("training_steps").items()
        if row["peak_ratio"]
    ]
    return header, rows


def _network_times():
    rows = []
    for network in _measured_networks():
        steps = _training_steps(f"training_steps_{network}")
        rows.append(
            (
                f"`{network}`",
                f"{float(steps['sum']['ms_per_step']):.0f}",
                *(
                    f"{float(steps[name]['ratio']):.2f}"
                    for name in ("normalized", "orthogonal")
                ),
            )
        )
    return (
        "network",
        "`sum`, ms",
        "`normalized`",
        "`orthogonal`",
    ), rows


def _training_hours():
    rows = []
    for network in _measured_networks():
        steps = _training_steps(f"training_steps_{network}")
        cells = []
        for name in ("sum", "orthogonal"):
            ms = float(steps[name]["ms_per_step"])
            cells += [f"{ms:.0f}", f"{ms * STEPS / 3.6e6:.0f}"]
        rows.append((f"`{network}`", *cells))
    header = ("network", "`sgd`, ms", "hours", "`osgd`, ms", "hours")
    return header, rows


def _jax_ratios():
    rows = [
        (f"`{name.partition(', jax / ')[0]}`", *(row[key] for key in keys))
        for keys in [("ratio", "lowest", "highest")]
        for name, row in _training_steps("training_steps").items()
        if ", jax / " in name
    ]
    header = ("JAX, TensorFlow = 1", "ratio", "lowest", "highest")
    return header, rows


def _streams():
    labels = {
        "wide": "width nest, 2 units a block, 64-128-256 filters",
        "narrow": "the same, 16-32-64 filters",
        "depth": "`depth_sparse_resnet98`",
    }
    rows = []
    for name, label in labels.items():
        programs = _benchmark(f"latency_{name}", "network", "program")
        nested = [
            program for network, program in programs if network == "nested"
        ]
        last = max(name for name in nested if name.startswith("subnet"))[-1]
        stream = programs["nested", f"steps 1-{last}"]
        others = (
            programs["nested", f"step {last}"],
            programs["dense", f"subnet {last}"],
        )
        ratios = [
            *(stream[column] for column in ("ratio", "lowest", "highest")),
            *(program["ratio"] for program in others),
        ]
        rows.append((label, *(f"{float(ratio):.2f}" for ratio in ratios)))
    header = ("network", "stream", "lowest", "highest", "last step", "dense")
    return header, rows


def _evaluation():
    header = ("call", "stages", "seconds", "ratio", "lowest", "highest")
    rows = [
        (f"`{name}`", *(row[column] for column in header[1:]))
        for (name,), row in _benchmark("evaluation", "row").items()
    ]
    return header, rows


def _data_sets():
    header = (
        "pipeline",
        "images",
        "images/s",
        "lowest",
        "highest",
        "MiB, a fifth",
        "MiB, all",
    )
    rows = [
        (name, *list(row.values())[1:])
        for (name,), row in _benchmark("data", "pipeline").items()
    ]
    return header, rows


def _conversions():
    header = ("network", "cut", "share", "shape", "bytes", "head", "seconds")
    rows = [
        (
            row["network"],
            f"`{row['layer']}`",
            f"{float(row['share']):.1%}",
            row["shape"],
            f"{int(row['bytes']):,}",
            f"{float(row['head_share']):.1%}",
            row["seconds"],
        )
        for row in _benchmark("conversion", "network", "layer").values()
    ]
    return header, rows


def _tasks():
    header = (
        "example",
        "error",
        "a guess",
        "stage 1",
        "stage 2",
        "stage 3",
        "steps (ms)",
    )
    rows = []
    for run in _results("tasks.json")["runs"]:
        unit = f", {run['unit']}" if run["unit"] else ""
        rows.append(
            (
                run["example"],
                run["error_name"] + unit,
                f"{run['guess_error']:.3f}",
                *(
                    f"{error:.3f} ({in_int8:.3f})"
                    for error, in_int8 in zip(
                        run["errors"], run["int8_errors"], strict=True
                    )
                ),
                ", ".join(f"{step:.2f}" for step in run["step_ms"]),
            )
        )
    return header, rows


def _task_deadlines():
    runs = _results("tasks.json")["runs"]
    factors = [f"{factor:g}" for factor in deadline_answers.DEADLINES]
    rows = [
        (
            run["example"],
            *(
                f"{error:.3f} ({stage:.1f})"
                for error, stage in zip(
                    run["deadline_errors"], run["mean_stage"], strict=True
                )
            ),
        )
        for run in runs
    ]
    return ("deadline", *factors), rows


def _ways_of_conversion():
    results = _results("cifar10_conversion.json")
    names = {
        "alone": "the network alone",
        "alone_longer": "alone, as long as all stages",
        "heads": "heads on it",
        "sum": "all stages, SGD",
        "osgd": "all stages, OSGD",
        "osgd_distillation": "all stages, OSGD and distillation",
    }
    rows = []
    for way, name in names.items():
        errors = [
            [100 * error for error in run["errors"]]
            for run in results["runs"]
            if run["way"] == way
        ]
        cells = [
            f"{statistics.mean(stage):.1f} ({statistics.stdev(stage):.1f})"
            for stage in zip(*errors, strict=True)
        ]
        rows.append((name, *[""] * (3 - len(cells)), *cells))
    rows += [
        (f"step in LiteRT, {kind} (ms)", *(f"{step:.2f}" for step in steps))
        for kind, steps in results["latency_ms"].items()
    ]
    return ("trained", "stage 1", "stage 2", "stage 3"), rows


def _percent(row, name, digits=1):
    value, low, high = (
        f"{100 * row[f'{name}{end}']:.{digits}f}"
        for end in ("", "_low", "_high")
    )
    return f"{value} ({low} to {high})"


def _calibration():
    rows = [
        (
            str(row["stage"]),
            f"{row['temperature']:.2f} ({row['temperature_low']:.2f} to "
            f"{row['temperature_high']:.2f})",
            _percent(row, "calibration_error_before"),
            _percent(row, "calibration_error_after"),
        )
        for row in _results("cifar10_trust.json")["calibration"]
    ]
    header = ("stage", "temperature", "calibration error before (%)")
    return (*header, "after (%)"), rows


def _product_answers():
    rows = [
        (
            f"`{split}`",
            row["answers"],
            *(_percent(row, f"stage_{k}_error") for k in (1, 2, 3)),
            _percent(row, "gets_worse"),
        )
        for split, rows in _results("cifar10_trust.json")["answers"].items()
        for row in rows
    ]
    stages = ("error of stage 1 (%)", "stage 2", "stage 3")
    return ("images", "answers", *stages, "gets worse (%)"), rows


def _risk_control():
    names = {"wsr": "WSR", "hoeffding_bentkus": "binomial"}
    rows = [
        (
            row["answers"],
            names[row["bound"]],
            f"{100 * row['risk']:g}",
            f"{row['threshold']:.2f}",
            _percent(row, "share_of_macs", 0),
            _percent(row, "loss", 2),
            f"{100 * row['kept_in_divisions']:.0f}",
            f"{100 * row['kept_in_samples']:.0f}",
        )
        for row in _results("cifar10_trust.json")["risk_control"]
        if (row["answers"], row["bound"]) != ("product", "hoeffding_bentkus")
    ]
    return (
        *("answers", "bound", "risk (%)", "threshold", "mean cost (%)"),
        *("measured loss (%)", "kept in divisions (%)", "kept in samples (%)"),
    ), rows


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("results.md", _strategies),
        ("results.md", _differences),
        ("results.md", _networks),
        ("results.md", _deadlines),
        ("benchmarks.md", _step_times),
        ("benchmarks.md", _network_times),
        ("benchmarks.md", _jax_ratios),
        ("benchmarks.md", _streams),
        ("benchmarks.md", _evaluation),
        ("benchmarks.md", _data_sets),
        ("conversion.md", _conversions),
        ("conversion.md", _ways_of_conversion),
        ("tasks.md", _tasks),
        ("tasks.md", _task_deadlines),
        ("trust.md", _calibration),
        ("trust.md", _product_answers),
        ("trust.md", _risk_control),
        ("recipes.md", _training_hours),
    ],
)
def test_tables_have_the_numbers_of_the_files(page, expected):
    header, rows = expected()
    assert _tables(page)[header] == [rows]


def test_combiners_take_the_time_that_was_measured():
    steps = _training_steps("training_steps")
    times = {
        "Sum()": steps["sum"],
        "Orthogonal()": steps["orthogonal"],
        "Orthogonal(refresh_every=4)": steps["orthogonal, refreshed every 4"],
        "Normalized(scale=0.5)": steps["normalized"],
        "Orthogonal(normalize=True)": steps["orthogonal, normalized"],
    }
    ((header, (rows,)),) = [
        (header, tables)
        for header, tables in _tables("training.md").items()
        if header[0] == "`gradients=`"
    ]
    assert header[-1] == "time"
    assert {name.strip("`"): time for name, *_, time in rows} == {
        name: f"{float(row['ratio']):.2f}" for name, row in times.items()
    } | {"a function": "as OSGD", "[ten others](combiners.md)": "as OSGD"}


def test_jax_takes_as_long_as_was_measured():
    ratios = [
        float(row["ratio"])
        for name, row in _training_steps("training_steps").items()
        if ", jax / " in name
    ]
    said = f"takes {min(ratios):.1f} to {max(ratios):.1f} times as long as on"
    assert said in " ".join(_page("jax_and_gpus.md").split())


def test_the_papers_numbers_are_those_of_the_flag_files():
    (rows,) = (
        tables[0]
        for header, tables in _tables("recipes.md").items()
        if header[1] == "stages"
    )
    strategies = ("greedy", "sgd", "osgd", "normsgd", "osgdnorm")
    assert {name for name, *_ in rows} == {f"`{name}`" for name in NETWORKS}
    for name, _, *cells in rows:
        for strategy, cell in zip(strategies, cells, strict=True):
            _, row = papers.find_row(f"wan2020_{name.strip('`')}_{strategy}")
            errors = list(row.published.values())
            assert [float(error) for error in cell.split(",")] == errors


def test_benchmarks_say_how_they_were_made():
    text = (BENCHMARKS / "README.md").read_text()
    named = set(re.findall(r"`(\w+\.csv)`", text))
    assert named == {path.name for path in BENCHMARKS.glob("*.csv")}
    assert re.search(r"[0-9a-f]{12}", text)


@pytest.mark.parametrize(
    ("file", "section"),
    [
        ("cifar10_strategies.json", "Five strategies"),
        ("cifar10_deadlines.json", "Answers under deadlines"),
    ],
)
def test_results_say_how_they_were_made(file, section):
    results = _results(file)
    (text,) = [
        text
        for text in _page("results.md").split("\n## ")
        if text.startswith(section)
    ]
    about = [*results["runs"], results]
    commits = {entry["commit"][:12] for entry in about if "commit" in entry}
    assert set(re.findall(r"\b[0-9a-f]{12}\b", text)) == commits
    assert {entry["hardware"] for entry in about if "hardware" in entry} <= set(
        re.findall(r"\| hardware \| (.*) \|", text)
    )
    seeds = sorted({run["seed"] for run in results["runs"]})
    assert f"| seeds | {', '.join(map(str, seeds))} |" in text
    assert f"`recipes/results/{file}`" in text
    if "minutes" in text:
        minutes = [run["minutes"] for run in results["runs"]]
        assert (
            f"{min(minutes):.1f} to {max(minutes):.1f} minutes a run, "
            f"{sum(minutes):.0f} in all"
        ) in text


def test_what_nesting_costs_is_computed_from_the_files():
    results = _results("cifar10_deadlines.json")
    times = collections.defaultdict(list)
    for latency in results["latency"]:
        times[latency["network"]].append(latency["mean_ms"])
    errors = {run["name"]: run["top1_error"] for run in results["runs"]}
    first, *_, last = times["nested"]
    (alone,) = times["w4"]
    separate = sum(times[name][0] for name in ("w1", "w2", "w4"))
    said = [
        f"after {first:.2f} ms, the last after {last:.2f} ms",
        f"one after the other, take {separate:.2f} ms",
        f"answers after {alone:.2f} ms; the nested one takes "
        f"{last / alone - 1:.0%} longer",
        f"{errors['nested'][-1]:.1%} against {errors['w4'][0]:.1%}",
        f"{errors['nested'][0]:.1%} against {errors['w1'][0]:.1%}",
    ]
    curves = _curves()
    for index, words in (
        (0, "errs in {}% when it is trained alone (Greedy), and in {}% when"),
        (2, "The last stage errs in {}% and {}%"),
    ):
        means = [
            statistics.mean(c.points[index].top1_error for c in curves[name])
            for name in ("Greedy", "OSGD")
        ]
        said.append(words.format(*(f"{100 * mean:.1f}" for mean in means)))
    text = " ".join(_page("networks.md").split())
    assert [part for part in said if part not in text] == []


def test_the_names_of_networks_are_complete():
    text = _page("networks.md")
    grids = {
        f"res_ann_{n}_{c}" for n in (1, 3, 7, 9, 13, 17, 25) for c in (16, 32)
    }
    named = set(re.findall(r"`(\w+)`", text)) | grids
    assert set(ka.nets.names()) <= named
    for name in re.findall(r"structure_(\w+)\.png", text):
        assert callable(getattr(ka.nets, name))


def test_the_table_of_scales_is_the_file():
    header = "strategy epochs rate momentum C loss".split() + ["mean error"]
    (rows,) = _tables("results.md")[tuple(header)]
    names = {"normalized": "NormSGD", "orthogonal": "OSGD-Norm"}
    expected = []
    for calibration in _results("cifar10_calibration.json")["calibrations"]:
        for run in calibration["runs"]:
            flags = run["flags"]
            curve = ka.evaluation.AnytimeCurve.from_dict(run["curve"])
            expected.append(
                (
                    names[run["combiner"]],
                    f"{flags['epochs']}",
                    f"{flags['learning_rate']:g}",
                    f"{flags['momentum']:g}",
                    f"{run['scale']:g}",
                    f"{run['losses'][-1]:.2f}",
                    f"{100 * curve.average_error:.1f}",
                )
            )
    assert rows == expected
