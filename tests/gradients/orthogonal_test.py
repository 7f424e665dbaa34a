import itertools

import numpy as np
import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_anytime.gradients import Orthogonal
from keras_anytime.gradients import gram as gram_lib
from tests.gradients.references import flat
from tests.gradients.references import nested_gradients
from tests.gradients.references import osgd
from tests.gradients.references import padded
from tests.testing import sampled

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize("num_stages", [1, 2, 3, 5])
def test_the_update_is_algorithm_2(num_stages):
    gradients = nested_gradients(num_stages)
    vectors = padded(gradients)
    got = flat(Orthogonal()(gradients))
    want = osgd(vectors, range(num_stages))
    np.testing.assert_allclose(got, want, atol=1e-5)


@pytest.mark.parametrize("num_stages", [2, 3, 5])
def test_the_update_is_the_qr_identity(num_stages):
    gradients = nested_gradients(num_stages)
    q, r = np.linalg.qr(padded(gradients).T)
    want = q @ np.diag(r)  # Σ R_ii q_i, whatever the signs of R_ii are.
    np.testing.assert_allclose(flat(Orthogonal()(gradients)), want, atol=1e-5)


@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3])))
def test_any_priority(order):
    gradients = nested_gradients(3)
    got = flat(Orthogonal(priority=order)(gradients))
    want = osgd(padded(gradients), [stage - 1 for stage in order])
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_normalizing_brings_each_gradient_to_its_size_first():
    gradients = nested_gradients(3)
    vectors = padded(gradients)
    sizes = np.array(gram_lib.sizes(gradients))
    np.testing.assert_array_equal(sizes, [120, 400, 840])
    scaled = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled *= 0.25 * np.sqrt(sizes)[:, None]
    got = flat(Orthogonal(normalize=True, scale=0.25)(gradients))
    np.testing.assert_allclose(got, osgd(scaled, range(3)), atol=1e-4)


def test_a_stage_keeps_its_own_direction():
    # What a stage of lower priority adds never moves against a higher one.
    gradients = nested_gradients(3)
    vectors = padded(gradients)
    update = flat(Orthogonal()(gradients))
    assert update @ vectors[0] == pytest.approx(
        vectors[0] @ vectors[0], rel=1e-5
    )


def test_parameters_of_the_last_stage_get_its_gradient_as_it_is_for_k_2():
    # g_1 has zeros there, so Eq. 3 leaves that part alone (Section 4.3).
    gradients = nested_gradients(2)
    combined = Orthogonal()(gradients)
    np.testing.assert_allclose(combined[-1], gradients[1][-1], rtol=1e-6)


# Its coefficient, 4 / 1.2e-38, is beyond float32.
@example(
    np.float32([[1.1754944e-38, *[0] * 5], [0] * 6, [0] * 6, [4, *[0] * 5]])
)
@given(
    hnp.arrays(
        "float32",
        (4, 6),
        elements=st.floats(-100, 100, width=32),
    )
)
def test_any_gradients_give_a_finite_update(rows):
    gradients = [[row] for row in rows]
    update = flat(Orthogonal()(gradients))
    assert np.all(np.isfinite(update))
    # However close to parallel, no projection blows an update up.
    total = np.sum(np.linalg.norm(rows.astype("float64"), axis=1))
    assert np.linalg.norm(update) <= 1.01 * total + 1e-3


@pytest.mark.parametrize("normalize", [False, True])
def test_zero_and_parallel_gradients(normalize):
    one = np.array([3.0, 4.0], "float32")
    # Nothing to project on, nothing left of a parallel gradient.
    zero = np.zeros(2, "float32")

    def combined(*rows):
        combine = Orthogonal(normalize=normalize)
        return flat(combine([[row] for row in rows]))

    alone = combined(one)
    np.testing.assert_allclose(combined(zero, one), alone)
    np.testing.assert_allclose(combined(one, 2 * one), alone, atol=1e-5)
    np.testing.assert_array_equal(combined(zero, zero), zero)


def test_it_keeps_state_of_as_many_stages_as_it_was_first_called_with():
    combiner = Orthogonal()
    combiner(nested_gradients(2))
    with pytest.raises(ValueError, match="of 2 stages.*of 3 stages"):
        combiner(nested_gradients(3))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("stage", sampled([0, 1, 2], [0, 2]))
def test_a_gradient_that_is_not_finite_is_left_out(bad, normalize, stage):
    gradients = nested_gradients(3)
    without = [one for k, one in enumerate(gradients) if k != stage]
    want = Orthogonal(normalize=normalize)(without)
    gradients[stage][0] = gradients[stage][0] * bad
    got = Orthogonal(normalize=normalize)(gradients)
    for ours, theirs in zip(got, want, strict=True):
        assert np.all(np.isfinite(ours))
        if theirs is not None:
            np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_common_scale_of_the_losses_only_scales_the_update():
    # Loss scaling must not change what is projected.
    gradients = nested_gradients(3)
    scaled = [
        [
            gradient if gradient is None else gradient * np.float32(2**15)
            for gradient in stage
        ]
        for stage in gradients
    ]
    np.testing.assert_allclose(
        flat(Orthogonal()(scaled)) / 2**15,
        flat(Orthogonal()(gradients)),
        atol=1e-5,
    )


def test_coefficients_come_from_the_gram_matrix_alone():
    gradients = nested_gradients(3)
    vectors = padded(gradients)
    gram = vectors @ vectors.T
    np.testing.assert_allclose(gram_lib.gram_matrix(gradients), gram, rtol=1e-5)
    c = np.asarray(Orthogonal().coefficients(gram, [1, 1, 1]))
    np.testing.assert_allclose(c @ vectors, osgd(vectors, range(3)), atol=1e-8)


def test_wrong_arguments_are_refused():
    for priority in ([1, 1], [0, 1], [2, 3]):
        with pytest.raises(ValueError, match="priority"):
            Orthogonal(priority=priority)
    with pytest.raises(ValueError, match="stages 1 to 3"):
        Orthogonal(priority=[2, 1]).build((3,))
    for scale in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"scale={scale}"):
            Orthogonal(scale=scale)
    for steps in (0, -2, 1.5, "2"):
        with pytest.raises(ValueError, match=f"refresh_every={steps}"):
            Orthogonal(refresh_every=steps)


def test_it_is_made_again_from_its_config():
    combiner = Orthogonal([2, 1, 3], True, scale=0.3, refresh_every=5)
    again = Orthogonal.from_config(combiner.get_config())
    assert again.get_config() == combiner.get_config()
    assert again.refresh_every == 5
    gradients = nested_gradients(3)
    np.testing.assert_array_equal(
        flat(combiner(gradients)), flat(again(gradients))
    )
