"""Collected reports of recorded runs, against NumPy and by hand."""

import json

import numpy as np
import pytest

from keras_anytime.experiments import collect as collect_lib
from keras_anytime.experiments.collect import collect
from keras_anytime.experiments.papers.experiment import REPORTS
from tests.experiments.recorded import experiment
from tests.experiments.recorded import record
from tests.experiments.recorded import row
from tests.testing import rows_of

MILESTONES = ("1/4", "1/2", "3/4", "1")


def collected(tmp_path, made, suffix=""):
    """The text of the report, and the rows of its CSV file."""
    path = collect(made, tmp_path, tmp_path / "out")
    base = tmp_path / "out" / (made.name + suffix)
    return path.read_text(), rows_of(base.with_name(f"{base.name}.csv"))


def test_every_report_can_be_collected():
    assert set(collect_lib._REPORTS) == set(REPORTS)


def test_stages_stand_beside_the_papers(tmp_path):
    osgd = row(
        {"stage 1": 9.3, "stage 2": 7.2}, {"stage 1": 0.2}, net="w", method="o"
    )
    sgd = row({"stage 1": 8.9, "stage 2": 7.5}, net="w", method="s")
    runs = {1: (0.10, 0.06), 2: (0.13, 0.07), 5: (0.12, 0.09)}
    for seed, errors in runs.items():
        record(tmp_path, osgd, errors, seed)
    (tmp_path / "unrelated_seed_1").mkdir()
    (tmp_path / "w_o_seed_9").mkdir()
    text, (first, second) = collected(
        tmp_path, experiment([osgd, sgd], "stages")
    )
    errors = 100 * np.array(list(runs.values()))
    for index in (0, 1):
        column = f"stage {index + 1}"
        assert float(first[f"{column} mean"]) == pytest.approx(
            errors[:, index].mean()
        )
        assert float(first[f"{column} std"]) == pytest.approx(
            errors[:, index].std(ddof=1)
        )
    assert first["seeds"] == "3"
    assert "| w | o | 3 | 11.67 (1.53) / 9.3 (0.2) | 7.33 (1.53) / 7.2 |" in (
        text
    )
    assert "| w | s |  | – / 8.9 | – / 7.5 |" in text
    assert second["stage 1 mean"] == "" and second["stage 1 paper"] == "8.9"
    assert "1 of 2 rows have finished runs" in text
    assert "Not finished yet: w_o_seed_9." in text
    assert "unrelated" not in text
    assert "3 runs, 6 minutes" in text
    assert (tmp_path / "out" / "paper_table1.png").stat().st_size > 1000


def test_top5_errors_have_columns_of_their_own(tmp_path):
    # Recorded curves err half as often in their five best classes.
    only = row({"stage 1 top-5": 14.7}, net="w")
    record(tmp_path, only, (0.4, 0.2))
    _, (line,) = collected(tmp_path, experiment([only], "stages"))
    assert float(line["stage 1 top-5 mean"]) == pytest.approx(20)
    assert line["stage 1 top-5 paper"] == "14.7"


def test_runs_of_other_settings_are_never_mixed(tmp_path):
    full = row(net="a", settings={"epochs": 300, "units": [3, 3]})
    tried = row(net="b", settings={"epochs": 300, "net_arguments": {"n": 1}})
    record(tmp_path, full, (0.5,), 1, units=["3", "3"])
    record(tmp_path, full, (0.1,), 2, units=["3", "3"], drop_remainder=True)
    record(tmp_path, full, (0.9,), 3, epochs=1)
    for seed in (1, 2):
        record(
            tmp_path, tried, (0.7,), seed, epochs=1, net_arguments='{"n": 1}'
        )
    record(tmp_path, tried, (0.2,), 3, epochs=2, net_arguments='{"n": 1}')
    text, (first, second) = collected(
        tmp_path, experiment([full, tried], "stages")
    )
    # The last batch and the seed do not count; the epochs do.
    assert float(first["stage 1 mean"]) == pytest.approx(30)
    assert first["other_settings"] == "" and first["seeds"] == "2"
    assert float(second["stage 1 mean"]) == pytest.approx(70)
    assert second["other_settings"] == "yes"
    assert "| b \\* | 2 | 70.00 (0.00) |" in text
    assert "row, `--epochs=1`: b_seed_1, b_seed_2." in text
    assert "Left out, because trained with `--epochs=1`" in text
    assert "Left out, because trained with `--epochs=2`" in text


def test_damaged_results_are_named(tmp_path):
    only = row(net="a")
    folder = record(tmp_path, only, (0.5,))
    folder.results.write_text('{"curve": {}}')
    text, (line,) = collected(tmp_path, experiment([only], "stages"))
    assert "a_seed_1 is left out, because its results.json is damaged" in text
    assert line == {"net": "a", "seeds": "0"}


