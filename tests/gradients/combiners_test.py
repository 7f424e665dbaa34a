"""Properties of the combiners of multi-task training."""

import itertools

import keras
import numpy as np
import pytest

from keras_anytime import gradients as gradients_lib
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
from tests.gradients.references import flat
from tests.gradients.references import in_stages
from tests.gradients.references import near_equal_gradients
from tests.gradients.references import nested_gradients
from tests.gradients.references import padded

pytestmark = pytest.mark.usefixtures("float64")

# No argument has its default value.
ARGUMENTS = {
    AlignedMTL: {
        "preference": [0.5, 0.2, 0.3],
        "scale_mode": "median",
        "refresh_every": 2,
    },
    CAGrad: {"c": 0.3, "norm_eps": 1e-6, "refresh_every": 2},
    DualProj: {
        "preference": [0.5, 0.2, 0.3],
        "reg_eps": 1e-6,
        "norm_eps": 1e-9,
        "refresh_every": 2,
    },
    FairGrad: {"alpha": 0.5, "refresh_every": 2},
    GradVac: {"beta": 0.2, "order": [3, 1, 2], "seed": 3},
    IMTLG: {"refresh_every": 2},
    MGDA: {"refresh_every": 2},
    NashMTL: {"max_norm": 0.0, "refresh_every": 2},
    PCGrad: {"order": [3, 1, 2], "seed": 3},
    UPGrad: {
        "preference": [0.5, 0.2, 0.3],
        "reg_eps": 1e-6,
        "norm_eps": 1e-9,
        "refresh_every": 2,
    },
}
KINDS = list(ARGUMENTS)
NUMBERS = (2, 4, 9)
WITH_ORDER = (GradVac, PCGrad)


def make(kind, num_gradients=None):
    """One without random draws."""
    if kind in WITH_ORDER:
        return kind(order=range(1, num_gradients + 1))
    return kind()


def coefficients(combiner, vectors):
    gram = np.asarray(vectors, "float64")
    gram = gram @ gram.T
    return np.asarray(combiner.coefficients(gram, [1] * len(gram)))


def update(combiner, vectors):
    return coefficients(combiner, vectors) @ vectors


