"""Paired differences of collected reports, against SciPy."""

import numpy as np
import pytest
from scipy import stats

from keras_anytime.experiments.collect import collect
from tests.experiments.recorded import experiment
from tests.experiments.recorded import record
from tests.experiments.recorded import row
from tests.testing import rows_of

MILESTONES = ("1/4", "1/2", "3/4", "1")


def collected(tmp_path, made):
    """The text of the report, and the lines of differences."""
    path = collect(made, tmp_path, tmp_path / "out")
    differences = path.with_name(f"{made.name}_paired.csv")
    return path.read_text(), (
        rows_of(differences) if differences.exists() else []
    )


def rows(nets="n", methods="ab"):
    return [row(net=net, method=method) for net in nets for method in methods]


@pytest.mark.parametrize(
    ("report", "columns"),
    [
        ("stages", [f"stage {k}" for k in range(1, 5)]),
        ("curves", [f"stage {k}" for k in range(1, 5)]),
        ("milestones", MILESTONES),
    ],
)
def test_differences_are_those_of_a_paired_t_test(tmp_path, report, columns):
    made = experiment(rows("mn", "abc"), report, {"paired": "b"})
    errors = np.random.default_rng(0).uniform(0.1, 0.9, (2, 3, 4, 4))
    for index, of_row in enumerate(made.rows):
        for seed in range(4):
            record(
                tmp_path,
                of_row,
                errors[index // 3, index % 3, seed].tolist(),
                seed,
            )
    text, lines = collected(tmp_path, made)
    assert [(line["net"], line["method"], line["pairs"]) for line in lines] == [
        (net, method, "4") for net in "mn" for method in "ac"
    ]
    for index, line in enumerate(lines):
        of_net = 100 * errors[index // 2]
        for stage, column in enumerate(columns):
            pairs = of_net[2 * (index % 2), :, stage], of_net[1, :, stage]
            test = stats.ttest_rel(*pairs)
            interval = test.confidence_interval(0.95)
            found = [
                float(line[f"{column} {name}"])
                for name in ("mean", "low", "high")
            ]
            mean = np.subtract(*pairs).mean()
            assert found == pytest.approx([mean, *interval])
            shown = "{:+.2f} ({:+.2f} to {:+.2f})".format(*found)
            assert shown in text
    assert "Difference of the error to b in percentage points" in text
    assert "An interval needs" not in text


def test_the_average_error_is_compared_too(tmp_path):
    made = experiment(rows(), "milestones", {"paired": "a"})
    for of_row, error in zip(made.rows, (0.5, 0.25), strict=True):
        for seed in (1, 2):
            record(tmp_path, of_row, (error + 0.1, error - 0.1), seed)
    text, (line,) = collected(tmp_path, made)
    assert float(line["AE mean"]) == pytest.approx(-25)
    assert "-25.00 (-25.00 to -25.00)" in text


def test_only_runs_with_the_same_seed_are_pairs(tmp_path):
    made = experiment(rows(methods="abc"), "stages", {"paired": "a"})
    for method, seeds in enumerate([(1, 2, 3), (3, 1, 7), (5,)]):
        for seed in seeds:
            error = 0.05 * method + 0.01 * seed
            record(tmp_path, made.rows[method], (error,), seed)
    text, (line,) = collected(tmp_path, made)
    assert (line["method"], line["pairs"]) == ("b", "2")
    assert float(line["stage 1 mean"]) == pytest.approx(5)
    assert "n_b and n_a do not both have runs of these seeds" in text
    assert "no pairs: 2, 7." in text and "no pairs: 1, 2, 3, 5." in text


def test_one_pair_has_no_interval(tmp_path):
    made = experiment(rows(), "stages", {"paired": "a"})
    for of_row, error in zip(made.rows, (0.3, 0.35), strict=True):
        record(tmp_path, of_row, (error,))
    text, (line,) = collected(tmp_path, made)
    assert "| n | b | 1 | +5.00 |" in text
    assert "stage 1 low" not in line
    assert "An interval needs two pairs of runs or more." in text


def test_runs_of_other_settings_are_not_compared(tmp_path):
    made = experiment(rows(methods="abc"), "stages", {"paired": "a"})
    for of_row, epochs in zip(made.rows, (1, 2, 1), strict=True):
        record(tmp_path, of_row, (0.3,), epochs=epochs)
    text, (line,) = collected(tmp_path, made)
    assert line["method"] == "c" and line["other_settings"] == "yes"
    assert (
        "n_b is not compared with n_a, because their runs have other flags: "
        "`--epochs=2` and `--epochs=1`."
    ) in text
    # With the row's own settings, runs of a quick trial count no longer.
    record(tmp_path, made.rows[0], (0.3,))
    text, _ = collected(tmp_path, made)
    assert "below 0, the error is lower: none." in text


def test_without_the_reference_there_is_nothing_to_compare(tmp_path):
    made = experiment(rows(), "stages", {"paired": "a"})
    record(tmp_path, made.rows[1], (0.3,))
    text, lines = collected(tmp_path, made)
    assert lines == [] and "the error is lower: none." in text
    with pytest.raises(ValueError, match=r"options\['paired'\] must be"):
        collect(experiment(rows(), "stages", {"paired": "z"}), tmp_path)


def test_runs_on_other_examples_are_refused(tmp_path):
    made = experiment(rows(), "stages", {"paired": "a"})
    for of_row in made.rows:
        folder = record(tmp_path, of_row, (0.3,))
    results = folder.results.read_text()
    folder.results.write_text(
        results.replace('"examples": 1000', '"examples": 7')
    )
    with pytest.raises(ValueError, match="the same examples"):
        collect(made, tmp_path)
