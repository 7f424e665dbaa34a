import csv
import dataclasses
import json

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation import Predictions
from keras_anytime.evaluation import aggregate
from keras_anytime.evaluation import anytime_curve
from keras_anytime.evaluation import curve_from_predictions
from keras_anytime.evaluation import relative_increase
from keras_anytime.evaluation import stage_costs
from keras_anytime.stages.cost import StageCost
from keras_anytime.stages.cost import default_cost
from tests.conformance import catalogue
from tests.conformance.networks import built
from tests.evaluation.examples import costs
from tests.evaluation.examples import curve as _curve
from tests.evaluation.examples import random_logits
from tests.evaluation.examples import random_predictions
from tests.testing import digits
from tests.testing import hierarchical_digits
from tests.testing import hierarchical_net
from tests.testing import sampled
from tests.testing import scramble
from tests.testing import tiny_net


@pytest.mark.parametrize("as_dataset", sampled([True, False], [True]))
def test_errors_are_those_of_brute_force(as_dataset):
    model = scramble(tiny_net())
    x, y = digits(50)
    data = (x, y)
    if as_dataset:
        data = tf.data.Dataset.from_tensor_slices(data).batch(16)
    curve = anytime_curve(model, data, batch_size=16)
    assert (curve.examples, curve.classes) == (50, 10)
    for point, cost, logits in zip(
        curve.points,
        stage_costs(model),
        model.predict(x, verbose=0),
        strict=True,
    ):
        order = np.argsort(-logits, axis=1)
        top1 = np.mean(order[:, 0] != y)
        top5 = np.mean(
            [
                label not in best[:5]
                for label, best in zip(y, order, strict=True)
            ]
        )
        assert point.top1_error == pytest.approx(top1)
        assert point.top5_error == pytest.approx(top5)
        assert (point.stage, point.macs) == (cost.stage, cost.macs)
        assert point.parameters == cost.parameters


@pytest.mark.parametrize("as_dataset", sampled([True, False], [False]))
@pytest.mark.parametrize(("label_set", "index"), [("fine", 0), ("coarse", 1)])
def test_each_label_set_has_a_curve(label_set, index, as_dataset):
    model = scramble(hierarchical_net())
    x, y = hierarchical_digits(50)
    data = (x, y)
    if as_dataset:
        data = tf.data.Dataset.from_tensor_slices(data).batch(16)
    curve = anytime_curve(model, data, batch_size=16, label_set=label_set)
    logits = model.predict(x, verbose=0)[index::2]
    assert (curve.examples, curve.classes) == (50, logits[0].shape[1])
    assert str(curve).startswith(f"hierarchical, {label_set} labels: 50")
    costs = stage_costs(model)
    for point, cost, own in zip(curve.points, costs, logits, strict=True):
        wrong = np.mean(own.argmax(1) != y[label_set])
        assert point.top1_error == pytest.approx(wrong)
        assert point.macs == cost.macs


def test_a_label_set_must_be_the_networks():
    data = hierarchical_digits(8)
    with pytest.raises(ValueError, match=r"\('fine', 'coarse'\).*Received"):
        anytime_curve(hierarchical_net(), data, label_set="other")
    with pytest.raises(ValueError, match="label_set='fine'"):
        anytime_curve(tiny_net(), digits(8), label_set="fine")
    with pytest.raises(ValueError, match="labels as a dict"):
        anytime_curve(hierarchical_net(), digits(8), label_set="fine")
    with pytest.raises(ValueError, match="labels as a dict"):
        anytime_curve(
            hierarchical_net(),
            (data[0], {"fine": data[1]["fine"]}),
            label_set="coarse",
        )


def test_the_error_at_a_share_of_the_cost():
    curve = _curve()
    expected = {
        0.0: 0.9,  # Nothing is ready: a guess among 10 classes.
        0.099: 0.9,
        0.1: 0.5,
        0.25: 0.5,
        0.3: 0.3,
        0.999: 0.3,
        1.0: 0.1,
    }
    for share, error in expected.items():
        assert curve.error_at(share) == pytest.approx(error)
    assert curve.milestones == {0.25: 0.5, 0.5: 0.3, 0.75: 0.3, 1: 0.1}
    assert curve.average_error == pytest.approx(0.3)
    # 0.29 * 100 is less than 29 in floating point.
    assert _curve((10, 29, 100)).error_at(0.29) == 0.3
    for share in (-0.1, 1.1):
        with pytest.raises(ValueError, match=f"share={share}"):
            curve.error_at(share)


def test_a_stage_that_says_nothing_does_not_look_good():
    model = tiny_net()
    head = model.get_layer("stage_3")
    # All logits the same: no credit for the order of the classes.
    head.set_weights([weight * 0 for weight in head.get_weights()])
    curve = anytime_curve(model, digits(20))
    assert curve.points[2].top1_error == 1
    assert curve.points[2].loss == pytest.approx(np.log(10))
    assert curve.points[0].top1_error < 1


