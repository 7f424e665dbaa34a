"""Weightings of multi-task training, beside the formulas of their papers."""

import keras
import numpy as np
import pytest

from keras_anytime.weighting import FAMO
from keras_anytime.weighting import IMTLL
from keras_anytime.weighting import DynamicWeightAverage
from keras_anytime.weighting import RandomLossWeighting
from keras_anytime.weighting import Uncertainty

BALANCERS = (
    DynamicWeightAverage,
    FAMO,
    IMTLL,
    RandomLossWeighting,
    Uncertainty,
)
SCALES = (IMTLL, Uncertainty)


def random_losses(steps, num_stages=4, seed=0):
    return np.random.default_rng(seed).uniform(0.2, 3, (steps, num_stages))


def softmax(values):
    exponentials = np.exp(values - np.max(values))
    return exponentials / exponentials.sum()


def test_uncertainty_is_that_of_eq_7():
    weighting, s = Uncertainty(learning_rate=0.1), np.zeros(4)
    for losses in random_losses(30):
        np.testing.assert_allclose(weighting(losses), np.exp(-s) / 2, rtol=1e-5)
        # The derivative of Σ exp(-s) L / 2 + s / 2.
        s -= 0.1 * (-np.exp(-s) * losses / 2 + 1 / 2)
    assert np.ptp(s) > 0.1


def test_imtll_is_that_of_section_3():
    weighting, s = IMTLL(learning_rate=0.1), np.zeros(4)
    for losses in random_losses(30):
        np.testing.assert_allclose(weighting(losses), np.exp(s), rtol=1e-5)
        # The derivative of Σ exp(s) L - s.
        s -= 0.1 * (np.exp(s) * losses - 1)
    assert np.ptp(s) > 0.1


@pytest.mark.parametrize(
    ("weighting", "factor"), [(Uncertainty, 2), (IMTLL, 1)]
)
def test_learned_scales_end_at_the_inverse_losses(weighting, factor):
    losses = np.array([0.01, 1.0, 30.0])
    learned = weighting(learning_rate=1.0)
    for _ in range(40):
        weights = np.asarray(learned(losses))
    np.testing.assert_allclose(factor * weights * losses, 1, rtol=0.02)


@pytest.mark.parametrize("weighting", SCALES)
@pytest.mark.parametrize("loss", [1e30, -1e30, 0.0])
def test_no_loss_moves_a_scale_out_of_range(weighting, loss):
    learned = weighting()
    learned([1.0, loss])
    assert np.all(np.abs(learned.log_scales) <= 1)
    for _ in range(70):
        weights = np.asarray(learned([1.0, loss]))
    assert np.all(np.isfinite(weights)) and np.all(weights > 0)


def test_dynamic_weight_average_is_that_of_eq_7():
    window, temperature = 3, 1.5
    weighting = DynamicWeightAverage(temperature, window)
    losses = random_losses(5 * window)
    for step, of_step in enumerate(losses):
        epoch = step // window
        want = np.ones(4)
        if epoch > 1:
            last, before = (
                losses[(epoch - k) * window : (epoch - k + 1) * window].mean(0)
                for k in (1, 2)
            )
            want = 4 * softmax(last / before / temperature)
        np.testing.assert_allclose(weighting(of_step), want, rtol=1e-5)
    assert np.ptp(want) > 0.1


def test_means_of_windows_leave_out_what_is_not_finite():
    weighting = DynamicWeightAverage(1.0, window=2)
    for losses in ([4.0, np.nan], [2.0, 2.0], [1.5, np.inf], [1.5, np.nan]):
        weighting(losses)
    # The second stage had no finite loss, so its mean has not fallen.
    want = 2 * softmax(np.array([0.5, 1.0]))
    np.testing.assert_allclose(weighting([1.0, 1.0]), want, rtol=1e-6)


