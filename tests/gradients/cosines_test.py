"""The mean cosines between stage gradients that combiners keep."""

import numpy as np
import pytest

from keras_anytime.gradients import Function
from keras_anytime.gradients import Normalized
from keras_anytime.gradients import Orthogonal
from tests.gradients.references import cosines
from tests.gradients.references import in_stages
from tests.gradients.references import nested_gradients
from tests.gradients.references import padded


def _ones(gram, sizes):
    return 0 * gram[0] + 1


COMBINERS = {
    "orthogonal": Orthogonal,
    "normalize": lambda: Orthogonal([3, 2, 1], normalize=True),
    "normalized": Normalized,
    "function": lambda: Function(_ones),
}


@pytest.mark.parametrize("name", COMBINERS)
def test_the_mean_over_steps_and_anew_after_a_reset(name):
    combiner = COMBINERS[name]()
    steps = [nested_gradients(3, seed=seed) for seed in range(7)]
    wanted = [cosines(padded(step)) for step in steps]
    for step in steps[:5]:
        combiner(step)
    for _ in range(2):
        np.testing.assert_allclose(
            combiner.mean_cosines(), np.mean(wanted[:5], axis=0), atol=1e-6
        )
    combiner.reset_cosines()
    assert np.all(np.isnan(combiner.mean_cosines()))
    for step in steps[5:]:
        combiner(step)
    np.testing.assert_allclose(
        combiner.mean_cosines(), np.mean(wanted[5:], axis=0), atol=1e-6
    )


def test_before_any_step_nothing_is_known():
    combiner = Orthogonal()
    combiner.build((4,))
    assert combiner.mean_cosines().shape == (4, 4)
    assert np.all(np.isnan(combiner.mean_cosines()))


@pytest.mark.parametrize("bad", [0, np.nan, np.inf])
def test_what_is_zero_or_not_finite_does_not_count(bad):
    combiner = Orthogonal()
    whole = nested_gradients(3, seed=0)
    gaps = nested_gradients(3, seed=1)
    gaps[1] = [
        gradient if gradient is None else gradient * np.float32(bad)
        for gradient in gaps[1]
    ]
    combiner(gaps)
    want = cosines(padded(gaps))
    assert np.isnan(want).sum() == 5
    np.testing.assert_allclose(combiner.mean_cosines(), want, atol=1e-6)
    combiner(whole)
    both = np.stack([want, cosines(padded(whole))])
    np.testing.assert_allclose(
        combiner.mean_cosines(), np.nanmean(both, axis=0), atol=1e-6
    )


@pytest.mark.parametrize("loss_scale", [2.0**-12, 2.0**15])
def test_the_loss_scale_and_the_size_of_gradients_make_no_difference(
    loss_scale,
):
    gradients = nested_gradients(3)
    scaled = [
        [
            gradient if gradient is None else gradient * np.float32(loss_scale)
            for gradient in stage
        ]
        for stage in gradients
    ]
    combiner = Orthogonal()
    for _ in range(3):
        combiner(scaled, loss_scale)
    np.testing.assert_allclose(
        combiner.mean_cosines(), cosines(padded(gradients)), atol=1e-6
    )


def test_opposite_parallel_and_orthogonal_gradients():
    row = np.float32([0.3, -0.1, 0.7])
    combiner = Orthogonal()
    combiner(in_stages([row, -3 * row, 1e-15 * row, np.float32([0.1, 0.3, 0])]))
    np.testing.assert_allclose(
        combiner.mean_cosines(),
        [[1, -1, 1, 0], [-1, 1, -1, 0], [1, -1, 1, 0], [0, 0, 0, 1]],
        atol=1e-6,
    )


def test_steps_between_two_refreshes_do_not_count():
    # They may have no stage gradients, but one weighted sum of them.
    combiner = Orthogonal(refresh_every=3)
    steps = [nested_gradients(3, seed=seed) for seed in range(5)]
    for step in steps:
        combiner(step)
    want = np.mean([cosines(padded(steps[k])) for k in (0, 3)], axis=0)
    np.testing.assert_allclose(combiner.mean_cosines(), want, atol=1e-6)