def test_a_stage_with_logits_that_are_not_numbers_is_named():
    model = tiny_net()
    head = model.get_layer("stage_3")
    head.set_weights([weight * np.nan for weight in head.get_weights()])
    with pytest.raises(ValueError, match="stage 3 for 20 of 20 examples"):
        anytime_curve(model, digits(20))


@hypothesis.given(
    st.integers(0, 999),
    st.integers(1, 40),
    st.integers(1, 4),
    st.integers(2, 9),
)
@hypothesis.settings(max_examples=50)
def test_each_number_by_its_definition(seed, examples, stages, classes):
    logits, labels = random_logits(
        np.random.default_rng(seed), examples, stages, classes
    )
    predictions = Predictions.from_logits(logits, labels)
    own = costs(*range(10, 10 + stages))
    curve = curve_from_predictions(
        predictions, own, num_resamples=200, confidence_level=0.8, seed=seed
    )
    order = np.argsort(-logits, axis=2)
    for k, point in enumerate(curve.points):
        pairs = list(zip(order[k], labels, strict=True))
        assert point.top1_error == pytest.approx(
            np.mean([best[0] != label for best, label in pairs])
        )
        if classes > 5:
            assert point.top5_error == pytest.approx(
                np.mean([label not in best[:5] for best, label in pairs])
            )
            assert point.top5_low <= point.top5_high
        else:
            assert {point.top5_error, point.top5_low, point.top5_high} == {None}
        probabilities = np.exp(logits[k]) / np.exp(logits[k]).sum(1)[:, None]
        assert point.loss == pytest.approx(
            -np.mean(np.log(probabilities[np.arange(examples), labels]))
        )
        assert point.top1_low <= point.top1_error + 1e-9
        assert point.top1_high >= point.top1_error - 1e-9
        assert (point.macs, point.parameters) == (
            own[k].macs,
            own[k].parameters,
        )
    right = order[:, :, 0] == labels
    worse = [
        any(right[i, n] > right[j, n] for j in range(stages) for i in range(j))
        for n in range(examples)
    ]
    assert curve.overthinking_rate == pytest.approx(np.mean(worse))
    assert curve.average_error == pytest.approx(np.mean(~right))
    low, high = curve.average_error_interval
    assert low - 1e-9 <= curve.average_error <= high + 1e-9
    assert curve.confidence_level == 0.8


def test_the_interval_of_the_average_knows_that_stages_go_together():
    # Where all stages are right on the same examples, averaging over stages
    # makes nothing surer.
    logits, labels = random_logits(np.random.default_rng(0), 400, 1, 10)
    same = Predictions.from_logits(np.repeat(logits, 4, axis=0), labels)
    curve = curve_from_predictions(same, costs(1, 1, 1, 1))
    point = curve.points[0]
    assert curve.average_error_interval == pytest.approx(
        (point.top1_low, point.top1_high)
    )


def test_costs_of_another_network_are_refused():
    with pytest.raises(ValueError, match="one label set.*dict"):
        curve_from_predictions({"fine": random_predictions()}, costs(1, 2, 3))
    with pytest.raises(ValueError, match="2 costs for answers of 3 stages"):
        curve_from_predictions(random_predictions(), costs(1, 1))


def test_what_a_budget_achieves():
    curve = _curve()
    assert curve.value_at_budget(9) == 0.9
    assert curve.value_at_budget(10) == curve.value_at_budget(29.9) == 0.5
    assert curve.value_at_budget(1e9, "top5_error") == 0.05
    assert curve.value_at_budget(1, "top5_error") == 0.5
    assert curve.value_at_budget(1, "loss") == pytest.approx(np.log(10))
    # Of three classes, five guesses are always right: that tells nothing.
    few = dataclasses.replace(curve, classes=3)
    assert few.value_at_budget(1, "top5_error") is None
    with pytest.raises(ValueError, match="measure='macs'"):
        curve.value_at_budget(1, "macs")


def test_a_curve_comes_back_from_its_file(tmp_path):
    path = tmp_path / "curve.json"
    for curve in (
        _curve(),
        curve_from_predictions(random_predictions(), costs(1, 2, 3)),
    ):
        curve.to_json(path)
        assert AnytimeCurve.from_json(path) == curve


def _with_heads(*heads):
    """Costs of stages of 100 each, with heads of (multiply-adds, weights)."""
    found = []
    for k, (macs, parameters) in enumerate(heads, start=1):
        found.append(
            StageCost(
                k,
                100 * k + macs,
                10 * k + parameters,
                100 + macs,
                10 + parameters,
            )
        )
    return found


