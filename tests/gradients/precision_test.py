"""Compares the update with Algorithm 2 in 80-bit floats.

What a combiner adds to the rounding of its float32 gradients is the rounding
of the sum Σ c_i g_i: half a unit in the last place for each coefficient, each
product and each addition. Coefficients come from inner products in float64,
whose own rounding is next to nothing.
"""

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.gradients import Orthogonal
from keras_anytime.gradients import gram as gram_lib
from tests.gradients.references import components
from tests.gradients.references import flat
from tests.gradients.references import in_stages
from tests.gradients.references import near_equal_gradients
from tests.gradients.references import normalized
from tests.gradients.references import osgd
from tests.gradients.references import padded
from tests.gradients.references import relative_error
from tests.gradients.tapes import stage_gradients
from tests.gradients.tapes import trained
from tests.testing import digits
from tests.testing import sampled
from tests.testing import tiny_net

pytestmark = pytest.mark.usefixtures("float64")

NETWORKS = {
    "3 stages": tiny_net,
    "25 stages": lambda: ka.nets.res_ann(
        (8, 8, 1), 10, units=(9, 8, 8), filters=(4, 8, 16)
    ),
}


@pytest.fixture(
    scope="module", params=sampled(list(NETWORKS), ["3 stages"]), name="real"
)
def _real(request):
    """The stage gradients of a network that has begun to learn."""
    model = NETWORKS[request.param]()
    x, y = digits(32)
    _, first = stage_gradients(model, x, y)
    trained(model, x, y, steps=5, rate=0.2)
    gradients, losses = stage_gradients(model, x, y)
    assert np.mean(losses) < 0.95 * np.mean(first)
    return gradients


def test_the_update_of_a_real_network(real):
    vectors = padded(real, np.longdouble)
    want = osgd(vectors, range(len(real)))
    assert relative_error(flat(Orthogonal()(real)), want) < 1e-6
    # There was something to project.
    assert relative_error(vectors.sum(axis=0), want) > 0.01


def test_the_normalized_update_of_a_real_network(real):
    sizes = gram_lib.sizes(real)
    vectors = normalized(padded(real, np.longdouble), sizes)
    order = range(len(real))[::-1]
    combiner = Orthogonal([k + 1 for k in order], normalize=True)
    assert relative_error(flat(combiner(real)), osgd(vectors, order)) < 1e-6


def test_the_gram_matrix_of_a_real_network(real):
    vectors = padded(real, np.longdouble)
    lengths = np.sqrt(np.sum(vectors**2, axis=1))
    difference = np.asarray(gram_lib.gram_matrix(real)) - vectors @ vectors.T
    assert np.abs(difference / np.outer(lengths, lengths)).max() < 1e-14


@pytest.mark.parametrize("noise", [1e-2, 1e-3, 1e-4, 1e-5])
def test_near_equal_gradients_of_25_stages(noise):
    rows = near_equal_gradients(25, noise)
    exact = rows.astype(np.longdouble)
    want = osgd(exact, range(25))
    error = relative_error(flat(Orthogonal()(in_stages(rows))), want)
    # Rounding 25 coefficients, products and sums, as in any order of
    # summation: at most (25 + 2) / 2 units of each term. Terms add up to
    # about 18 times the update, so that this is 3e-5; rounding is not all to
    # one side, and 1e-5 is three times as strict.
    gram = exact @ exact.T
    c = np.asarray(Orthogonal().coefficients(gram.astype("float64"), [1] * 25))
    terms = np.abs(c) * np.sqrt(np.diag(gram)) / np.sqrt(want @ want)
    assert error < 1e-5 < 27 * 2.0**-24 * terms.sum()
    # The paper's lines in float32 lose what the stages differ in: a stage's
    # own part is `noise` of its gradient, and rounding 1e-7 of it, 24 times.
    literal = relative_error(osgd(rows, range(25)), want)
    assert literal > 100 * error
    assert literal > 1e-4


@pytest.mark.parametrize(
    ("noise", "ours", "literal"), [(1e-2, 1e-10, 5e-4), (1e-3, 1e-8, 0.05)]
)
def test_what_the_last_of_25_near_equal_stages_adds(noise, ours, literal):
    # In the update, the part that all share hides errors in what later stages
    # add. Taken alone, this is decided by inner products in float64.
    rows = near_equal_gradients(25, noise)
    exact = rows.astype("float64")
    gram = exact @ exact.T
    updates = [
        np.asarray(Orthogonal().coefficients(gram[:k, :k], [1] * k)) @ exact[:k]
        for k in (24, 25)
    ]
    want = components(rows.astype(np.longdouble), range(25))[-1]
    assert relative_error(updates[1] - updates[0], want) < ours
    # In float32 the stages' own parts are not orthogonal by far.
    assert relative_error(components(rows, range(25))[-1], want) > literal


@pytest.mark.parametrize("noise", [1e-2, 1e-3, 1e-4])
def test_errors_are_those_that_rounding_the_inputs_makes(noise):
    # Stage 3 wants what stages 1 and 2 differ in, so that its projection needs
    # coefficients of 1 / noise. Nothing can be more exact than the inputs: one
    # unit more or less in the last place of them makes a larger difference.
    rng = np.random.default_rng(0)
    common, third = rng.standard_normal((2, 2000))
    given = np.stack([common, common + noise * third, third])
    rows = given.astype("float32")
    want = osgd(rows.astype(np.longdouble), range(3))
    error = relative_error(flat(Orthogonal()(in_stages(rows))), want)
    unrounded = osgd(given.astype(np.longdouble), range(3))
    assert error < 3 * relative_error(unrounded, want)
    assert error < 3e-7 / noise
