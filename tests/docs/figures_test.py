"""Compares figures in pages with the results that they are from."""

import json
import re

import pytest

import keras_anytime as ka


@pytest.fixture(name="results")
def _results(repository):
    path = repository / "recipes" / "results" / "cifar10_deadlines.json"
    return json.loads(path.read_text())


def _words(repository, page):
    return " ".join((repository / "docs" / page).read_text().split())


def test_what_the_readme_says(repository, results):
    readme = " ".join((repository / "README.md").read_text().split())
    errors = {run["name"]: run["top1_error"][-1] for run in results["runs"]}
    means = {row["network"]: row["mean_ms"] for row in results["latency"]}
    assert f"had an error of {errors['nested']:.1%}" in readme
    assert f"trained alone {errors['w4']:.1%}" in readme
    assert f"took {means['nested'] / means['w4']:.2f} times as long" in readme
    # The rows of the results page are compared with the file.
    page = (repository / "docs/results_small_osgd.md").read_text()
    rows = re.findall(
        r"^\| width \| o?sgd \| 3 \| \d\d\..*$", page, re.MULTILINE
    )
    # The tables of other experiments repeat a row.
    rows = list(dict.fromkeys(rows))
    assert len(rows) == 2
    assert " ".join(rows) in readme


def test_what_the_readme_says_of_the_trained_network(repository):
    readme = " ".join((repository / "README.md").read_text().split())
    evaluated = ka.nets.facts("width_resnet10", "cifar10")["evaluation"]
    points = evaluated["curve"]["points"]
    shown = [f"{100 * point['top1_error']:.1f}" for point in points]
    assert evaluated["curve"]["examples"] == 5000
    assert f"err in {shown[0]}, {shown[1]} and {shown[2]}% of 5,000" in readme


def test_what_nesting_costs(repository, results):
    page = _words(repository, "concepts.md")
    means = {}
    for row in results["latency"]:
        means.setdefault(row["network"], []).append(row["mean_ms"])
    first, second, last = means["nested"]
    separate = [means[name][0] for name in ("w1", "w2", "w4")]
    assert (
        f"answers after {first:.2f} ms and again after {second:.2f} and "
        f"{last:.2f} ms, whereas three separate networks of these widths, run "
        f"one after another, take {sum(separate):.2f} ms"
    ) in page
    assert f"The last answer comes after {last:.2f} ms" in page
    assert f"the full width takes {separate[-1]:.2f} ms" in page
    errors = {
        run["name"]: [100 * error for error in run["top1_error"]]
        for run in results["runs"]
    }
    stages = errors["nested"]
    alone = [errors[name][0] for name in ("w1", "w2", "w4")]
    for shown in (stages, alone):
        assert "in {:.1f}, {:.1f} and {:.1f}%".format(*shown) in page


def test_errors_at_the_shortest_deadlines(repository, results):
    page = _words(repository, "deadlines.md")
    errors = {
        name: [f"{100 * error:.1f}" for error in row[:2]]
        for name, row in results["deadlines"]["errors"].items()
    }
    assert (
        f"the nest errs in {' and '.join(errors['nested'])}%, the even nest in "
        f"{' and '.join(errors['baseline'])}%, and the oracles in "
        f"{errors['oracle_all'][0]}%"
    ) in page
    assert errors["oracle_all"] == errors["oracle_each"]
    assert len(set(errors["oracle_all"])) == 1
