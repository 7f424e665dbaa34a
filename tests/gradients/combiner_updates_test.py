"""Properties of the update of each combiner of multi-task training."""

import itertools

import numpy as np
import pytest

from keras_anytime.gradients import IMTLG
from keras_anytime.gradients import MGDA
from keras_anytime.gradients import AlignedMTL
from keras_anytime.gradients import CAGrad
from keras_anytime.gradients import DualProj
from keras_anytime.gradients import FairGrad
from keras_anytime.gradients import GradVac
from keras_anytime.gradients import NashMTL
from keras_anytime.gradients import PCGrad
from keras_anytime.gradients import UPGrad
from tests.gradients.combiner_cases import HARD
from tests.gradients.combiner_cases import NUMBERS
from tests.gradients.combiner_cases import coefficients
from tests.gradients.combiner_cases import conflicting
from tests.gradients.combiner_cases import direction
from tests.gradients.combiner_cases import make
from tests.gradients.combiner_cases import update

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize("kind", [UPGrad, DualProj])
def test_projections_conflict_with_no_gradient(kind):
    cases = [conflicting(k, seed=k) for k in NUMBERS]
    cases += [HARD[name] for name in ("a_span", "far_apart", "near_equal")]
    for vectors in cases:
        exact = update(kind(reg_eps=0), vectors)
        lengths = np.linalg.norm(vectors, axis=1)
        products = vectors @ exact / lengths
        assert products.min() > -1e-6 * np.linalg.norm(exact)
        # What the default adds to the diagonal lets through.
        weights = coefficients(kind(), vectors)
        allowed = 1e-4 * np.sum(vectors**2) * weights
        products = vectors @ (weights @ vectors)
        assert np.all(products >= -(1 + 1e-6) * allowed)


@pytest.mark.parametrize("kind", [UPGrad, DualProj])
def test_gradients_that_agree_are_averaged(kind):
    vectors = np.abs(conflicting(4))
    np.testing.assert_allclose(coefficients(kind(), vectors), 0.25)
    preferred = kind(preference=[1, 2, 0, 5])
    np.testing.assert_allclose(coefficients(preferred, vectors), [1, 2, 0, 5])


def test_small_gradients_are_projected_unless_norm_eps_says_otherwise():
    small = 1e-4 * conflicting(4)
    assert np.ptp(coefficients(UPGrad(), small)) > 0.01
    np.testing.assert_allclose(
        coefficients(UPGrad(norm_eps=1e-4), small), 0.25, rtol=1e-6
    )


def test_mgda_descends_on_every_loss():
    cases = [conflicting(k, seed=k) for k in NUMBERS]
    for vectors in cases + [HARD["a_span"], HARD["a_chain"]]:
        weights = coefficients(MGDA(), vectors)
        assert np.all(weights >= 0)
        assert weights.sum() == pytest.approx(1)
        got = weights @ vectors
        # The certificate of the least norm over convex combinations.
        size = np.linalg.norm(vectors, axis=1)
        assert np.all(vectors @ got >= got @ got - 1e-9 * size * size.min())
    assert not np.any(update(MGDA(), HARD["a_zero"]))
    assert np.linalg.norm(update(MGDA(), HARD["sum_to_zero"])) < 1e-6


@pytest.mark.parametrize("c", [0.2, 0.5, 1.5])
def test_cagrad_improves_the_worst_loss_as_far_as_the_ball_allows(c):
    for k in NUMBERS:
        vectors = conflicting(k, seed=k)
        mean = vectors.mean(axis=0)
        radius = c * np.linalg.norm(mean)
        weights = coefficients(CAGrad(c), vectors)
        got = weights @ vectors
        assert np.linalg.norm(got - mean) == pytest.approx(radius)
        # Any convex combination bounds the worst improvement from above.
        convex = (weights - 1 / k) / np.sum(weights - 1 / k)
        assert np.all(convex >= -1e-12)
        pull = convex @ vectors
        bound = mean @ pull + radius * np.linalg.norm(pull)
        assert (vectors @ got).min() == pytest.approx(
            bound, abs=1e-8 * abs(bound)
        )
    np.testing.assert_allclose(coefficients(CAGrad(0), vectors), 1 / k)
    assert not np.any(update(CAGrad(c), HARD["sum_to_zero"]))


