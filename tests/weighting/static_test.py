import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_anytime.weighting import Constant
from keras_anytime.weighting import Exponential
from keras_anytime.weighting import HalfEnd
from keras_anytime.weighting import Linear
from keras_anytime.weighting import Sieve
from keras_anytime.weighting.static import Static

SCHEMES = (Constant, Linear, Exponential, HalfEnd, Sieve)


def weights_of(weighting, num_stages):
    return np.asarray(weighting(np.linspace(3, 1, num_stages)))


def test_equal_weights_by_default():
    np.testing.assert_array_equal(Constant()([3.0, 2.0, 1.0]), [1, 1, 1])


def test_given_weights():
    constant = Constant([1, 2, 0])
    np.testing.assert_array_equal(constant([3.0, 2.0, 1.0]), [1, 2, 0])
    again = Constant.from_config(constant.get_config())
    np.testing.assert_array_equal(again([9.0, 9.0, 9.0]), [1, 2, 0])


@pytest.mark.parametrize("weights", [[-1, 2], [0, 0], [], [1, np.inf]])
def test_useless_weights_are_refused(weights):
    with pytest.raises(ValueError, match="Received: weights="):
        Constant(weights)


def test_another_number_of_stages_is_refused():
    with pytest.raises(ValueError, match="each of 3 stages"):
        Constant([1, 2])([1.0, 1.0, 1.0])


def test_the_sieve_of_the_paper():
    # Fig. 2f of Hu 2017.
    np.testing.assert_array_equal(
        weights_of(Sieve(), 15), [2, 1, 3, 1, 2, 1, 4, 1, 2, 1, 3, 1, 2, 1, 25]
    )


@pytest.mark.parametrize("num_stages", [2, 3, 8, 25, 75])
def test_the_sieve_adds_up_even_spacings(num_stages):
    # 1 for every stage, and 1 more for every second, fourth, eighth ... one,
    # counted back from the last.
    weights = np.zeros(num_stages)
    for spacing in 2 ** np.arange(10):
        weights[-1 - spacing :: -spacing] += 1
    weights[-1] = weights.sum()
    np.testing.assert_array_equal(weights_of(Sieve(), num_stages), weights)


@pytest.mark.parametrize("num_stages", [2, 3, 25, 75])
@pytest.mark.parametrize("scheme", [HalfEnd, Sieve])
def test_the_last_stage_weighs_as_much_as_all_others(scheme, num_stages):
    weights = weights_of(scheme(), num_stages)
    assert weights[-1] == weights[:-1].sum()


def test_half_end_is_even_on_the_others():
    np.testing.assert_array_equal(weights_of(HalfEnd(), 5), [1, 1, 1, 1, 4])


def test_linear():
    np.testing.assert_allclose(
        weights_of(Linear(), 4), [0.25, 0.5, 0.75, 1], rtol=1e-6
    )
    np.testing.assert_allclose(
        weights_of(Linear(3, 1), 5), [3, 2.5, 2, 1.5, 1], rtol=1e-6
    )


@pytest.mark.parametrize("num_stages", [5, 25, 75])
@pytest.mark.parametrize("base", [2, 0.5, 1.3])
def test_exponential_weights_have_one_ratio_and_the_largest_is_1(
    base, num_stages
):
    weights = weights_of(Exponential(base), num_stages).astype("float64")
    assert weights.max() == 1
    np.testing.assert_allclose(weights[1:] / weights[:-1], base, rtol=1e-5)


@given(
    st.sampled_from(SCHEMES),
    st.integers(1, 80),
    st.floats(1e-3, 1e3),
)
def test_total_scales_the_weights_to_a_sum(scheme, num_stages, total):
    plain = weights_of(scheme(), num_stages)
    scaled = weights_of(scheme(total=total), num_stages)
    assert np.all(plain > 0) and np.all(np.isfinite(plain))
    assert scaled.sum() == pytest.approx(total, rel=1e-4)
    np.testing.assert_allclose(
        scaled / scaled[-1], plain / plain[-1], rtol=1e-5
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_single_stage_weighs_1(scheme):
    np.testing.assert_array_equal(weights_of(scheme(), 1), [1])


@pytest.mark.parametrize(
    "scheme, arguments",
    [
        *(
            (scheme, {"total": total})
            for scheme in SCHEMES
            for total in (0, -1)
        ),
        (Sieve, {"total": np.inf}),
        (Sieve, {"total": np.nan}),
        (Exponential, {"base": 0}),
        (Exponential, {"base": -2}),
        (Exponential, {"base": np.inf}),
        (Linear, {"start": -0.1, "end": 1.0}),
        (Linear, {"start": 1.0, "end": 0}),
        (Linear, {"start": 1.0, "end": np.nan}),
    ],
)
def test_arguments_out_of_range_are_refused(scheme, arguments):
    received = ", ".join(f"{key}={value}" for key, value in arguments.items())
    with pytest.raises(ValueError, match=f"Received: {received}"):
        scheme(**arguments)


def test_a_static_weighting_must_have_a_scheme():
    with pytest.raises(TypeError, match="Static"):
        Static()([1.0, 2.0])
