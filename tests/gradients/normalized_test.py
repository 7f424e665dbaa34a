"""NormSGD against Eq. 2 of Wan 2020."""

import keras
import numpy as np
import pytest

from keras_anytime.gradients import Normalized
from keras_anytime.gradients import gram as gram_lib
from tests.gradients.references import flat
from tests.gradients.references import in_stages
from tests.gradients.references import nested_gradients
from tests.gradients.references import norm_sgd
from tests.gradients.references import padded
from tests.gradients.references import relative_error

pytestmark = pytest.mark.usefixtures("float64")


def test_equation_2_by_hand():
    # Norms 5 and 13 become 2 sqrt(2) and 2 sqrt(5). The first variable has two
    # owners, the others one each.
    gradients = [
        [np.float32([3, 4]), None, None],
        [np.float32([5, 0]), np.float32([[0, 12]]), np.float32([0])],
    ]
    first, second, third = Normalized(scale=2)(gradients)
    one, two = 2 * np.sqrt(2) / 5, 2 * np.sqrt(5) / 13
    np.testing.assert_allclose(
        first, [(3 * one + 5 * two) / 2, 4 * one / 2], rtol=1e-6
    )
    np.testing.assert_allclose(second, [[0, 12 * two]], rtol=1e-6)
    np.testing.assert_array_equal(third, [0])


@pytest.mark.parametrize("scale", [0.5, 3])
@pytest.mark.parametrize("num_stages", [1, 2, 3, 10])
def test_the_update_is_the_mean_over_each_variables_owners(num_stages, scale):
    gradients = nested_gradients(num_stages, width=7)
    got = flat(Normalized(scale)(gradients))
    assert relative_error(got, norm_sgd(gradients, scale)) < 1e-6


def test_each_stage_comes_to_the_root_of_its_size_times_the_scale():
    # One stage's part in the update: what the others leave when they are zero.
    gradients = nested_gradients(3)
    sizes = [40 * 3, 40 * 10, 40 * 21]
    for k, size in enumerate(sizes):
        alone = [
            [
                one if one is None or i == k else 0 * one
                for v, one in enumerate(stage)
            ]
            for i, stage in enumerate(gradients)
        ]
        update = Normalized(scale=0.7)(alone)
        # Undo the averaging: variables 2k and 2k + 1 belong to 3 - k stages.
        whole = [np.asarray(one) * (3 - v // 2) for v, one in enumerate(update)]
        assert np.linalg.norm(flat(whole)) == pytest.approx(
            0.7 * np.sqrt(size), rel=1e-6
        )


def test_owners_need_not_be_nested():
    # Shared by all, of the first alone, of the last alone, of two of three.
    rng = np.random.default_rng(0)
    rows = [
        [1, 1, 0, 0],
        [1, 0, 0, 1],
        [1, 0, 1, 1],
    ]
    gradients = [
        [
            rng.standard_normal(v + 2).astype("float32") if has else None
            for v, has in enumerate(row)
        ]
        for row in rows
    ]
    got = flat(Normalized()(gradients))
    assert relative_error(got, norm_sgd(gradients)) < 1e-6


def test_weights_of_the_losses_make_no_difference():
    gradients = nested_gradients(3)
    want = flat(Normalized()(gradients))
    for weights in ([0.1, 1, 10], [2.0**-30, 1, 2.0**30]):
        weighted = [
            [
                gradient if gradient is None else gradient * np.float32(weight)
                for gradient in stage
            ]
            for weight, stage in zip(weights, gradients, strict=True)
        ]
        assert relative_error(flat(Normalized()(weighted)), want) < 1e-6


@pytest.mark.parametrize("loss_scale", [2.0**-20, 1024.0])
def test_the_update_carries_the_loss_scale_of_the_gradients(loss_scale):
    gradients = nested_gradients(3)
    want = flat(Normalized()(gradients))
    scaled = [
        [
            gradient if gradient is None else gradient * np.float32(loss_scale)
            for gradient in stage
        ]
        for stage in gradients
    ]
    got = flat(Normalized()(scaled, loss_scale))
    assert relative_error(got, loss_scale * want) < 1e-6


@pytest.mark.parametrize("bad", [0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("stage", [0, 1, 2])
def test_a_stage_that_is_zero_or_not_finite_adds_nothing(bad, stage):
    gradients = nested_gradients(3)
    zero = [
        gradient if gradient is None else 0 * gradient
        for gradient in gradients[stage]
    ]
    without = [zero if k == stage else one for k, one in enumerate(gradients)]
    # It is still an owner of its variables, over which these are averaged.
    want = norm_sgd(without)
    if bad == 0:
        gradients[stage] = zero
    else:
        gradients[stage][-1 if stage == 2 else 1][0, 0] = bad
    assert relative_error(flat(Normalized()(gradients)), want) < 1e-6


def test_coefficients_are_those_before_averaging():
    gradients = nested_gradients(3)
    vectors = padded(gradients)
    sizes = gram_lib.sizes(gradients)
    got = Normalized(scale=0.2).coefficients(vectors @ vectors.T, sizes)
    want = 0.2 * np.sqrt(sizes) / np.linalg.norm(vectors, axis=1)
    np.testing.assert_allclose(got, want, rtol=1e-12)
    # Inner products between stages play no part.
    squares = np.diag(np.diag(vectors @ vectors.T))
    np.testing.assert_allclose(
        Normalized(scale=0.2).coefficients(squares, sizes), want, rtol=1e-12
    )


def test_a_variable_that_no_stage_reaches_stays_without_a_gradient():
    update = Normalized()([[np.float32([1, 2]), None]] * 2)
    assert update[1] is None
    np.testing.assert_allclose(update[0], np.sqrt([1 / 10, 4 / 10]), rtol=1e-6)


def test_it_is_made_again_from_its_config():
    combiner = Normalized(scale=0.3, name="norm_sgd")
    config = keras.saving.serialize_keras_object(combiner)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == {"name": "norm_sgd", "scale": 0.3}
    gradients = nested_gradients(2)
    np.testing.assert_array_equal(
        flat(combiner(gradients)), flat(again(gradients))
    )


@pytest.mark.parametrize("scale", [0, -0.5, float("nan"), float("inf")])
def test_scales_that_are_none_are_refused(scale):
    with pytest.raises(ValueError, match=f"Received: scale={scale}"):
        Normalized(scale=scale)


def test_parallel_gradients_count_each():
    row = np.float32([3, 4])
    update = flat(Normalized()(in_stages([row, 2 * row, -row])))
    np.testing.assert_allclose(update, row / 5 * np.sqrt(2) / 2 / 3, rtol=1e-6)
