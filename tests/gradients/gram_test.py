import keras
import ml_dtypes
import numpy as np
import pytest

from keras_anytime.gradients import gram as gram_lib
from tests.gradients.references import flat
from tests.gradients.references import in_stages
from tests.gradients.references import nested_gradients
from tests.gradients.references import padded

pytestmark = pytest.mark.usefixtures("float64")


def test_inner_products_of_padded_gradients():
    gradients = nested_gradients(4)
    vectors = padded(gradients)
    np.testing.assert_allclose(
        gram_lib.gram_matrix(gradients), vectors @ vectors.T, rtol=1e-5
    )


def test_stages_need_not_be_nested():
    a = np.array([1.0, 2.0], "float32")
    gradients = [[a, None], [None, 3 * a]]
    np.testing.assert_allclose(
        gram_lib.gram_matrix(gradients), [[5, 0], [0, 45]]
    )
    assert gram_lib.sizes(gradients) == [2, 2]


def test_a_coefficient_of_zero_hides_what_is_not_finite():
    gradients = [[np.array([np.nan, np.inf], "float32")], [np.ones(2, "f")]]
    (combined,) = gram_lib.linear_combination(np.array([0.0, 2.0]), gradients)
    np.testing.assert_array_equal(combined, [2, 2])


def test_gram_schmidt_of_dependent_gradients_is_finite():
    gram = np.ones((3, 3))
    c = gram_lib.gram_schmidt_coefficients(
        np.asarray(gram, "float64"), [0, 1, 2]
    )
    vectors = np.ones((3, 1))
    np.testing.assert_allclose(np.asarray(c) @ vectors, [1])


def test_inner_products_are_summed_in_float64():
    # In float32 the ones would be lost next to the large entries.
    rows = np.ones((2, 4096), "float32")
    rows[0, 0], rows[1, 0] = 1e5, 1e-5
    gram = np.asarray(gram_lib.gram_matrix(in_stages(rows)))
    assert gram.dtype == "float64"
    exact = rows.astype(np.longdouble)
    np.testing.assert_allclose(gram, exact @ exact.T, rtol=1e-15)


def test_stages_without_any_gradient():
    one = np.float32([3, 4])
    gradients = [[None, None], [one, None]]
    np.testing.assert_array_equal(
        gram_lib.gram_matrix(gradients), [[0, 0], [0, 25]]
    )
    assert gram_lib.sizes(gradients) == [0, 2]
    first, second = gram_lib.linear_combination(np.ones(2), gradients)
    np.testing.assert_array_equal(first, one)
    assert second is None


def test_variables_of_any_shape():
    rng = np.random.default_rng(0)
    shapes = [(), (1,), (3, 2), (2, 1, 4, 3)]
    gradients = [
        [rng.standard_normal(shape).astype("float32") for shape in shapes]
        for _ in range(3)
    ]
    vectors = padded(gradients)
    np.testing.assert_allclose(
        gram_lib.gram_matrix(gradients), vectors @ vectors.T, rtol=1e-12
    )
    assert gram_lib.sizes(gradients) == [1 + 1 + 6 + 24] * 3
    c = np.array([0.5, -2, 3])
    combined = gram_lib.linear_combination(c, gradients)
    assert [tuple(gradient.shape) for gradient in combined] == shapes
    np.testing.assert_allclose(flat(combined), c @ vectors, atol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_own_row_and_column(bad):
    gradients = nested_gradients(3)
    vectors = padded(gradients)
    gradients[1][0][0, 0] = bad
    gram = np.asarray(gram_lib.gram_matrix(gradients))
    keep = [0, 2]
    np.testing.assert_allclose(
        gram[np.ix_(keep, keep)], (vectors @ vectors.T)[np.ix_(keep, keep)]
    )
    assert not np.isfinite(gram[1]).any()
    assert not np.isfinite(gram[:, 1]).any()


def test_gradients_of_two_lengths_are_refused():
    one = np.ones(2, "float32")
    for function in (
        gram_lib.gram_matrix,
        lambda given: gram_lib.linear_combination(np.ones(2), given),
    ):
        with pytest.raises(ValueError, match="zip"):
            function([[one], [one, one]])


def test_coefficients_beyond_a_dtype_stay_finite():
    for dtype in ("float16", "bfloat16", "float32"):
        largest = float(keras.ops.cast(ml_dtypes.finfo(dtype).max, "float64"))
        values = np.array([1e300, -1e300, largest, 1.5, 0, -(2.0**-10)])
        cast = gram_lib.cast_finite(values, dtype)
        assert keras.backend.standardize_dtype(cast.dtype) == dtype
        got = np.asarray(keras.ops.cast(cast, "float64"))
        np.testing.assert_array_equal(got[3:], values[3:])
        assert np.all(np.isfinite(got))
        # Next to the largest that there is.
        np.testing.assert_allclose(
            got[:3], [largest, -largest, largest], rtol=0.01
        )


def test_normalizing_factors_of_zero_and_what_is_not_finite_are_zero():
    gram = np.diag([4.0, 0, np.nan, np.inf, 1e-300, 1e300])
    got = gram_lib.normalizing_factors(gram, [9, 4, 4, 4, 1, 100], 2.0)
    np.testing.assert_allclose(got, [3, 0, 0, 0, 2e150, 2e-149], rtol=1e-12)


def test_factors_bring_gradients_to_their_norms():
    gradients = nested_gradients(3)
    gram = np.asarray(gram_lib.gram_matrix(gradients))
    factors = gram_lib.normalizing_factors(gram, [120, 400, 840], 0.25)
    lengths = np.linalg.norm(padded(gradients), axis=1)
    np.testing.assert_allclose(
        factors * lengths, 0.25 * np.sqrt([120, 400, 840]), rtol=1e-6
    )


def test_cosines_and_where_they_are_known():
    vectors = np.array([[3.0, 0], [0, 0], [1, 1], [-2, 0]])
    gram = vectors @ vectors.T
    values, known = gram_lib.cosines(gram)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(
        values,
        [[1, 0, half, -1], [0] * 4, [half, 0, 1, -half], [-1, 0, -half, 1]],
        atol=1e-15,
    )
    usable = np.array([True, False, True, True])
    np.testing.assert_array_equal(known, np.outer(usable, usable))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_cosines_with_what_is_not_finite_are_unknown(bad):
    gram = np.array([[4.0, bad, 2], [bad, bad, bad], [2, bad, 1]])
    values, known = gram_lib.cosines(gram)
    np.testing.assert_array_equal(values, [[1, 0, 1], [0, 0, 0], [1, 0, 1]])
    np.testing.assert_array_equal(np.asarray(known)[1], [False] * 3)
    assert np.asarray(known).sum() == 4


def test_cosines_of_any_size_are_at_most_1():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((50, 1)) * rng.standard_normal(30)
    rows *= 10.0 ** rng.uniform(-30, 30, (50, 1))
    values, known = gram_lib.cosines(rows @ rows.T)
    assert np.all(np.asarray(known))
    assert np.abs(values).max() <= 1
    np.testing.assert_allclose(np.abs(values), 1, atol=1e-12)


def test_gram_schmidt_coefficients_of_two_gradients_by_hand():
    # c = (1 - g1·g2 / g1·g1, 1) for the order 1, 2.
    gram = np.array([[4.0, 3], [3, 9]])
    np.testing.assert_allclose(
        gram_lib.gram_schmidt_coefficients(gram, [0, 1]), [1 - 3 / 4, 1]
    )
    np.testing.assert_allclose(
        gram_lib.gram_schmidt_coefficients(gram, [1, 0]), [1, 1 - 3 / 9]
    )
