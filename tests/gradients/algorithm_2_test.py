"""`Orthogonal` against three other ways to state Algorithm 2 of Wan 2020."""

import numpy as np
import pytest

from keras_anytime.gradients import Orthogonal
from keras_anytime.gradients import gram as gram_lib
from tests.gradients.references import components
from tests.gradients.references import flat
from tests.gradients.references import nested_gradients
from tests.gradients.references import normalized
from tests.gradients.references import osgd
from tests.gradients.references import padded
from tests.gradients.references import relative_error
from tests.testing import sampled

pytestmark = pytest.mark.usefixtures("float64")

STAGES = sampled([2, 3, 5, 10, 25], [3, 10])


def _gradients(num_stages):
    return nested_gradients(num_stages, seed=num_stages, width=6)


def _orders(num_stages):
    """First to last, last to first, and one that is neither."""
    order = list(range(num_stages))
    shuffled = np.random.default_rng(1).permutation(num_stages)
    return [order, order[::-1], [int(gradient) for gradient in shuffled]]


@pytest.mark.parametrize("num_stages", STAGES)
def test_the_update_is_algorithm_2_in_any_order(num_stages):
    gradients = _gradients(num_stages)
    vectors = padded(gradients, np.longdouble)
    for order in _orders(num_stages):
        got = flat(Orthogonal([k + 1 for k in order])(gradients))
        assert relative_error(got, osgd(vectors, order)) < 1e-6


@pytest.mark.parametrize("num_stages", STAGES)
def test_the_update_is_that_of_a_qr_factorisation(num_stages):
    # LAPACK reflects vectors to find q; no projections are subtracted.
    gradients = _gradients(num_stages)
    vectors = padded(gradients)
    for order in _orders(num_stages):
        q, r = np.linalg.qr(vectors[order].T)
        got = flat(Orthogonal([k + 1 for k in order])(gradients))
        assert relative_error(got, q @ np.diag(r)) < 1e-6


@pytest.mark.parametrize("num_stages", STAGES)
def test_the_update_of_normalized_gradients(num_stages):
    gradients = _gradients(num_stages)
    vectors = padded(gradients, np.longdouble)
    scaled = normalized(vectors, gram_lib.sizes(gradients), scale=0.3)
    for order in _orders(num_stages):
        priority = [k + 1 for k in order]
        combiner = Orthogonal(priority, normalize=True, scale=0.3)
        assert relative_error(
            flat(combiner(gradients)), osgd(scaled, order)
        ) < (1e-6)


def _retained(gradients):
    """What is left of each gradient: what each stage adds to the update.

    The stages that come later do not change it.
    """
    updates = [
        flat(Orthogonal()(gradients[:k])) for k in range(1, len(gradients) + 1)
    ]
    return np.diff(updates, axis=0, prepend=0.0)


@pytest.mark.parametrize("num_stages", STAGES)
def test_what_is_retained_is_orthogonal_to_every_earlier_gradient(num_stages):
    # All stages have all variables: the updates of the first stages alone can
    # be subtracted from one another.
    rng = np.random.default_rng(num_stages)
    common = rng.standard_normal(2000)
    gradients = [
        [(common + rng.standard_normal(2000)).astype("float32")]
        for _ in range(num_stages)
    ]
    vectors = padded(gradients)
    retained = _retained(gradients)
    lengths = np.linalg.norm(vectors, axis=1)
    inner = retained @ vectors.T
    # Updates are in float32: their differences carry its rounding.
    assert np.all(
        np.abs(np.tril(inner, -1))
        <= 1e-5 * np.linalg.norm(retained, axis=1)[:, None] * lengths
    )
    # Before, there was much to take away.
    assert np.abs(np.corrcoef(vectors)).min() > 0.3
    # What is taken away lies in the span of the earlier gradients.
    for k in range(1, num_stages):
        taken = vectors[k] - retained[k]
        inside, *_ = np.linalg.lstsq(vectors[:k].T, taken, rcond=None)
        assert np.linalg.norm(taken - vectors[:k].T @ inside) <= (
            1e-5 * lengths[k]
        )


@pytest.mark.parametrize("num_stages", STAGES)
def test_coefficients_keep_each_component_orthogonal_in_float64(num_stages):
    vectors = padded(_gradients(num_stages))
    gram = vectors @ vectors.T
    rows = np.zeros((num_stages, num_stages))
    for k in range(1, num_stages + 1):
        first = Orthogonal().coefficients(gram[:k, :k], [1] * k)
        rows[k - 1, :k] = first
    rows = np.diff(rows, axis=0, prepend=0.0)
    np.testing.assert_allclose(np.diag(rows), 1, rtol=1e-12)
    np.testing.assert_allclose(
        rows @ vectors,
        components(vectors, range(num_stages)),
        atol=1e-11 * np.abs(vectors).max(),
    )


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("num_stages", STAGES)
def test_relabeling_stages_and_priority_alike_changes_nothing(
    num_stages, normalize
):
    gradients = _gradients(num_stages)
    priority = [k + 1 for k in _orders(num_stages)[2]]
    want = flat(Orthogonal(priority, normalize)(gradients))
    for curve in _orders(num_stages)[1:]:
        # Stage `curve[k]` is now called k.
        again = Orthogonal(
            [curve.index(stage - 1) + 1 for stage in priority], normalize
        )
        got = flat(again([gradients[k] for k in curve]))
        assert relative_error(got, want) < 1e-6
    # The stages' order does matter where the priority does not follow.
    other = flat(Orthogonal(priority[::-1], normalize)(gradients))
    assert relative_error(other, want) > 1e-2
