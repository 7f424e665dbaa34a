import keras
import numpy as np
import pytest

from keras_anytime import gradients
from keras_anytime.gradients import Combiner
from keras_anytime.gradients import Normalized
from keras_anytime.gradients import Orthogonal
from keras_anytime.gradients import Sum
from tests.callbacks.nets import dense_net
from tests.gradients.references import flat
from tests.gradients.references import nested_gradients
from tests.gradients.references import padded
from tests.testing import compiled
from tests.testing import tiny_net


def test_the_weighted_sum_of_the_losses_is_equation_1():
    losses, weights = np.array([3.0, 2.0, 1.0]), np.array([1.0, 2.0, 5.0])
    total = 3 * 1 + 2 * 2 + 1 * 5
    mean = losses @ np.array(Sum().loss_coefficients(weights))
    assert mean == pytest.approx(total / 8)
    assert losses @ np.array(Sum("sum").loss_coefficients(weights)) == total


@pytest.mark.parametrize(("reduction", "share"), [("mean", 1 / 3), ("sum", 1)])
def test_combining_gradients_is_their_mean_or_sum(reduction, share):
    given = nested_gradients(3)
    np.testing.assert_allclose(
        flat(Sum(reduction)(given)),
        share * padded(given).sum(axis=0),
        rtol=1e-4,
        atol=1e-5,
    )


def test_a_variable_without_any_gradient_has_none():
    given = [[np.ones(2, "float32"), None], [np.ones(2, "float32"), None]]
    first, second = Orthogonal()(given)
    assert second is None
    assert first.shape == (2,)


@keras.saving.register_keras_serializable("test")
def half_of_the_first(gram, sizes):
    return 0.5 * keras.ops.one_hot(0, len(sizes), dtype=gram.dtype)


def test_a_function_of_the_gram_matrix():
    given = nested_gradients(3)
    combiner = gradients.get(half_of_the_first)
    config = keras.saving.serialize_keras_object(combiner)
    for gradient in (combiner, keras.saving.deserialize_keras_object(config)):
        np.testing.assert_allclose(
            flat(gradient(given)), 0.5 * padded(given)[0], atol=1e-6
        )


def test_a_function_must_give_one_coefficient_per_stage():
    combiner = gradients.get(lambda gram, sizes: gram[0, :2])
    with pytest.raises(ValueError, match="Expected 3 coefficients"):
        combiner(nested_gradients(3))


def test_combiners_by_name():
    assert isinstance(gradients.get(None), Sum)
    assert isinstance(gradients.get("Orthogonal"), Orthogonal)
    for name in gradients.names():
        assert isinstance(gradients.get(name), Combiner)
    with pytest.raises(ValueError, match="median"):
        Sum("median")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("osgd", Orthogonal),
        ("OSGD", Orthogonal),
        ("sgd", Sum),
        ("NormSGD", Normalized),
        ("norm-sgd", Normalized),
        ("SGD_Norm", Normalized),
    ],
)
def test_names_of_the_paper_are_combiners_with_its_defaults(name, kind):
    found = gradients.get(name)
    assert type(found) is kind
    assert {**found.get_config(), "name": ""} == {
        **kind().get_config(),
        "name": "",
    }
    model = compiled(dense_net(), gradients=name)
    assert type(model.gradient_combiner) is kind


def test_a_name_takes_arguments_instead_of_the_defaults():
    for name in ("OSGD-Norm", "osgdnorm"):
        found = gradients.get(name, scale=0.25)
        assert (found.normalize, found.scale) == (True, 0.25)
    assert gradients.get("sum", reduction="sum").reduction == "sum"
    for name, wrong in (("osgd", {"sum": 1}), ("normsgd", {"scale": "big"})):
        with pytest.raises(ValueError, match="takes .*Received: gradients"):
            gradients.get(name, **wrong)
    for none in (None, Sum(), half_of_the_first):
        with pytest.raises(ValueError, match="given by its name"):
            gradients.get(none, scale=1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("greedy", "fit_greedy"),
        ("Greedy", "fit_greedy"),
        ("ortogonal", "Did you mean 'orthogonal'"),
        ("nope", "'aligned_mtl', .*'orthogonal', .*'NormSGD', 'OSGD'"),
        (3, "Received: gradients=3"),
        (Sum, "Received: gradients="),
    ],
)
def test_what_is_no_combiner_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        gradients.get(wrong)
    with pytest.raises(ValueError, match=message):
        compiled(tiny_net(), gradients=wrong)
