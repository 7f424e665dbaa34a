"""Combiners of users: functions, and subclasses of `Combiner`."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_anytime import gradients as gradients_lib
from keras_anytime.gradients import Combiner
from keras_anytime.gradients import Function
from keras_anytime.gradients import Sum
from tests.gradients.references import cosines
from tests.gradients.references import flat
from tests.gradients.references import nested_gradients
from tests.gradients.references import padded
from tests.gradients.references import relative_error


def _inverse_norms(gram, sizes):
    return 1 / ops.sqrt(ops.diagonal(gram))


def _by_size(gram, sizes):
    return [1 / size for size in sizes]


def _row_sums(gram, sizes):
    return ops.sum(gram, axis=1)


# What each gives on vectors, without a Gram matrix.
FUNCTIONS = {
    _inverse_norms: lambda v, d: 1 / np.linalg.norm(v, axis=1),
    _by_size: lambda v, d: 1 / np.array(d),
    _row_sums: lambda v, d: v @ v.sum(axis=0),
}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("loss_scale", [1.0, 1024.0])
def test_a_function_gets_the_gram_matrix_without_the_loss_scale_and_sizes(
    function, loss_scale
):
    gradients = nested_gradients(3)
    scaled = [
        [
            gradient if gradient is None else gradient * np.float32(loss_scale)
            for gradient in stage
        ]
        for stage in gradients
    ]
    vectors = padded(gradients)
    want = FUNCTIONS[function](vectors, [120, 400, 840]) @ vectors
    got = flat(gradients_lib.get(function)(scaled, loss_scale))
    assert relative_error(got, loss_scale * want) < 1e-6


def test_a_functions_integers_will_do():
    combiner = Function(lambda gram, sizes: np.array([1, 0, -2]))
    gradients = nested_gradients(3)
    want = np.array([1, 0, -2]) @ padded(gradients)
    assert relative_error(flat(combiner(gradients)), want) < 1e-6


def test_what_cannot_be_called_is_refused():
    with pytest.raises(ValueError, match="function=3"):
        Function(3)


@keras.saving.register_keras_serializable("test")
class Last(Combiner):
    """A user's combiner, that is as short as it can be."""

    def coefficients(self, gram, sizes):
        return ops.one_hot(len(sizes) - 1, len(sizes), dtype=gram.dtype)


def test_a_combiner_needs_coefficients_only():
    gradients = nested_gradients(3)
    combiner = Last()
    np.testing.assert_allclose(
        flat(combiner(gradients)), padded(gradients)[-1], rtol=1e-6
    )
    np.testing.assert_allclose(
        combiner.mean_cosines(), cosines(padded(gradients)), atol=1e-6
    )
    config = keras.saving.serialize_keras_object(combiner)
    again = keras.saving.deserialize_keras_object(config)
    assert isinstance(again, Last)
    assert again.name == combiner.name


class Lazy(Combiner):
    """A user's combiner that reuses what it has computed."""

    refresh_every = 2

    def coefficients(self, gram, sizes):
        return 1 / ops.diagonal(gram)


def test_a_combiner_may_reuse_coefficients_and_need_not_know_how():
    combiner = Lazy()
    steps = [padded(nested_gradients(3, seed=seed)) for seed in range(3)]
    c = [1 / np.sum(step**2, axis=1) for step in steps]
    for seed, used in enumerate([c[0], c[0], c[2]]):
        got = flat(combiner(nested_gradients(3, seed=seed)))
        assert relative_error(got, used @ steps[seed]) < 1e-6


class Halves(Combiner):
    """A user's combiner with a call and a state of its own."""

    def build(self, input_shape):
        super().build(input_shape)
        self.calls = self.add_weight(name="calls", initializer="zeros")

    def call(self, gradients, *args):
        self.calls.assign_add(1.0)
        update = super().call(gradients, *args)
        return [
            gradient if gradient is None else gradient / 2
            for gradient in update
        ]

    def coefficients(self, gram, sizes):
        return ops.ones((len(sizes),))


def test_a_combiner_may_change_the_call():
    combiner = Halves()
    gradients = nested_gradients(2)
    for _ in range(2):
        got = flat(combiner(gradients))
    assert relative_error(got, padded(gradients).sum(axis=0) / 2) < 1e-6
    assert float(combiner.calls) == 2


def test_a_combiner_without_coefficients_says_so():
    class Nothing(Combiner):
        pass

    with pytest.raises(TypeError, match="Received: Nothing"):
        Nothing()(nested_gradients(2))


def test_a_combiner_with_a_single_backward_pass_has_no_state():
    combiner = Sum()
    combiner(nested_gradients(3))
    assert combiner.variables == []
