"""`Orthogonal(refresh_every=n)`: coefficients that serve several steps."""

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.gradients import Orthogonal
from tests.callbacks.nets import dense_net
from tests.gradients.references import flat
from tests.gradients.references import nested_gradients
from tests.gradients.references import osgd
from tests.gradients.references import padded
from tests.gradients.references import relative_error
from tests.gradients.tapes import move
from tests.gradients.tapes import penalty_gradient
from tests.gradients.tapes import stage_gradients
from tests.testing import compiled
from tests.testing import digits
from tests.testing import scramble
from tests.testing import tiny_net


def _coefficients(vectors, order=(0, 1, 2)):
    """The c with which Σ c_i g_i is the update of Algorithm 2."""
    c, *_ = np.linalg.lstsq(vectors.T, osgd(vectors, order), rcond=None)
    return c


def _steps(count):
    return [nested_gradients(3, seed=seed, width=5) for seed in range(count)]


@pytest.mark.parametrize("every", [2, 4])
def test_steps_in_between_use_the_last_coefficients(every):
    combiner = Orthogonal(refresh_every=every)
    for index, step in enumerate(_steps(2 * every + 1)):
        vectors = padded(step)
        if index % every == 0:
            c = _coefficients(vectors)
        got = flat(combiner(step))
        assert relative_error(got, c @ vectors) < 1e-6
        # Coefficients of its own would make another update.
        if index % every:
            assert relative_error(got, osgd(vectors, range(3))) > 0.01
        assert int(combiner.age) == (index + 1) % every
        np.testing.assert_allclose(combiner.last_coefficients, c, rtol=1e-6)


def test_normalized_coefficients_are_reused_as_they_are():
    combiner = Orthogonal([2, 3, 1], True, scale=0.3, refresh_every=2)
    first, second = _steps(2)
    c = np.linalg.lstsq(
        padded(first).T,
        flat(Orthogonal([2, 3, 1], True, scale=0.3)(first)),
        rcond=None,
    )[0]
    combiner(first)
    assert relative_error(flat(combiner(second)), c @ padded(second)) < 1e-5


def test_the_loss_scale_may_change_in_between():
    # The coefficients are those of gradients without it.
    combiner = Orthogonal(normalize=True, refresh_every=3)
    plain = Orthogonal(normalize=True, refresh_every=3)
    for step, scale in zip(_steps(3), (1024.0, 0.125, 8.0), strict=True):
        scaled = [
            [
                gradient if gradient is None else gradient * np.float32(scale)
                for gradient in stage
            ]
            for stage in step
        ]
        got = flat(combiner(scaled, scale)) / scale
        assert relative_error(got, flat(plain(step))) < 1e-6


def test_gradients_that_are_weighted_already_are_summed():
    combiner = Orthogonal(refresh_every=2)
    first, second = _steps(2)
    got = flat(combiner(first, already_combined=True))
    assert relative_error(got, osgd(padded(first), range(3))) < 1e-6
    got = flat(combiner(second, already_combined=True))
    assert relative_error(got, padded(second).sum(axis=0)) < 1e-6


def test_every_step_alone_needs_no_such_state():
    every, some = Orthogonal(), Orthogonal(refresh_every=2)
    for combiner in (every, some):
        combiner.build((3,))
    names = {variable.name for variable in every.variables}
    assert names == {"cosine_sums", "cosine_counts"}
    assert {variable.name for variable in some.variables} == {
        *names,
        "last_coefficients",
        "last_weights",
        "age",
    }
    assert bool(some.should_refresh())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_refresh_with_a_stage_that_is_not_finite_is_due_again(bad):
    combiner = Orthogonal(refresh_every=3)
    steps = _steps(6)
    vectors = [padded(step) for step in steps]
    for index in (0, 1):
        steps[index][1][0][0, 0] = bad
        got = flat(combiner(steps[index]))
        assert relative_error(got, osgd(vectors[index], [0, 2])) < 1e-6
        assert bool(combiner.should_refresh())
        np.testing.assert_array_equal(combiner.last_coefficients, [0, 0, 0])
    c = _coefficients(vectors[2])
    for index in (2, 3, 4):
        got = flat(combiner(steps[index]))
        assert relative_error(got, c @ vectors[index]) < 1e-6
    got = flat(combiner(steps[5]))
    assert relative_error(got, osgd(vectors[5], range(3))) < 1e-6


def test_a_later_refresh_that_fails_keeps_the_coefficients_for_none():
    combiner = Orthogonal(refresh_every=2)
    steps = _steps(4)
    vectors = [padded(step) for step in steps]
    steps[2][0][0][0, 0] = np.nan
    updates = [flat(combiner(step)) for step in steps]
    assert relative_error(updates[2], osgd(vectors[2], [1, 2])) < 1e-6
    assert relative_error(updates[3], osgd(vectors[3], range(3))) < 1e-6


