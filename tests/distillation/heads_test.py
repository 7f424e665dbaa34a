"""Heads on a frozen network, whose last stage teaches them."""

import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits

FIT = {"batch_size": 16, "shuffle": False, "verbose": 0}


def _values(variables):
    return {v.path: keras.ops.convert_to_numpy(v) for v in variables}


def _taught(**changes):
    model = compiled(
        dense_net(3),
        "orthogonal",
        "adaloss",
        keras.optimizers.SGD(0.1, momentum=0.9),
        distillation=ka.distillation.FromLastStage(2.0, 1.0),
        **changes,
    )
    head = model.get_layer("stage_3")
    head.set_weights([4 * weight for weight in head.get_weights()])
    return model


@pytest.mark.slow
def test_heads_learn_the_answers_of_the_last_stage():
    x, y = digits(64)
    model = _taught()
    last = model.stage(3)
    network, wanted = _values(last.variables), last.predict(x, verbose=0)
    # Labels have no share in the losses of the heads.
    history = ka.training.fit_heads(model, x, 9 - y, epochs=30, **FIT)
    for path, value in _values(last.variables).items():
        np.testing.assert_array_equal(value, network[path])
    for k in (1, 2):
        answers = model.stage(k).predict(x, verbose=0)
        agreement = np.mean(answers.argmax(-1) == wanted.argmax(-1))
        assert agreement > 0.6, k
    losses = np.array(history.history["stage_3_loss"])
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)
    # The model keeps what it was compiled with, and trains all variables.
    before = _values(model.trainable_variables)
    model.fit(x, y, **FIT)
    for path, value in _values(model.trainable_variables).items():
        assert not np.array_equal(value, before[path]), path


def test_a_head_is_trained_as_by_a_teacher_of_its_own():
    x, y = digits(32)
    model = _taught()
    teacher = model.stage(3).predict(x, verbose=0) / 2
    alone = _taught()
    for layer in alone.stage(3).layers:
        layer.trainable = False
    student = alone.stage(1)

    def cross_entropy(y_true, y_pred):
        return 4 * keras.losses.categorical_crossentropy(
            y_true, y_pred / 2, from_logits=True
        )

    student.compile(
        keras.optimizers.SGD(0.1, momentum=0.9),
        cross_entropy,
        run_eagerly=keras.backend.backend() == "tensorflow",
    )
    soft = keras.ops.convert_to_numpy(keras.ops.softmax(teacher))
    student.fit(x, soft, epochs=2, **FIT)
    ka.training.fit_heads(model, x, y, epochs=2, **FIT)
    for ours, theirs in zip(
        model.stage(1).variables, student.variables, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_training_goes_on_with_the_same_distillation_only(tmp_path):
    x, y = digits(16)
    first = _taught()
    ka.training.fit_heads(first, x, y, epochs=1, workdir=tmp_path, **FIT)
    again = _taught()
    history = ka.training.fit_heads(
        again, x, y, epochs=1, workdir=tmp_path, **FIT
    )
    assert not history.epoch
    for ours, theirs in zip(again.weights, first.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    other = compiled(_taught(), distillation="from_last_stage")
    with pytest.raises(ValueError, match="of another training"):
        ka.training.fit_heads(other, x, y, epochs=1, workdir=tmp_path, **FIT)


def test_chance_is_that_of_the_heads():
    x, y = digits(32)
    model = _taught()
    give_up = ka.callbacks.StopAtChance(0.5, chance=1e-3)
    with pytest.raises(ka.callbacks.ChanceError, match="loss of stage 2 is"):
        ka.training.fit_heads(model, x, y, epochs=1, callbacks=[give_up], **FIT)
