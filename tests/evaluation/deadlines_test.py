import csv
import json
import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_anytime.evaluation import Predictions
from keras_anytime.evaluation import TimedPredictions
from keras_anytime.evaluation import simulate_deadlines
from keras_anytime.runtime import TimedAnswers
from tests.evaluation.examples import random_predictions
from tests.evaluation.examples import timed


def _anytime_error(network, deadline):
    """The error of the last answer that is ready, input by input."""
    errors = []
    for n in range(network.predictions.examples):
        error = 1 - 1 / network.predictions.classes
        for k in range(network.predictions.num_stages):
            if network.latency_ms[n, k] <= deadline:
                error = float(not network.predictions.correct[n, k])
        errors.append(error)
    return np.mean(errors)


def _oracle_errors(oracle, deadline):
    """Those of Oracle_All and Oracle_Each, as Wan 2020 describes them."""
    examples = oracle[0].predictions.examples
    guess = 1 - 1 / oracle[0].predictions.classes
    overall = [
        np.mean(~network.predictions.correct[:, 0]) for network in oracle
    ]

    def best(networks):
        # Of equally accurate ones, the last.
        return min(networks, key=lambda m: (overall[m], -m), default=None)

    def error(m, n):
        return guess if m is None else float(not right[m][n])

    right = [network.predictions.correct[:, 0] for network in oracle]
    in_time = [network.latency_ms[:, 0] <= deadline for network in oracle]
    for_all = best([m for m, ready in enumerate(in_time) if all(ready)])
    of_all = [error(for_all, n) for n in range(examples)]
    of_each = [
        error(best([m for m, ready in enumerate(in_time) if ready[n]]), n)
        for n in range(examples)
    ]
    return np.mean(of_all), np.mean(of_each)


def _networks(seed=0, examples=60):
    """A nested network, a baseline, and three separate networks."""
    labels = np.random.default_rng(seed).integers(0, 10, examples)

    def network(index, stages, skill, fastest):
        predictions = random_predictions(
            seed + index, examples, stages, 10, skill, labels
        )
        return timed(predictions, seed + index, fastest)

    nested, baseline = network(1, 3, 1.0, 1.0), network(2, 4, 0.5, 0.8)
    oracle = [network(3 + m, 1, m + 1, m + 1) for m in range(3)]
    return nested, baseline, oracle


@hypothesis.given(st.integers(0, 9999))
@hypothesis.example(732)  # Two of the oracle's networks are equally accurate.
@hypothesis.settings(max_examples=40)
def test_the_four_schemes_by_their_definitions(seed):
    nested, baseline, oracle = _networks(seed)
    found = simulate_deadlines(nested, oracle, baseline, num_resamples=200)
    largest = max(np.mean(network.latency_ms) for network in oracle)
    assert found.largest_ms == pytest.approx(largest)
    assert found.deadlines_ms == pytest.approx(
        [*(largest * np.linspace(0.5, 1, 7)), math.inf]
    )
    assert list(found.errors) == [
        "baseline",
        "nested",
        "oracle_all",
        "oracle_each",
    ]
    for index, deadline in enumerate(found.deadlines_ms):
        for_all, for_each = _oracle_errors(oracle, deadline)
        expected = {
            "baseline": _anytime_error(baseline, deadline),
            "nested": _anytime_error(nested, deadline),
            "oracle_all": for_all,
            "oracle_each": for_each,
        }
        for scheme, error in expected.items():
            assert found.errors[scheme][index] == pytest.approx(error)
            low, high = found.intervals[scheme][index]
            assert low - 1e-9 <= error <= high + 1e-9


def test_without_a_deadline_the_largest_answers():
    nested, _, oracle = _networks()
    found = simulate_deadlines(nested, oracle, deadlines_ms=[math.inf])
    assert list(found.errors) == ["nested", "oracle_all", "oracle_each"]
    assert found.errors["nested"][0] == pytest.approx(
        np.mean(~nested.predictions.correct[:, -1])
    )
    best = min(np.mean(~network.predictions.correct) for network in oracle)
    assert found.errors["oracle_all"][0] == pytest.approx(best)
    assert found.errors["oracle_each"][0] == pytest.approx(best)


def test_the_order_of_the_oracles_networks_does_not_count():
    nested, _, oracle = _networks()
    deadlines_ms = [2.0, 5.0, math.inf]
    found, turned = (
        simulate_deadlines(nested, networks, deadlines_ms=deadlines_ms).errors
        for networks in (oracle, oracle[::-1])
    )
    assert turned == found