def networks(data=("x", "y")):
    """Rows of two methods and OPT at two stages, on two data sets."""
    methods = [row(net="n", data=d, method=m) for d in data for m in "ab"]
    optimal = [
        row({column: 5.0}, net="n", data=d, method="opt", stage=str(stage))
        for d in data
        for stage, column in ((2, "1/2"), (4, "1"))
    ]
    return methods, optimal


def test_single_networks_are_one_line_of_milestones(tmp_path):
    methods, optimal = networks(["x"])
    record(tmp_path, methods[0], (0.8, 0.6, 0.4, 0.2))
    record(tmp_path, optimal[0], (0.5,), macs=(50,))
    made = experiment([*methods, *optimal], "milestones")
    _, lines = collected(tmp_path, made)
    assert [line["method"] for line in lines] == ["a", "b", "opt"]
    for column, error in zip(MILESTONES, (80, 60, 40, 20), strict=True):
        assert float(lines[0][f"{column} mean"]) == pytest.approx(error)
    assert float(lines[0]["AE mean"]) == pytest.approx(50)
    # At 3/4 the largest network that is listed is that of stage 2. At 1/4
    # there is none, and at 1 its training is not finished.
    found = [lines[2].get(f"{column} mean", "") for column in MILESTONES]
    assert found[0] == found[3] == ""
    assert [float(error) for error in found[1:3]] == [50, 50]
    assert lines[2]["1/2 paper"] == lines[2]["1 paper"] == "5.0"


def test_increases_over_opt_are_averaged(tmp_path):
    methods, optimal = networks()
    rng = np.random.default_rng(1)
    errors = rng.uniform(0.2, 0.9, (4, 2, 4))
    best = rng.uniform(0.1, 0.3, (2, 2))
    for index, method in enumerate(methods):
        for seed in (1, 2):
            record(tmp_path, method, errors[index, seed - 1].tolist(), seed)
    for data in (0, 1):
        for index, macs in ((0, 50), (1, 100)):
            # Plain networks cost a little more than the stages.
            record(
                tmp_path,
                optimal[2 * data + index],
                (best[data, index],),
                macs=(macs + 1,),
            )
    made = experiment(
        [*methods, *optimal],
        "relative_increase",
        published={"A": {"1/2": 9.97}, "other": {"1": 2.5}},
    )
    text, lines = collected(tmp_path, made)
    for place in (0, 1):
        of = errors[[place, 2 + place]]  # data, seed, stage
        for column, index, stage in (("1/2", 0, 1), ("3/4", 0, 2), ("1", 1, 3)):
            change = 100 * (of[:, :, stage] / best[:, [index]] - 1)
            cell = float(lines[place][f"{column} mean"])
            assert cell == pytest.approx(change.mean())
            spread = float(lines[place][f"{column} std"])
            assert spread == pytest.approx(change.mean(axis=0).std(ddof=1))
        assert lines[place]["1/4 mean"] == ""
        assert lines[place]["of"] == "2/2"
    assert lines[0]["1/2 paper"] == "9.97" and lines[2]["method"] == "other"
    assert "(" in text and "The same for each network and data set" in text