def test_random_weights_are_those_of_a_softmax_of_normal_numbers():
    weighting = RandomLossWeighting(seed=3)
    first, second = (np.asarray(weighting(np.ones(5000))) for _ in range(2))
    np.testing.assert_allclose([first.sum(), second.sum()], 5000, rtol=1e-4)
    assert np.log(first).std() == pytest.approx(1, rel=0.05)
    # Fourth moments of normal numbers are 3.
    logs = np.log(first) - np.log(first).mean()
    assert np.mean(logs**4) == pytest.approx(3, rel=0.2)
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0, abs=0.06)


def test_famo_is_algorithm_1_with_adam_one_step_late():
    weighting = FAMO(learning_rate=0.05, decay=0.1)
    x, m, v = np.zeros(4), np.zeros(4), np.zeros(4)
    losses = random_losses(30)
    for t, of_step in enumerate(losses):
        if t:
            z = softmax(x)
            fallen = np.log(losses[t - 1]) - np.log(of_step)
            # The Jacobian of the softmax.
            gradient = (np.diag(z) - np.outer(z, z)) @ fallen + 0.1 * x
            m = 0.9 * m + 0.1 * gradient
            v = 0.999 * v + 0.001 * gradient**2
            x = x - 0.05 * (m / (1 - 0.9**t)) / (
                np.sqrt(v / (1 - 0.999**t)) + 1e-8
            )
        want = softmax(x) / of_step
        np.testing.assert_allclose(
            weighting(of_step), want / want.sum(), rtol=1e-3
        )
    assert np.ptp(x) > 0.1


def test_famo_takes_weight_off_the_loss_that_falls_fastest():
    weighting = FAMO()
    for step in range(50):
        weighting([np.exp(-0.1 * step), 1.0, np.exp(-0.05 * step)])
    first, second, third = np.asarray(weighting.logits)
    assert first < third < second


@pytest.mark.parametrize("balancer", BALANCERS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_leaves_finite_weights(balancer, bad):
    weighting = balancer()
    weighting([1.0, 2.0, 3.0])
    for _ in range(2):
        weights = np.asarray(weighting([1.0, bad, 3.0]))
        assert np.all(np.isfinite(weights)) and np.all(weights > 0)
    assert all(np.all(np.isfinite(v)) for v in weighting.variables)


@pytest.mark.parametrize("balancer", [DynamicWeightAverage, FAMO, *SCALES])
def test_stages_may_change_places(balancer):
    options = {"window": 2} if balancer is DynamicWeightAverage else {}
    one, other = balancer(**options), balancer(**options)
    order = [2, 0, 3, 1]
    for losses in random_losses(9):
        np.testing.assert_allclose(
            np.asarray(one(losses))[order], other(losses[order]), rtol=1e-5
        )


@pytest.mark.parametrize("balancer", BALANCERS)
def test_state_is_saved_and_loaded(balancer, tmp_path):
    keras.utils.set_random_seed(0)
    first, again = balancer(), balancer()
    losses = random_losses(8)
    for of_step in losses[:4]:
        first(of_step)
    again.ensure_built(4)
    store = {}
    first.save_own_variables(store)
    again.load_own_variables(store)
    for of_step in losses[4:]:
        np.testing.assert_array_equal(first(of_step), again(of_step))


@pytest.mark.parametrize(
    ("balancer", "argument", "values"),
    [
        *(
            (kind, "learning_rate", (0, -1, float("inf")))
            for kind in (FAMO, *SCALES)
        ),
        (FAMO, "decay", (-1, float("nan"))),
        (DynamicWeightAverage, "temperature", (0, float("nan"))),
        (DynamicWeightAverage, "window", (0, 1.5)),
        (RandomLossWeighting, "seed", (-1, 0.5, "x")),
    ],
)
def test_arguments_out_of_range_are_refused(balancer, argument, values):
    for value in values:
        with pytest.raises(ValueError, match=f"Received: {argument}={value}"):
            balancer(**{argument: value})
