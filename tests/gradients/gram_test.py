import numpy as np

from keras_anytime.gradients import gram as gram_lib
from tests.gradients.references import nested_gradients
from tests.gradients.references import padded


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