def test_changes_from_a_reference_of_any_label(tmp_path):
    rows = [
        row(net=n, gamma=g, momentum="0.9")
        for n in "mn"
        for g in ("0.0", "0.05")
    ]
    errors = np.random.default_rng(2).uniform(0.1, 0.9, (2, 2, 4))
    for index, made in enumerate(rows):
        record(tmp_path, made, errors[index // 2, index % 2].tolist())
    _, lines = collected(
        tmp_path,
        experiment(
            rows,
            "relative_change",
            {"reference": "0.0", "label": "gamma"},
            {"0.05": {"1/4": -20.08, "sum": -17.59}},
        ),
    )
    change = 100 * (errors[:, 1] / errors[:, 0] - 1)
    for stage, column in enumerate(MILESTONES):
        assert float(lines[0][f"{column} mean"]) == 0
        assert float(lines[1][f"{column} mean"]) == pytest.approx(
            change[:, stage].mean()
        )
    assert float(lines[1]["sum mean"]) == pytest.approx(
        change.mean(axis=0).sum()
    )
    assert lines[1]["sum paper"] == "-17.59"


def test_a_part_of_a_method_can_be_compared(tmp_path):
    rows = [
        row(net="n", method=f"adaloss_{g}_{m}")
        for g in ("0.0", "0.05")
        for m in ("0.9", "0.99")
    ]
    errors = np.random.default_rng(3).uniform(0.1, 0.9, (2, 2, 4))
    for index, made in enumerate(rows):
        record(tmp_path, made, errors[index // 2, index % 2].tolist())
    options = {"reference": "0.9", "part": 2}
    _, lines = collected(tmp_path, experiment(rows, "relative_change", options))
    assert [line["method"] for line in lines] == ["0.9", "0.99"]
    change = 100 * (errors[:, 1] / errors[:, 0] - 1).mean(axis=0)
    assert float(lines[1]["3/4 mean"]) == pytest.approx(change[2])


def test_wins_count_pairs_that_are_there(tmp_path):
    rows = [row(net=n, method=m) for n in "klm" for m in ("ann", "aann")]
    errors = {
        "k_ann": (0.8, 0.6, 0.4, 0.2),
        "k_aann": (0.7, 0.6, 0.5, 0.1),
        "l_ann": (0.8, 0.6, 0.4, 0.2),
        "l_aann": (0.9, 0.5, 0.3, 0.1),
        "m_ann": (0.1, 0.1, 0.1, 0.1),
    }
    for made in rows:
        if made.name in errors:
            record(tmp_path, made, errors[made.name])
    made = experiment(rows, "wins", {"reference": "ann"})
    _, (line,) = collected(tmp_path, made)
    found = [float(line[f"{column} mean"]) for column in MILESTONES]
    assert found == [50, 75, 50, 100]
    # The means are 0.475 and 0.45 against 0.5.
    assert float(line["AE mean"]) == 100
    assert line["of"] == "2/3"
    _, (bound,) = collected(tmp_path, made, "_bounds")
    assert float(bound["1 mean"]) == pytest.approx(np.exp(-1))
    with pytest.raises(ValueError, match="needs options"):
        collect(experiment(rows, "wins"), tmp_path)


def test_curves_join_the_networks_of_an_oracle(tmp_path):
    methods, optimal = networks(["x"])
    record(tmp_path, methods[0], (0.8, 0.6, 0.4, 0.2))
    for made, macs in zip(optimal, (50, 100), strict=True):
        record(tmp_path, made, (0.15,), macs=(macs,))
    text, lines = collected(
        tmp_path, experiment([*methods, *optimal], "curves")
    )
    assert [line["stage"] for line in lines] == ["1", "2", "3", "4", "", *"24"]
    assert float(lines[1]["error mean"]) == pytest.approx(60)
    assert lines[5]["cost"] == "50" and "paper_table1.png" in text
    # The CSV file has numbers to compute with.
    record(tmp_path, optimal[1], (0.15,), macs=(1_234_567,))
    text, lines = collected(
        tmp_path, experiment([*methods, *optimal], "curves")
    )
    assert lines[6]["cost"] == "1234567" and "| 1.23 M |" in text


def test_curves_pivot_at_the_small_network(tmp_path):
    rows = [row(net=n, data="x", method=m) for n in "st" for m in "ac"]
    record(tmp_path, rows[0], (0.4, 0.3, 0.2, 0.1))
    record(tmp_path, rows[3], (0.5, 0.2, 0.15), macs=(50, 100, 200))
    _, lines = collected(
        tmp_path,
        experiment(
            rows, "pivoted_curves", {"pivot": "a", "pairs": [["s", "t"]]}
        ),
    )
    found = {
        (line["method"], at): float(line[f"at {at} mean"] or "nan")
        for line in lines
        for at in ("0.25", "0.5", "1", "2")
    }
    assert found["a", "0.5"] == pytest.approx(200)
    assert found["a", "1"] == found["a", "2"] == pytest.approx(0)
    assert np.isnan(found["c", "0.25"])
    assert found["c", "0.5"] == pytest.approx(400)
    assert found["c", "2"] == pytest.approx(50)


def test_an_ensemble_runs_its_members_in_order(tmp_path):
    members = [row(net=n, data="x", method="a") for n in ("n1", "n3")]
    optimal = [
        row(net="n3", data="x", method="opt", stage=str(k)) for k in (1, 4)
    ]
    record(tmp_path, members[0], (0.5, 0.3), macs=(10, 20))
    record(tmp_path, members[1], (0.4, 0.35, 0.2, 0.1), macs=(20, 40, 60, 80))
    record(tmp_path, optimal[0], (0.3,), macs=(20,))
    record(tmp_path, optimal[1], (0.35,), macs=(80,))
    made = experiment(
        [*members, *optimal],
        "ensemble",
        {"members": ["n1", "n3"]},
        {"EANN": {"1": 4.65}, "OPT+": {"1": 4.73}},
    )
    text, lines = collected(tmp_path, made)
    # 100 in all: stage 2 answers at 20, and the last ones at 80 and 100.
    found = [float(lines[0][f"{column} mean"]) for column in MILESTONES]
    assert found == pytest.approx([30, 30, 30, 10])
    assert lines[0]["1 paper"] == "4.65"
    # A larger network that errs more has the error of the smaller one.
    assert float(lines[1]["1 mean"]) == pytest.approx(30)
    assert "E[C] = 2.44" in text


def test_the_last_epoch_is_read_from_logs(tmp_path):
    methods, optimal = networks(["x"])
    folder = record(tmp_path, methods[0], (0.8, 0.6, 0.4, 0.2))
    header = ",".join(f"weight_{k}" for k in (1, 2))
    folder.weights.write_text(f"epoch,{header}\n1,1,1\n2,0.25,1\n")
    folder.probabilities.write_text(
        f"epoch,{header.replace('weight', 'probability')}\n1,0.4,0.6\n"
    )
    folder.history.write_text(
        "epoch,loss,stage_2_loss,stage_4_loss,val_stage_2_loss\n"
        "1,9,3.0,2.0,7\n2,9,1.5,1.2,7\n"
    )
    for made, loss in zip(optimal, (1.0, 0.8), strict=True):
        of_network = record(tmp_path, made, (0.15,))
        of_network.history.write_text(f"epoch,stage_1_loss\n1,{loss}\n")
    _, (line,) = collected(tmp_path, experiment(methods[:1], "weights"))
    assert line["stage 1 mean"] == "0.25" and line["stage 2 mean"] == "1.0"
    text, (line,) = collected(
        tmp_path, experiment(methods[:1], "probabilities")
    )
    assert float(line["stage 2 mean"]) == 60 and ".png" in text
    made = experiment([*methods, *optimal], "training_loss")
    _, lines = collected(tmp_path, made, "_nats")
    assert float(lines[0]["stage 4 mean"]) == 1.2
    _, lines = collected(tmp_path, made)
    assert float(lines[0]["stage 2 mean"]) == pytest.approx(50)
    assert float(lines[0]["stage 4 mean"]) == pytest.approx(50)


def test_the_finest_labels_within_a_wanted_error(tmp_path):
    only = row(net="n", published={"fine stage 1": 60.0})
    errors = {"fine": (0.6, 0.3), "coarse": (0.4, 0.1)}
    record(tmp_path, only, errors["fine"], curves=errors)
    made = experiment([only], "label_sets", {"wanted_error": 0.5})
    _, lines = collected(tmp_path, made)
    assert [line["labels"] for line in lines] == ["fine", "coarse"]
    assert lines[0]["stage 1 paper"] == "60.0"
    assert float(lines[1]["stage 2 mean"]) == pytest.approx(10)
    _, (finest,) = collected(tmp_path, made, "_finest")
    assert (finest["stage 1"], finest["stage 2"]) == ("coarse", "fine")


def test_deadlines_come_from_the_evaluation(tmp_path):
    methods, optimal = networks(["x"])
    folders = [record(tmp_path, methods[0], (0.8, 0.6, 0.4, 0.2))]
    made = experiment([methods[0], *optimal], "deadlines")
    text = collect(made, tmp_path).read_text()
    assert f"no run of {optimal[0].name}, {optimal[1].name}" in text
    folders += [record(tmp_path, other, (0.2,)) for other in optimal]
    text = collect(made, tmp_path).read_text()
    assert (
        f"`python recipes/evaluate.py --runs={folders[0].path} "
        f"--oracle={folders[1].path},{folders[2].path}`"
    ) in text
    results = folders[0].path / "evaluation" / "deadlines.json"
    results.parent.mkdir()
    content = {
        "deadlines_ms": [5.0, None],
        "largest_ms": 10.0,
        "errors": {"nested": [0.4, 0.2], "oracle_all": [0.9, 0.1]},
    }
    results.write_text(json.dumps(content))
    _, lines = collected(tmp_path, made)
    assert [line["scheme"] for line in lines] == ["nested", "oracle all"]
    assert float(lines[1]["50% mean"]) == pytest.approx(90)
    assert float(lines[0]["none mean"]) == pytest.approx(20)


def test_nothing_to_read_is_an_error_before_work(tmp_path):
    with pytest.raises(ValueError, match="which is no folder"):
        collect(experiment([row(net="a")], "stages"), tmp_path / "none")
    with pytest.raises(ValueError, match="'a' twice"):
        collect(experiment([row(net="a")] * 2, "stages"), tmp_path)


@pytest.mark.parametrize("report", REPORTS)
def test_without_runs_only_the_papers_numbers_are_shown(tmp_path, report):
    methods, optimal = networks(["x"])
    rows = [*methods, *optimal]
    options = {"reference": "a", "pivot": "a", "pairs": [["n", "n"]]}
    made = experiment(rows, report, {**options, "members": ["n"]})
    text = collect(made, tmp_path).read_text()
    assert "0 of 4 rows have finished runs" in text
