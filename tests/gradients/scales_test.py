"""Combining gradients that are zero, parallel, huge, tiny or of 16 bits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_anytime.gradients import Normalized
from keras_anytime.gradients import Orthogonal
from tests.gradients.references import components
from tests.gradients.references import flat
from tests.gradients.references import in_stages
from tests.gradients.references import near_equal_gradients
from tests.gradients.references import nested_gradients
from tests.gradients.references import norm_sgd
from tests.gradients.references import normalized
from tests.gradients.references import osgd
from tests.gradients.references import padded
from tests.gradients.references import relative_error
from tests.testing import sampled

COMBINERS = {
    "orthogonal": lambda: Orthogonal([3, 1, 2]),
    "normalize": lambda: Orthogonal([3, 1, 2], normalize=True),
    "normalized": Normalized,
}


def _want(name, gradients):
    """What a combiner of `COMBINERS` must give."""
    vectors = padded(gradients, np.longdouble)
    if name == "orthogonal":
        return osgd(vectors, [2, 0, 1])
    if name == "normalize":
        # Subnetworks of `nested_gradients(3)`.
        return osgd(normalized(vectors, [120, 400, 840]), [2, 0, 1])
    return norm_sgd(gradients)


def _times(gradients, factor):
    return [
        [
            gradient if gradient is None else gradient * factor
            for gradient in stage
        ]
        for stage in gradients
    ]


@pytest.mark.parametrize("name", COMBINERS)
@pytest.mark.parametrize(
    "size", sampled([1e-18, 1e-6, 1, 1e6, 1e18], [1e-18, 1, 1e18])
)
def test_gradients_of_any_size(name, size):
    gradients = _times(nested_gradients(3), np.float32(size))
    got = flat(COMBINERS[name]()(gradients))
    assert relative_error(got, _want(name, gradients)) < 1e-6


@pytest.mark.parametrize("name", COMBINERS)
@pytest.mark.parametrize("loss_scale", [2.0**-10, 2.0**15])
def test_the_loss_scale_is_taken_off_before_coefficients_are_computed(
    name, loss_scale
):
    gradients = nested_gradients(3)
    scaled = _times(gradients, np.float32(loss_scale))
    got = flat(COMBINERS[name]()(scaled, loss_scale)) / loss_scale
    assert relative_error(got, _want(name, gradients)) < 1e-6


@pytest.mark.parametrize("name", COMBINERS)
def test_small_gradients_that_the_loss_scale_has_kept_in_16_bits(name):
    # Without the scale, many of these would be zero or subnormal.
    loss_scale = 2.0**15
    small = _times(nested_gradients(3), 1e-6)
    scaled = [
        [
            gradient
            if gradient is None
            else (gradient * loss_scale).astype("float16")
            for gradient in stage
        ]
        for stage in small
    ]
    # Variables are in float32, and so are the gradients that come to combiners.
    as_float32 = [
        [
            gradient if gradient is None else gradient.astype("float32")
            for gradient in stage
        ]
        for stage in scaled
    ]
    got = flat(COMBINERS[name]()(as_float32, loss_scale)) / loss_scale
    rounded = _times(as_float32, np.float32(1 / loss_scale))
    assert relative_error(got, _want(name, rounded)) < 1e-6
    assert relative_error(got, _want(name, small)) < 1e-3


def test_gradients_in_16_bits_give_an_update_in_16_bits():
    loss_scale = 2.0**15
    scaled = [
        [
            gradient if gradient is None else (gradient * 100).astype("float16")
            for gradient in stage
        ]
        for stage in nested_gradients(3)
    ]
    update = Orthogonal()(scaled, loss_scale)
    assert {gradient.dtype.name for gradient in update} == {"float16"}
    want = osgd(padded(scaled, np.longdouble), range(3))
    # Half a unit of 2^-11 for coefficients, products and sums.
    assert relative_error(flat(update), want) < 2e-3


@pytest.mark.parametrize("name", COMBINERS)
@pytest.mark.parametrize("stage", [0, 1, 2])
def test_a_stage_whose_gradient_is_zero(name, stage):
    gradients = nested_gradients(3)
    gradients[stage] = _times(gradients, np.float32(0))[stage]
    got = flat(COMBINERS[name]()(gradients))
    assert relative_error(got, _want(name, gradients)) < 1e-6
    zeros = _times(gradients, np.float32(0))
    np.testing.assert_array_equal(flat(COMBINERS[name]()(zeros)), 0 * got)


@pytest.mark.parametrize("factor", [1, -1, 3, 1e-6, 0.1, -7e5])
@pytest.mark.parametrize("place", sampled([1, 2, 3], [1, 3]))
def test_a_parallel_gradient_adds_nothing_and_is_not_projected_on(
    factor, place
):
    rows = np.random.default_rng(0).standard_normal((3, 5000)).astype("float32")
    want = osgd(rows.astype(np.longdouble), range(3))
    parallel = np.insert(rows, place, np.float32(factor) * rows[0], axis=0)
    got = flat(Orthogonal()(in_stages(parallel)))
    # Rounding of the product makes the gradient next to parallel.
    assert relative_error(got, want) < 1e-6 + 1e-7 * abs(factor)


def test_a_gradient_in_the_span_of_two():
    rng = np.random.default_rng(0)
    rows = rng.integers(-99, 99, (3, 50)).astype("float32")
    spanned = np.insert(rows, 2, 3 * rows[0] - 7 * rows[1], axis=0)
    want = osgd(rows.astype(np.longdouble), range(3))
    got = flat(Orthogonal()(in_stages(spanned)))
    assert relative_error(got, want) < 1e-5


@pytest.mark.parametrize("noise", [1e-5, 1e-6, 1e-7, 1e-8, 0])
def test_what_differs_by_rounding_alone_moves_nothing(noise):
    # Of 10 gradients, 9 are copies of the first to about the last place of
    # float32. The update is next to the first, plus what the last has of its
    # own, whether or not it is projected on what the copies differ in.
    rows = near_equal_gradients(9, noise)
    other = np.random.default_rng(1).standard_normal(2000).astype("float32")
    got = flat(Orthogonal()(in_stages([*rows, other])))
    pair = np.stack([rows[0], other]).astype(np.longdouble)
    # In 2000 dimensions, random noise takes 8 / 2000 of what `other` has.
    share = np.sqrt(8 / 2000)
    assert relative_error(got, osgd(pair, range(2))) < 2 * share


@pytest.mark.parametrize("exponent", [-14, -16, -18])
def test_a_chain_of_nearly_dependent_gradients_does_not_blow_up(exponent):
    # Stage 2 has next to nothing of its own, and so has stage 3 beside it. To
    # project on what stage 3 is left with takes coefficients of up to 1e11,
    # whose sum in float32 is 10 000 where Algorithm 2 has 1.
    little = 2.0**exponent
    rows = np.float32(
        [[1, 0, 0, 0], [7, little, 0, 0], [0, 1, 3 * little, 0], [0, 0, 1, 0]]
    )
    update = flat(Orthogonal()(in_stages(rows)))
    assert np.linalg.norm(update) < np.linalg.norm(rows, axis=1).sum()
    # The first stage has its way.
    assert update[0] == pytest.approx(1, rel=0.01)


_exponents = st.lists(st.integers(-40, 40), min_size=4, max_size=4)


@settings(max_examples=15)
@given(_exponents, st.integers(0, 2**32 - 1), st.permutations(range(4)))
def test_the_size_of_a_gradient_scales_what_it_adds_and_nothing_else(
    exponents, seed, order
):
    rows = np.random.default_rng(seed).standard_normal((4, 30))
    rows = rows.astype("float32")
    sizes = 2.0 ** np.array(exponents)
    scaled = (sizes[:, None] * rows).astype("float32")
    # Projections on small gradients are taken off large ones in full.
    combiner = Orthogonal([k + 1 for k in order])
    parts = components(rows.astype(np.longdouble), order)
    want = (sizes[order][:, None] * parts).sum(axis=0)
    assert relative_error(flat(combiner(in_stages(scaled))), want) < 1e-5


# Within a factor of 1e24.
_values = st.floats(-(2.0**60), 2.0**60, width=32).map(
    lambda value: value if abs(value) > 2.0**-20 else 0.0
)


@settings(max_examples=20)
@given(
    st.lists(st.lists(_values, min_size=5, max_size=5), min_size=2, max_size=5),
    st.sampled_from([False, True]),
)
def test_the_first_stage_has_its_way_whatever_the_others_are(rows, normalize):
    rows = np.float32(rows)
    combiner = Orthogonal(normalize=normalize)
    update = flat(combiner(in_stages(rows))).astype("float64")
    assert np.all(np.isfinite(update))
    vectors = rows.astype("float64")
    if normalize:
        vectors = normalized(vectors, [5] * len(rows))
    lengths = np.linalg.norm(vectors, axis=1)
    # No stage adds more than it has, but for rounding where next to nothing
    # is left of a gradient: coefficients are at most about 2e6 there.
    assert np.linalg.norm(update) <= 1.3 * lengths.sum()
    along = update @ vectors[0] - lengths[0] ** 2
    assert abs(along) <= 0.3 * lengths[0] * lengths.sum()


def test_sizes_too_far_apart_for_float32_leave_the_larger_ones_right():
    # A gradient 1e36 times shorter than the others is not projected on.
    rows = np.random.default_rng(0).standard_normal((3, 50)).astype("float32")
    sizes = np.float32([[1e-18], [1e18], [1e18]])
    got = flat(Orthogonal()(in_stages(sizes * rows)))
    want = osgd((sizes * rows)[1:].astype(np.longdouble), range(2))
    assert relative_error(got, want) < 1e-6
