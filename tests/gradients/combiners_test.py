"""Properties of all combiners of multi-task training."""

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
from tests.gradients.combiner_cases import ARGUMENTS
from tests.gradients.combiner_cases import HARD
from tests.gradients.combiner_cases import KINDS
from tests.gradients.combiner_cases import WITH_ORDER
from tests.gradients.combiner_cases import coefficients
from tests.gradients.combiner_cases import conflicting
from tests.gradients.combiner_cases import direction
from tests.gradients.combiner_cases import make
from tests.gradients.combiner_cases import update
from tests.gradients.references import flat
from tests.gradients.references import in_stages
from tests.gradients.references import nested_gradients
from tests.gradients.references import padded

pytestmark = pytest.mark.usefixtures("float64")


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