def test_one_slow_answer_makes_no_network_the_largest():
    predictions = random_predictions(examples=60, stages=1)
    hiccup = np.full((60, 1), 1.0)
    hiccup[7] = 1000
    small, large = (
        TimedPredictions(predictions, latency) for latency in (hiccup, [5.0])
    )
    found = simulate_deadlines(small, [small, large])
    assert found.largest_ms == 5
    # A single network needs no list.
    assert simulate_deadlines(small, large).errors == (
        simulate_deadlines(small, [large]).errors
    )


def test_a_random_guess_before_anything_is_ready():
    nested, _, oracle = _networks()
    found = simulate_deadlines(nested, oracle, deadlines_ms=[1e-6])
    for errors in found.errors.values():
        assert errors == (pytest.approx(0.9),)


def test_a_single_slow_input_keeps_a_network_from_being_ready_for_all():
    labels = np.zeros(4, "int64")
    logits = np.zeros((1, 4, 2))
    logits[0, :, 0] = 1  # Always right.
    right = Predictions.from_logits(logits, labels)
    alone = TimedPredictions(right, np.array([[1.0], [1.0], [1.0], [3.0]]))
    found = simulate_deadlines(alone, [alone], deadlines_ms=[2, 3])
    assert found.errors["oracle_all"] == (0.5, 0.0)
    assert found.errors["oracle_each"] == (0.125, 0.0)
    assert found.errors["nested"] == (0.125, 0.0)


def test_measured_answers_make_timed_predictions():
    predictions = random_predictions(examples=5, stages=2)
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((2, 5, 10))
    latency = np.cumsum(rng.random((5, 2)) + 0.1, axis=1)
    made = TimedPredictions.from_answers(
        TimedAnswers(logits, latency), predictions.labels, "net"
    )
    want = Predictions.from_logits(logits, predictions.labels)
    np.testing.assert_array_equal(made.predictions.correct, want.correct)
    np.testing.assert_array_equal(made.latency_ms, latency)
    assert made.predictions.name == "net"


def test_files_and_table_hold_the_same_numbers(tmp_path):
    nested, baseline, oracle = _networks()
    found = simulate_deadlines(nested, oracle, baseline)
    found.to_csv(tmp_path / "deadlines.csv")
    found.to_json(tmp_path / "deadlines.json")
    with (tmp_path / "deadlines.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["deadline_ms"]) for row in rows] == pytest.approx(
        found.deadlines_ms
    )
    for scheme, errors in found.errors.items():
        assert [float(row[scheme]) for row in rows] == list(errors)
    content = json.loads((tmp_path / "deadlines.json").read_text())
    assert content["deadlines_ms"][-1] is None
    assert content["errors"]["nested"] == list(found.errors["nested"])
    lines = str(found).splitlines()
    assert "60 inputs" in lines[0] and "nested: net 1" in lines[0]
    assert lines[2].split()[2] == "50%" and lines[-1].split()[0] == "none"


@pytest.mark.parametrize(
    ("latency", "message"),
    [
        (np.ones((60, 2)), r"shape \(60, 3\) or \(3,\).*\(60, 2\)"),
        ([1.0, 3.0, 2.0], "never decrease"),
        ([0.0, 1.0, 2.0], "positive"),
        ([1.0, 2.0, np.inf], "finite"),
        ([1.0, 2.0, np.nan], "finite"),
    ],
)
def test_latencies_that_cannot_be_are_refused(latency, message):
    predictions = random_predictions(examples=60)
    with pytest.raises(ValueError, match=message):
        TimedPredictions(predictions, latency)


def test_what_cannot_be_simulated_is_refused():
    nested, baseline, oracle = _networks()
    for missing in (None, []):
        with pytest.raises(ValueError, match="ka.nets.independent.*oracle="):
            simulate_deadlines(nested, missing)
    with pytest.raises(ValueError, match="answer once.* 3 stages"):
        simulate_deadlines(nested, [nested])
    others = _networks(seed=50)[2]
    with pytest.raises(ValueError, match="same inputs"):
        simulate_deadlines(nested, others)
    with pytest.raises(
        ValueError, match="same inputs.*40 inputs of.* and 60 of"
    ):
        simulate_deadlines(
            nested, oracle, timed(random_predictions(examples=40))
        )
    with pytest.raises(ValueError, match="TimedPredictions.*Predictions"):
        simulate_deadlines(nested.predictions, oracle)
    for deadlines in ([], [0], [-1.0, 2.0], [math.nan], 3.0):
        with pytest.raises(ValueError, match="deadlines_ms="):
            simulate_deadlines(nested, oracle, deadlines_ms=deadlines)
