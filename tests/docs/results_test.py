"""Compares the tables of pages with the files of `recipes/results/`."""

import collections
import json
import re
import statistics

import pytest

import keras_anytime as ka
from tests.source import ROOT

STRATEGIES = ("Greedy", "SGD", "OSGD", "NormSGD", "OSGD-Norm")
RESULTS = ROOT / "recipes" / "results"


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


@pytest.mark.parametrize(
    "expected", [_strategies, _differences, _networks, _deadlines]
)
def test_the_tables_of_results_are_those_of_the_files(expected):
    header, rows = expected()
    assert _tables("results.md")[header] == [rows]


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
    grids = {f"res_ann_{n}_{c}" for n in (7, 9, 13, 17, 25) for c in (16, 32)}
    named = set(re.findall(r"`(\w+)`", text)) | grids
    assert set(ka.nets.names()) <= named
    for name in re.findall(r"structure_(\w+)\.png", text):
        assert callable(getattr(ka.nets, name))