def conflicting(num_gradients=4, seed=0):
    """Gradients at odds, of different length, with a common direction."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((num_gradients, 20))
    rows -= 0.95 * rows.mean(axis=0)
    rows[:, 0] += 0.7
    return rows * 10.0 ** rng.uniform(-1, 1, (num_gradients, 1))


def direction(vector):
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("kind", KINDS)
def test_one_made_of_its_config_does_the_same(kind):
    first = kind(**ARGUMENTS[kind], name="mine")
    config = keras.saving.serialize_keras_object(first)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is kind
    assert again.get_config() == {**ARGUMENTS[kind], "name": "mine"}
    step = nested_gradients(3, width=5)
    for _ in range(2):
        np.testing.assert_array_equal(flat(first(step)), flat(again(step)))


def test_every_combiner_has_a_name():
    named = {type(gradients_lib.get(name)) for name in gradients_lib.names()}
    assert set(KINDS) < named
    for spelling in ("IMTL-G", "Nash-MTL", "DualProj", "UPGrad"):
        assert type(gradients_lib.get(spelling)) in KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_the_place_of_a_gradient_makes_no_difference(kind):
    vectors, places = conflicting(5), [3, 0, 4, 2, 1]
    one = make(kind, 5)
    other = make(kind, 5)
    if kind in WITH_ORDER:
        other = kind(order=[places.index(k) + 1 for k in range(5)])
    np.testing.assert_allclose(
        update(one, vectors), update(other, vectors[places]), rtol=1e-7
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_is_left_out(kind, bad):
    vectors = conflicting(4)
    want = coefficients(make(kind, 3), vectors[[0, 1, 3]])
    vectors[2, 5] = bad
    got = coefficients(make(kind, 4), vectors)
    np.testing.assert_allclose(got, np.insert(want, 2, 0), rtol=1e-7)
    vectors[:] = bad
    assert not np.any(coefficients(make(kind, 4), vectors))


@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_that_is_left_alone_is_followed(kind):
    vectors = conflicting(3)
    vectors[[0, 2]] = np.nan
    got = coefficients(make(kind, 3), vectors)
    assert got[1] > 0
    assert not np.any(got[[0, 2]])


# A common factor scales the update by this power of it.
POWERS = {FairGrad: -1 / 3, NashMTL: 0}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factor", [1e-15, 1e12])
def test_a_common_factor_of_the_losses_changes_no_direction(kind, factor):
    vectors = conflicting(4)
    combiners = [make(kind, 4) for _ in range(2)]
    want = update(combiners[0], vectors) * factor ** POWERS.get(kind, 1)
    got = update(combiners[1], factor * vectors)
    assert np.linalg.norm(got - want) < 1e-7 * np.linalg.norm(want)


@pytest.mark.parametrize("kind", [IMTLG, NashMTL])
def test_the_scale_of_each_loss_changes_no_direction(kind):
    vectors = conflicting(4)
    scaled = vectors * np.array([[1e-4], [1.0], [30.0], [1e5]])
    one, other = (update(kind(), rows) for rows in (vectors, scaled))
    np.testing.assert_allclose(direction(one), direction(other), atol=1e-6)


HARD = {
    **{f"size_{size}": size * conflicting(3) for size in (1e-18, 1e18)},
    "zeros": np.zeros((3, 4)),
    "a_zero": np.diag([1.0, 0.0, 2.0]),
    "parallel": np.outer([1.0, 3.0, 7e5, 1e-6], np.arange(5.0)),
    "opposed": np.outer([1.0, -1.0], np.arange(5.0)),
    "opposed_of_others": np.vstack([np.eye(3), [[-1.0, 0, 0], [0, -3.0, 0]]]),
    "sum_to_zero": np.array([[1.0, 0], [-0.5, 0.8], [-0.5, -0.8]]),
    "a_span": np.array([[1.0, 0, 0], [0, 1, 0], [3, -7, 0], [1, 1, 1]]),
    "a_chain": np.array(
        [
            [1, 0, 0, 0],
            [7, 2.0**-18, 0, 0],
            [0, 1, 3 * 2.0**-18, 0],
            [0, 0, 1, 0],
        ]
    ),
    "near_equal": near_equal_gradients(5, 1e-7),
    "equal": near_equal_gradients(5, 0),
    "far_apart": conflicting(4) * np.array([[1e-18], [1], [1e-9], [1e17]]),
    "single": np.array([[1.0, 2.0]]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_updates_of_hard_cases_are_finite(kind):
    for name, vectors in HARD.items():
        combiner = make(kind, len(vectors))
        # The second call of GradVac has averages.
        for _ in range(2 if kind is GradVac else 1):
            got = flat(combiner(in_stages(vectors.astype("float32"))))
            assert np.all(np.isfinite(got)), name
        if name == "zeros":
            assert not np.any(got)


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


@pytest.mark.parametrize("kind", WITH_ORDER)
def test_state_is_saved_and_loaded(kind):
    first, again = kind(), kind()
    step = nested_gradients(4, width=5)
    for _ in range(3):
        first(step)
    again.ensure_built(4)
    store = {}
    first.save_own_variables(store)
    again.load_own_variables(store)
    for _ in range(4):
        np.testing.assert_array_equal(flat(first(step)), flat(again(step)))


@pytest.mark.parametrize(
    ("kind", "argument", "values"),
    [
        *(
            (kind, "preference", ([1, -1], [0, 0]))
            for kind in (UPGrad, DualProj)
        ),
        (AlignedMTL, "scale_mode", ("max",)),
        (CAGrad, "c", (-1, float("inf"))),
        (CAGrad, "norm_eps", (-1,)),
        (UPGrad, "reg_eps", (-1, float("nan"))),
        (DualProj, "norm_eps", (-1,)),
        (FairGrad, "alpha", (-1, 0.01, float("inf"))),
        (NashMTL, "max_norm", (-1, float("nan"))),
        (GradVac, "beta", (-1, 1.5)),
        (PCGrad, "order", ([1, 1], [0, 1])),
        (PCGrad, "seed", (-1, "x")),
        (MGDA, "refresh_every", (0, 1.5)),
    ],
)
def test_arguments_out_of_range_are_refused(kind, argument, values):
    for value in values:
        with pytest.raises(ValueError, match=f"Received: {argument}="):
            kind(**{argument: value})


def test_arguments_must_fit_the_number_of_stages():
    with pytest.raises(ValueError, match="each of the 3 stages"):
        UPGrad(preference=[1, 2]).build((3,))
    with pytest.raises(ValueError, match="stages 1 to 3"):
        PCGrad(order=[2, 1]).build((3,))


@pytest.mark.slow
@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="JAX always compiles"
)
@pytest.mark.parametrize("kind", KINDS)
def test_xla_gives_the_same_coefficients(kind):
    tf = pytest.importorskip("tensorflow")
    vectors = conflicting(4)
    want = coefficients(make(kind, 4), vectors)
    combiner = make(kind, 4)
    combiner.ensure_built(4)
    compiled = tf.function(
        lambda gram: combiner.coefficients(gram, [1] * 4), jit_compile=True
    )
    got = compiled(tf.constant(vectors @ vectors.T))
    # XLA's eigenvalues on CPUs have six digits.
    np.testing.assert_allclose(got, want, rtol=1e-4)


@pytest.mark.parametrize("kind", [MGDA, NashMTL, UPGrad])
def test_gradients_of_stages_with_gaps(kind):
    step = nested_gradients(4, width=5)
    vectors = padded(step)
    got = flat(make(kind, 4)(step))
    np.testing.assert_allclose(got, update(make(kind, 4), vectors), atol=1e-4)