class Counting(Orthogonal):
    """Counts in Python: in a traced step, how often it is traced."""

    count = 0

    def coefficients(self, gram, sizes):
        self.count += 1
        return super().coefficients(gram, sizes)


@pytest.mark.parametrize(
    "eager", [pytest.param(False, marks=pytest.mark.slow), True]
)
def test_steps_of_training(eager):
    weights, rate, every = [1.0, 2.0, 0.5], 0.05, 3
    combiner = Counting([2, 3, 1], refresh_every=every)
    model = compiled(
        scramble(tiny_net(l2=0.01)),
        combiner,
        ka.weighting.Constant(weights),
        keras.optimizers.SGD(rate),
        run_eagerly=eager,
    )

    def train(images, labels):
        # Keras traces what `train_on_batch` runs twice.
        if eager:
            model.train_on_batch(images, labels)
        else:
            model.fit(images, labels, verbose=0)

    x, y = digits(80)
    for index in range(5):
        here = slice(16 * index, 16 * index + 16)
        gradients, _ = stage_gradients(model, x[here], y[here], weights)
        vectors = padded(gradients)
        if index % every == 0:
            c = _coefficients(vectors, [1, 2, 0])
        want = c @ vectors + penalty_gradient(model)
        got = move(model, lambda i=here: train(x[i], y[i]))
        assert relative_error(got / rate, want) < 1e-4
        np.testing.assert_allclose(
            combiner.last_coefficients, c, rtol=1e-3, atol=1e-4
        )
    # Traced once; or computed in steps 1 and 4 of 5 only, where a step may
    # branch: on JAX it does on accelerators alone.
    steps = 5 if keras.backend.backend() == "jax" else 2
    assert combiner.count == (steps if eager else 1)


def test_the_first_step_is_that_of_every_step_alone():
    x, y = digits(16)
    updates = []
    for every in (1, 4):
        model = compiled(
            scramble(tiny_net(l2=0.01)),
            Orthogonal(refresh_every=every),
            optimizer=keras.optimizers.SGD(1.0),
            run_eagerly=True,
        )
        updates.append(move(model, lambda m=model: m.train_on_batch(x, y)))
    np.testing.assert_array_equal(*updates)


def test_training_refreshes_again_after_a_stage_has_failed():
    x, y = digits(16)
    combiner = Orthogonal(refresh_every=4)
    model = compiled(
        dense_net(3), combiner, optimizer=keras.optimizers.SGD(0.5)
    )
    head = model.get_layer("stage_2")
    kernel, bias = head.get_weights()
    head.set_weights([kernel, bias * np.nan])
    model.train_on_batch(x, y)
    assert bool(combiner.should_refresh())
    head.set_weights([kernel, bias])
    c = _coefficients(padded(stage_gradients(model, x, y)[0]))
    for _ in range(2):
        want = c @ padded(stage_gradients(model, x, y)[0])
        got = move(model, lambda: model.train_on_batch(x, y))
        assert relative_error(got / 0.5, want) < 1e-4


def test_training_goes_on_from_a_file_with_the_last_coefficients(tmp_path):
    x, y = digits(60)
    options = {"batch_size": 12, "shuffle": False, "verbose": 0}
    model = compiled(
        dense_net(3),
        Orthogonal(refresh_every=4),
        "adaloss",
        keras.optimizers.Adam(0.01),
    )
    model.fit(x[:36], y[:36], **options)
    model.save(tmp_path / "model.keras")
    again = ka.load_model(tmp_path / "model.keras")
    assert again.gradient_combiner.refresh_every == 4
    assert int(again.gradient_combiner.age) == 3
    assert np.abs(again.gradient_combiner.last_coefficients).min() > 0
    np.testing.assert_array_equal(
        again.gradient_combiner.last_coefficients,
        model.gradient_combiner.last_coefficients,
    )
    # One step with the coefficients from the file, then a refresh.
    for gradient in (model, again):
        gradient.fit(x, y, **options)
    assert int(again.gradient_combiner.age) == 0
    for ours, theirs in zip(
        [*model.variables, *model.optimizer.variables],
        [*again.variables, *again.optimizer.variables],
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_steps_in_between_hold_the_weights_of_the_last_refresh():
    # Else what another weighting amplifies would not be orthogonal.
    combiner = Orthogonal(refresh_every=3)
    combiner.build((2,))
    gradients = [[np.ones(4, "float32")], [np.ones(4, "float32")]]
    given = np.float32([[1, 0.5], [0.5, 1], [2, 3], [4, 5], [6, 7]])
    held = []
    for weights in given:
        held.append(np.array(combiner.weights_for_step(weights)))
        combiner(gradients)
    np.testing.assert_array_equal(held, given[[0, 0, 0, 3, 3]])
    np.testing.assert_array_equal(
        Orthogonal().weights_for_step(given[1]), given[1]
    )