@pytest.mark.parametrize("alpha", [0.5, 1, 2, 10])
def test_fairgrad_solves_eq_4(alpha):
    for k in NUMBERS:
        vectors = conflicting(k, seed=k)
        weights = coefficients(FairGrad(alpha), vectors)
        np.testing.assert_allclose(
            vectors @ (weights @ vectors), weights ** (-1 / alpha), rtol=1e-7
        )
    np.testing.assert_allclose(coefficients(FairGrad(0), vectors), 1 / k)


def test_nash_mtl_is_the_bargaining_solution():
    for k in NUMBERS:
        vectors = conflicting(k, seed=k)
        weights = coefficients(NashMTL(max_norm=0), vectors)
        found = weights @ vectors
        np.testing.assert_allclose(vectors @ found, 1 / weights, rtol=1e-7)
        assert np.linalg.norm(found) == pytest.approx(np.sqrt(k))
        short = coefficients(NashMTL(), vectors)
        assert np.linalg.norm(short @ vectors) == pytest.approx(1)
        np.testing.assert_allclose(direction(short), direction(weights))


def test_imtlg_has_equal_projections():
    for k in NUMBERS:
        vectors = conflicting(k, seed=k)
        weights = coefficients(IMTLG(), vectors)
        assert weights.sum() == pytest.approx(1)
        projections = vectors @ (weights @ vectors)
        projections /= np.linalg.norm(vectors, axis=1)
        np.testing.assert_allclose(projections, projections[0], rtol=1e-7)


@pytest.mark.parametrize("mode", ["min", "median", "rmse"])
def test_aligned_gradients_are_orthogonal_and_of_one_length(mode):
    vectors = conflicting(4)
    aligned = np.stack(
        [update(AlignedMTL(row, mode), vectors) for row in np.eye(4)]
    )
    values = np.linalg.eigvalsh(vectors @ vectors.T)
    square = {"min": values[0], "median": values[1], "rmse": values.mean()}
    np.testing.assert_allclose(
        aligned @ aligned.T, square[mode] * np.eye(4), atol=1e-9 * values[-1]
    )


def _surgery(vectors, orders):
    """PCGrad on the vectors themselves, as its algorithm states it."""
    changed = vectors.copy()
    for i, order in enumerate(orders):
        for j in order:
            product = changed[i] @ vectors[j]
            if j != i and product < 0:
                changed[i] -= product / (vectors[j] @ vectors[j]) * vectors[j]
    return changed.sum(axis=0)


def test_pcgrad_draws_an_order_for_every_gradient():
    vectors = conflicting(3, seed=1)
    others = [[(1, 2), (2, 1)], [(0, 2), (2, 0)], [(0, 1), (1, 0)]]
    possible = np.array(
        [_surgery(vectors, orders) for orders in itertools.product(*others)]
    )
    combiner = PCGrad(seed=5)
    combiner.ensure_built(3)
    drawn = set()
    for _ in range(30):
        errors = np.abs(possible - update(combiner, vectors)).max(axis=1)
        assert errors.min() < 1e-9
        drawn.add(int(errors.argmin()))
    distinct = np.unique(possible.round(9), axis=0)
    assert 2 <= len(drawn) <= len(distinct)


def test_the_first_step_of_gradvac_is_that_of_pcgrad():
    vectors = conflicting(5)
    np.testing.assert_allclose(
        update(make(GradVac, 5), vectors), update(make(PCGrad, 5), vectors)
    )


def test_gradvac_turns_gradients_to_their_usual_cosines():
    alike = np.array([[1.0, 0.1], [1.0, -0.1]])
    combiner = GradVac(order=[1, 2])
    for _ in range(40):
        coefficients(combiner, alike)
    cosine = direction(alike[0]) @ direction(alike[1])
    assert float(combiner.targets[0][1]) == pytest.approx(cosine, rel=1e-5)
    vectors = np.array([[1.0, 0.0], [0.0, 2.0]])
    rows = coefficients(combiner, vectors)
    # Each takes of the other what brings their cosine to `cosine`.
    tangent = cosine / np.sqrt(1 - cosine**2)
    np.testing.assert_allclose(rows, [1 + 2 * tangent, 1 + tangent / 2], 1e-4)
