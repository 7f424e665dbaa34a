import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_anytime.weighting import AdaLoss


def test_the_weights_of_the_paper():
    # Eq. 7 of Hu 2019 with alpha the smallest mean, by hand.
    np.testing.assert_allclose(
        AdaLoss(gamma=0.05)([2.0, 1.0, 0.5]), [0.2875, 0.525, 1.0], rtol=1e-6
    )


def test_means_follow_the_losses_from_the_first_call_on():
    weighting = AdaLoss(gamma=0.1, momentum=0.8)
    losses = np.array([[2.0, 1.0], [1.0, 3.0], [4.0, 0.5]])
    means = losses[0]
    for step, step_losses in enumerate(losses):
        means = means if step == 0 else 0.8 * means + 0.2 * step_losses
        expected = 0.9 * means.min() / means + 0.1
        np.testing.assert_allclose(weighting(step_losses), expected, rtol=1e-6)
        np.testing.assert_allclose(weighting.means, means, rtol=1e-6)


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=6), st.floats(0, 1))
def test_the_largest_weight_is_1_and_smaller_losses_weigh_more(losses, gamma):
    weights = np.asarray(AdaLoss(gamma=gamma)(losses))
    assert weights.max() == pytest.approx(1, rel=1e-5)
    assert weights.min() >= gamma * 0.9999
    order = np.argsort(losses)
    assert np.all(np.diff(weights[order]) <= 1e-6)


def test_weights_change_every_n_steps_and_means_every_step():
    weighting = AdaLoss(gamma=0, momentum=0.5, update_every=3)
    given_losses = [[1.0, 2.0], [4.0, 1.0], [4.0, 1.0], [4.0, 1.0]]
    weights = [np.asarray(weighting(loss)) for loss in given_losses]
    np.testing.assert_array_equal(weights[0], weights[1])
    np.testing.assert_array_equal(weights[0], weights[2])
    assert not np.allclose(weights[0], weights[3])
    np.testing.assert_allclose(weighting.means, [3.625, 1.125], rtol=1e-6)


def test_a_loss_that_is_no_number_does_no_harm():
    weighting = AdaLoss()
    weighting([2.0, 1.0])
    for bad in (np.nan, np.inf):
        weights = np.asarray(weighting([bad, 1.0]))
        np.testing.assert_allclose(weighting.means, [2.0, 1.0])
        assert np.all(np.isfinite(weights))
    assert np.all(np.isfinite(AdaLoss()([0.0, 1.0])))
    # The first loss that is a number sets the mean.
    late = AdaLoss()
    late([np.nan, 1.0])
    late([8.0, 1.0])
    np.testing.assert_allclose(late.means, [8.0, 1.0])


def test_its_state_is_in_variables():
    weighting = AdaLoss()
    weighting([2.0, 1.0])
    assert not any(variable.trainable for variable in weighting.variables)
    other = AdaLoss.from_config(weighting.get_config())
    other.build((2,))
    for ours, theirs in zip(weighting.variables, other.variables, strict=True):
        theirs.assign(ours)
    np.testing.assert_array_equal(weighting([1.0, 5.0]), other([1.0, 5.0]))


@pytest.mark.parametrize(
    "arguments",
    [
        {"gamma": -0.1},
        {"gamma": 1.1},
        {"momentum": 1.0},
        {"momentum": -0.1},
        {"update_every": 0},
        {"update_every": 1.5},
    ],
)
def test_arguments_out_of_range_are_refused(arguments):
    ((name, value),) = arguments.items()
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        AdaLoss(**arguments)


def test_losses_of_another_number_of_stages_are_refused():
    weighting = AdaLoss()
    weighting([1.0, 2.0])
    with pytest.raises(ValueError):
        weighting([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="one loss per stage"):
        AdaLoss()(3.0)