def test_costs_are_of_the_subnetwork_or_of_all_that_has_run(tmp_path):
    # Heads of 30 and 20 with weights that are used at many places.
    own = _with_heads((30, 5), (20, 5), (10, 5))
    predictions = random_predictions()
    alone, so_far, default = (
        curve_from_predictions(predictions, own, cost=cost)
        for cost in ("subnetwork", "cumulative", None)
    )
    assert [point.macs for point in alone.points] == [130, 220, 310]
    assert [point.macs for point in so_far.points] == [130, 250, 360]
    assert [point.parameters for point in alone.points] == [15, 25, 35]
    assert [point.parameters for point in so_far.points] == [15, 30, 45]
    assert default == so_far
    assert "cost of all that has run" in str(so_far)
    # 130 of 360 is within a share of 0.37, but 130 of 310 is not.
    assert so_far.error_at(0.37) == so_far.points[0].top1_error
    assert alone.error_at(0.37) == 0.9
    for curve in (alone, so_far):
        curve.to_json(tmp_path / "curve.json")
        assert AnytimeCurve.from_json(tmp_path / "curve.json") == curve
        assert curve.matches(own, 10)
        assert not curve.matches(own[:2], 10)
    so_far.to_csv(tmp_path / "curve.csv")
    with (tmp_path / "curve.csv").open() as file:
        assert {row["cost"] for row in csv.DictReader(file)} == {"cumulative"}
    with pytest.raises(ValueError, match="cost='all'"):
        curve_from_predictions(predictions, own, cost="all")


@pytest.mark.parametrize("name", catalogue.NETWORKS)
def test_all_that_has_run_counts_where_heads_have_convolutions(name):
    model = built(name)
    cumulative = ("msdnet", "cascade_sparse_resnet", "ensemble")
    want = "cumulative" if name in cumulative else "subnetwork"
    assert default_cost(stage_costs(model)) == want


def test_a_curve_of_an_earlier_version_is_of_subnetworks(tmp_path):
    content = _curve().to_dict()
    del content["cost"], content["stage_costs"]
    curve = AnytimeCurve.from_dict(content)
    assert (curve.cost, curve.stage_costs) == ("subnetwork", None)
    with pytest.raises(ValueError, match="cost='all'"):
        AnytimeCurve.from_dict({**content, "cost": "all"})


def test_a_file_with_the_fields_earlier_names_is_read(tmp_path):
    path = tmp_path / "curve.json"
    curve = curve_from_predictions(random_predictions(), costs(1, 2, 3))
    curve.to_json(path)
    text = path.read_text()
    for name, earlier in {
        "overthinking_rate": "monotonicity",
        "overthinking_interval": "monotonicity_interval",
        "confidence_level": "level",
    }.items():
        assert f'"{name}"' in text
        text = text.replace(f'"{name}"', f'"{earlier}"')
    path.write_text(text)
    assert AnytimeCurve.from_json(path) == curve


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"points": [], "classes": 2, "examples": 1}']
)
def test_a_file_that_is_no_curve_is_refused(tmp_path, content):
    path = tmp_path / "curve.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"curve\.json"):
        AnytimeCurve.from_json(path)


def test_the_table_reads_well():
    lines = str(_curve()).splitlines()
    assert lines[0] == (
        "net: 200 examples, 10 classes, cost of each subnetwork alone"
    )
    assert lines[2].split() == ["1", "10", "10%", "20", "50.00%", "25.00%"]
    assert len({len(line) for line in lines[1:5]}) == 1
    assert "30.00%" in lines[-2]


def test_top_5_errors_are_left_out_where_they_tell_nothing(tmp_path):
    for classes, shown in ((2, False), (5, False), (6, True)):
        curve = curve_from_predictions(
            random_predictions(classes=classes), costs(1, 2, 3)
        )
        mean = aggregate([curve, curve])
        for result in (curve, mean):
            assert ("top-5" in str(result)) == shown
            result.to_csv(tmp_path / "curve.csv")
            header = (tmp_path / "curve.csv").read_text().splitlines()[0]
            assert ("top5" in header) == shown
        if not shown:
            with pytest.raises(ValueError, match="lacks it"):
                relative_increase(curve, curve, measure="top5_error")


def test_files_hold_the_same_numbers(tmp_path):
    curve = _curve()
    curve.to_csv(tmp_path / "curve.csv")
    curve.to_json(tmp_path / "curve.json")
    with (tmp_path / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row, point in zip(rows, curve.points, strict=True):
        assert row.pop("cost") == "subnetwork"
        for name, value in row.items():
            assert float(value) == getattr(point, name)
    content = json.loads((tmp_path / "curve.json").read_text())
    assert content["average_error"] == pytest.approx(curve.average_error)
    assert [point["macs"] for point in content["points"]] == [10, 30, 100]
    assert content["milestones"]["0.25"] == 0.5


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(0, "int64"), "empty"),
        (np.array([0, 10]), "from 0 to 10"),
        (np.array([-1, 3]), "from -1"),
        (np.array([0.5, 1.5]), "float64"),
        (np.full((2, 10), 0.1), r"shape \(2, 10\)"),
        (np.eye(9, dtype="int64")[:2], r"shape \(2, 9\)"),
    ],
)
def test_labels_that_cannot_be_measured_are_refused(labels, message):
    images = np.zeros((len(labels), 8, 8, 1), "float32")
    with pytest.raises(ValueError, match=message):
        anytime_curve(tiny_net(), (images, labels))
