import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import stats

import keras_anytime as ka
from keras_anytime.evaluation import risk_bounds
from keras_anytime.evaluation import risk_controlled_thresholds
from keras_anytime.evaluation.risk_control import _GRID
from keras_anytime.evaluation.risk_control import early_losses
from tests.evaluation import task_nets
from tests.evaluation.examples import random_predictions


@hypothesis.given(st.integers(1, 60), st.floats(0.001, 0.999), st.floats(0, 1))
def test_the_binomial_distribution(trials, probability, share):
    successes = round(share * trials)
    assert risk_bounds.binomial_cdf(
        successes, trials, probability
    ) == pytest.approx(stats.binom.cdf(successes, trials, probability))


@hypothesis.given(st.integers(0, 999), st.floats(0.01, 0.9))
def test_hoeffding_bentkus_by_its_definition(seed, risk):
    rng = np.random.default_rng(seed)
    losses = rng.random(40) * rng.random()
    mean = losses.mean()
    bentkus = np.e * stats.binom.cdf(np.ceil(losses.sum()), 40, risk)
    low = min(mean, risk)
    divergence = low * np.log(low / risk) + (1 - low) * np.log(
        (1 - low) / (1 - risk)
    )
    assert risk_bounds.hoeffding_bentkus_p_value(losses, risk) == pytest.approx(
        min(1, bentkus, np.exp(-40 * divergence))
    )
    wrong = (losses > 0.3).astype("float64")
    exact = stats.binom.cdf(wrong.sum(), 40, risk)
    found = risk_bounds.hoeffding_bentkus_p_value(wrong, risk)
    assert found == pytest.approx(exact)
    # What gets better does not make up for what gets worse.
    assert risk_bounds.hoeffding_bentkus_refutes(wrong - 1, risk, 0.1) == (
        (1 - risk) ** 40 <= 0.1
    )


@hypothesis.given(st.integers(0, 999), st.floats(0.02, 0.4))
def test_betting_by_its_definition(seed, risk):
    rng = np.random.default_rng(seed)
    losses = rng.choice([-1.0, 0, 0, 0, 1], 80)
    wealth, best, seen = 1.0, 0.0, []
    for loss in losses:
        # The variance of what was seen, each with the mean up to itself.
        spread = 0.25 + sum(
            (x - (0.5 + sum(seen[: i + 1])) / (i + 2)) ** 2
            for i, x in enumerate(seen)
        )
        variance = spread / (len(seen) + 1)
        stake = min(1, np.sqrt(2 * np.log(10) / (80 * variance)))
        wealth *= 1 - stake * (loss - risk)
        best = max(best, wealth)
        seen.append(loss)
    assert risk_bounds.wsr_refutes(losses, risk, 0.1) == (best >= 10)


@hypothesis.given(st.integers(0, 999), st.floats(0, 1))
def test_losses_by_their_definition(seed, threshold):
    predictions = random_predictions(seed, examples=30)
    for n, loss in enumerate(early_losses(predictions, threshold)):
        stage = next(
            k
            for k in range(3)
            if k == 2 or predictions.confidences[n, k] > threshold
        )
        assert loss == predictions.errors[n, stage] - predictions.errors[n, 2]


@pytest.mark.parametrize("bound", risk_bounds.BOUNDS)
def test_no_threshold_above_fails_and_the_next_below_does(bound):
    predictions = random_predictions(examples=1500, skill=2.0)
    control = risk_controlled_thresholds(predictions, 0.05, 0.9, bound, seed=3)
    threshold = control.thresholds[0]
    assert control.thresholds == (threshold,) * 2 and 0.1 < threshold < 1
    order = np.random.default_rng(3).permutation(1500)
    refutes = [
        risk_bounds.BOUNDS[bound](
            early_losses(predictions.part(order), value), 0.05, 1 - 0.9
        )
        for value in _GRID
    ]
    tested = _GRID.index(threshold)
    assert all(refutes[: tested + 1]) and not refutes[tested + 1]
    assert np.all(np.diff(_GRID) < 0) and _GRID[-1] == 0
    assert control.record == {"risk": 0.05, "level": 0.9, "examples": 1500}


def test_more_examples_more_risk_and_less_certainty_allow_lower_thresholds():
    predictions = random_predictions(examples=4000, skill=2.0)

    def threshold(count=4000, risk=0.05, level=0.9):
        part = predictions.part(slice(count))
        return risk_controlled_thresholds(part, risk, level).thresholds[0]

    assert threshold(20) == 1
    assert threshold(400) > threshold()
    assert threshold(risk=0.02) > threshold() > threshold(risk=0.2)
    assert threshold(level=0.999) > threshold() > threshold(level=0.5)
    assert threshold(risk=0.999) == 0


def test_the_order_of_the_data_does_not_count():
    predictions = random_predictions(examples=2000, skill=2.0)
    order = np.argsort(early_losses(predictions, 0.5))
    found = [
        risk_controlled_thresholds(p, 0.03).thresholds[0]
        for p in (predictions.part(order), predictions.part(order[::-1]))
    ]
    assert found == pytest.approx([found[0]] * 2, abs=0.05)


def test_tasks_with_confidences_have_thresholds_too():
    for name in ("binary", "multi_label", "segmentation"):
        task = task_nets.TASKS[name]
        predictions = ka.evaluation.predict_stages(
            task_nets.net(task), task_nets.data(task), verbose=False
        )
        (threshold,) = risk_controlled_thresholds(predictions, 0.5).thresholds
        assert 0 <= threshold <= 1
    regression = task_nets.TASKS["regression"]
    predictions = ka.evaluation.predict_stages(
        task_nets.net(regression), task_nets.data(regression), verbose=False
    )
    with pytest.raises(ValueError, match="numbers have none.*regression"):
        risk_controlled_thresholds(predictions, 0.5)
    alone = random_predictions(stages=1)
    assert risk_controlled_thresholds(alone, 0.1).thresholds == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "between 0 and 1. Received: risk=0"),
        ((1.0,), "Received: risk=1.0"),
        ((True,), "Received: risk=True"),
        (("0.1",), "Received: risk='0.1'"),
        ((float("nan"),), "Received: risk=nan"),
        ((0.1, 1), "Received: risk=0.1, level=1"),
        ((0.1, 0.9, "ucb"), "must be one of.*Received: bound='ucb'"),
    ],
)
def test_what_is_no_risk_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        risk_controlled_thresholds(random_predictions(), *arguments)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bound", "risk", "kind"),
    [
        *itertools.product(risk_bounds.BOUNDS, (0.01, 0.03), ("alone",)),
        ("wsr", 0.02, "product"),
    ],
)
def test_the_risk_of_all_images_is_below_the_bound(bound, risk, kind):
    # Of these images, the true risk of any threshold is known.
    everything = random_predictions(1, examples=20_000, skill=1.5)
    if kind == "product":
        everything = everything.product()
    rng = np.random.default_rng(0)
    draws, broken, early = 400, 0, []
    for _ in range(draws):
        sample = everything.part(rng.integers(0, 20_000, 1000))
        control = risk_controlled_thresholds(sample, risk, 0.8, bound)
        true = early_losses(everything, control.thresholds[0]).mean()
        broken += true > risk
        early.append(true)
    # It breaks in 20% of the samples at most, but is not idle either.
    assert broken <= stats.binom.ppf(0.999, draws, 0.2)
    assert max(early) > risk / 2
