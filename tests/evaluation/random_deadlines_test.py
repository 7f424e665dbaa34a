import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_anytime.evaluation import Predictions
from keras_anytime.evaluation import TimedPredictions
from keras_anytime.evaluation import best_priority
from keras_anytime.evaluation import expected_error
from tests.evaluation.examples import random_predictions
from tests.evaluation.examples import timed


@hypothesis.given(st.integers(0, 999), st.integers(1, 5))
@hypothesis.settings(max_examples=50)
def test_it_is_the_mean_over_inputs_and_deadlines(seed, count):
    network = timed(random_predictions(seed, examples=30), seed)
    rng = np.random.default_rng(seed)
    deadlines = rng.uniform(0.3, 5, count)
    weights = rng.random(count)
    expected = 0
    for deadline, weight in zip(deadlines, weights, strict=True):
        for n in range(30):
            ready = np.sum(network.latency_ms[n] <= deadline)
            error = 0.9
            if ready:
                error = not network.predictions.correct[n, ready - 1]
            expected += weight / weights.sum() * error / 30
    got = expected_error(network, deadlines, weights)
    assert got == pytest.approx(expected)
    # Probabilities are in any unit, and repeated samples do for them.
    assert expected_error(network, deadlines, 7 * weights) == pytest.approx(got)
    assert expected_error(network, [1.0, 1.0, 3.0]) == pytest.approx(
        expected_error(network, [1.0, 3.0], [2, 1])
    )


def test_the_ends():
    network = timed(random_predictions(examples=50))
    assert expected_error(network, [1e-9]) == pytest.approx(0.9)
    assert expected_error(network, [math.inf]) == pytest.approx(
        np.mean(~network.predictions.correct[:, -1])
    )


def _candidates():
    """Networks of two stages; each is good at the stage that comes first."""
    labels = np.random.default_rng(0).integers(0, 10, 400)
    noise = np.random.default_rng(1).standard_normal((400, 10))
    weak, strong = (noise + skill * np.eye(10)[labels] for skill in (0.5, 3))

    def network(first, second):
        predictions = Predictions.from_logits([first, second], labels, "net")
        return TimedPredictions(predictions, [1.0, 4.0])

    return {(1, 2): network(strong, weak), (2, 1): network(weak, strong)}


def test_the_priority_depends_on_when_answers_are_asked_for():
    candidates = _candidates()
    early = best_priority(candidates, [2.0, 5.0], [0.9, 0.1])
    late = best_priority(candidates, [2.0, 5.0], [0.1, 0.9])
    assert (early.priority, late.priority) == ((1, 2), (2, 1))
    for priority, network in candidates.items():
        error = expected_error(network, [2.0, 5.0], [0.9, 0.1])
        assert early.expected_errors[priority] == pytest.approx(error)
        more, low, high = early.excess[priority]
        assert more == pytest.approx(error - early.expected_errors[(1, 2)])
        assert low <= more <= high
    assert early.excess[(1, 2)] == (0, 0, 0)
    assert early.excess[(2, 1)][1] > 0
    text = str(early)
    assert "1 > 2" in text and "best" in text and "2 > 1" in text


def test_candidates_are_compared_on_the_same_inputs():
    # The same answers under two names differ by nothing, surely.
    network = timed(random_predictions(examples=50))
    found = best_priority({"SGD": network, (1, 2, 3): network}, [1.0, 2.0])
    assert found.priority == "SGD"
    assert found.excess[(1, 2, 3)] == (0, 0, 0)
    other = timed(random_predictions(seed=1, examples=50))
    with pytest.raises(ValueError, match="same inputs"):
        best_priority({(1, 2, 3): network, (3, 2, 1): other}, [1.0])


@pytest.mark.parametrize(
    ("deadlines", "probabilities", "message"),
    [
        ([], None, "one or more"),
        ([1.0, 0.0], None, "positive"),
        ([1.0, 2.0], [1.0], "2 deadlines"),
        ([1.0, 2.0], [0.5, -0.5], "0 or more"),
        ([1.0, 2.0], [0.0, 0.0], "not all 0"),
        ([1.0, 2.0], [0.5, math.nan], "Received"),
    ],
)
def test_distributions_that_are_none_are_refused(
    deadlines, probabilities, message
):
    network = timed(random_predictions(examples=5))
    with pytest.raises(ValueError, match=message):
        expected_error(network, deadlines, probabilities)
    with pytest.raises(ValueError, match=message):
        best_priority({(1, 2, 3): network}, deadlines, probabilities)


def test_no_candidates_are_refused():
    with pytest.raises(ValueError, match="candidates={}"):
        best_priority({}, [1.0])
    with pytest.raises(ValueError, match="must be a dict"):
        best_priority([(1, 2, 3)], [1.0])
