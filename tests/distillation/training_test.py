"""Training with a distillation, against gradients with a constant teacher."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_anytime as ka
from tests import autodiff
from tests.callbacks.nets import dense_net
from tests.distillation import references
from tests.gradients.references import osgd
from tests.gradients.references import padded
from tests.gradients.references import relative_error
from tests.gradients.tapes import move
from tests.testing import compiled
from tests.testing import digits
from tests.testing import hierarchical_digits
from tests.testing import hierarchical_net
from tests.testing import sampled
from tests.testing import tiny_net

TEMPERATURE, WEIGHT = 2.0, 0.4


def _from_last():
    return ka.distillation.FromLastStage(TEMPERATURE, WEIGHT)


def _teaching(model, factor=4):
    """Makes the teacher's answers differ much from the students'."""
    head = model.get_layer(f"stage_{model.num_stages}")
    head.set_weights([factor * weight for weight in head.get_weights()])
    return model


def _reference(model, x, y):
    """Losses and gradients of all stages; the teacher is an array."""
    teacher = ops.convert_to_numpy(model(x)[-1])
    soft = ops.softmax(ops.array(teacher) / TEMPERATURE)

    def losses():
        *students, last = model(x)
        of_labels = [
            ops.mean(
                keras.losses.sparse_categorical_crossentropy(
                    y, logits, from_logits=True
                )
            )
            for logits in [*students, last]
        ]
        # The cross entropy has the gradient of the divergence.
        crosses = [
            -ops.mean(ops.sum(soft * ops.log_softmax(z / TEMPERATURE), -1))
            for z in students
        ]
        mixed = [
            (1 - WEIGHT) * own + WEIGHT * TEMPERATURE**2 * cross
            for own, cross in zip(of_labels, crosses, strict=False)
        ]
        return [*mixed, of_labels[-1]]

    return autodiff.gradients(losses, model.trainable_variables)[1]


def _step(model, x, y):
    return move(model, lambda: model.fit(x, y, batch_size=len(x), verbose=0))


@pytest.mark.parametrize("gradients", ["sum", "orthogonal"])
def test_a_step_has_the_gradients_of_a_constant_teacher(gradients):
    model = _teaching(dense_net(3))
    x, y = digits(32)
    vectors = padded(_reference(model, x, y))
    want = (
        vectors.mean(axis=0) if gradients == "sum" else osgd(vectors, range(3))
    )
    compiled(
        model,
        gradients,
        optimizer=keras.optimizers.SGD(1.0),
        distillation=_from_last(),
    )
    assert relative_error(_step(model, x, y), want) < 1e-4


class _Attached(ka.distillation.Distillation):
    """Returns its teachers as they come, and the sum of all for the last."""

    def teachers(self, outputs):
        return [outputs[-1], outputs[-1], sum(outputs)]

    def divergence(self, teacher, student, task):
        return ka.distillation.soft_divergence(teacher, student, task)


@pytest.mark.parametrize(
    ("gradients", "stage"),
    sampled(
        [("sum", 1), ("sum", 2), ("orthogonal", 1), ("orthogonal", 2)],
        [("sum", 2), ("orthogonal", 1)],
    ),
)
def test_a_stage_moves_nothing_outside_of_its_subnetwork(gradients, stage):
    model = _teaching(dense_net(3))
    weights = [float(k == stage) for k in (1, 2, 3)]
    compiled(
        model,
        gradients,
        ka.weighting.Constant(weights),
        distillation=_Attached(),
    )
    before = {v.path: np.array(v) for v in model.trainable_variables}
    x, y = digits(16)
    model.fit(x, y, verbose=0)
    moved = {
        variable.path
        for variable in model.trainable_variables
        if not np.array_equal(np.array(variable), before[variable.path])
    }
    assert moved == {variable.path for variable in model.stage_variables(stage)}


def test_logs_show_labels_and_the_weighting_sees_what_is_trained():
    x, y = digits(32)
    seen = {}
    for name, distillation in (("plain", None), ("taught", _from_last())):
        model = compiled(
            _teaching(dense_net(3)),
            "orthogonal",
            ka.weighting.AdaLoss(momentum=0.0),
            keras.optimizers.SGD(0.0),
            distillation=distillation,
        )
        logs = model.fit(
            x, y, batch_size=32, verbose=0, validation_data=(x, y)
        ).history
        for k in (1, 2, 3):
            np.testing.assert_allclose(
                logs[f"stage_{k}_loss"], logs[f"val_stage_{k}_loss"], rtol=1e-5
            )
        seen[name] = np.array(model.weighting.means), logs
    (plain, plain_logs), (taught, taught_logs) = seen.values()
    np.testing.assert_allclose(plain_logs["loss"], taught_logs["loss"])
    outputs = [ops.convert_to_numpy(z) for z in model(x)]
    for k in (0, 1):
        mean = np.mean(
            references.divergence(
                outputs[2], outputs[k], "classification", TEMPERATURE
            )
        )
        want = (1 - WEIGHT) * plain[k] + WEIGHT * mean
        np.testing.assert_allclose(taught[k], want, rtol=1e-5)
    np.testing.assert_allclose(taught[2], plain[2], rtol=1e-6)
    np.testing.assert_allclose(
        model.mean_trained_losses.result(), taught, rtol=1e-6
    )


def test_it_is_saved_with_the_model(tmp_path):
    # `tests/conformance` trains loaded models further.
    model = compiled(dense_net(3), distillation=_from_last())
    model.save(tmp_path / "model.keras")
    taught = ka.load_model(tmp_path / "model.keras").distillation
    assert isinstance(taught, ka.distillation.FromLastStage)
    assert taught.get_config() == _from_last().get_config()
    assert model.compile_arguments["distillation"] is model.distillation


def test_each_label_set_has_its_own_teacher():
    x, y = hierarchical_digits(32)
    model = hierarchical_net()
    outputs = [ops.convert_to_numpy(z) for z in model(x)]
    compiled(
        model,
        weighting=ka.weighting.AdaLoss(momentum=0.0),
        optimizer=keras.optimizers.SGD(0.0),
        distillation=_from_last(),
    )
    logs = model.fit(x, y, batch_size=32, verbose=0).history
    for k in (0, 1):
        means = [
            np.mean(
                references.divergence(
                    outputs[4 + index],
                    outputs[2 * k + index],
                    "classification",
                    TEMPERATURE,
                )
            )
            for index in (0, 1)
        ]
        want = (1 - WEIGHT) * logs[f"stage_{k + 1}_loss"][0]
        np.testing.assert_allclose(
            np.array(model.weighting.means)[k],
            want + WEIGHT * sum(means),
            rtol=1e-5,
        )


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_it_trains_in_16_bits_as_in_32(policy):
    x, y = digits(32)
    moves = []
    for entry in ("float32", policy):
        keras.config.set_dtype_policy(entry)
        try:
            model = _teaching(tiny_net("w1-w2"))
        finally:
            keras.config.set_dtype_policy("float32")
        compiled(model, "orthogonal", distillation=_from_last())
        moves.append(_step(model, x, y))
    exact, mixed = moves
    assert np.linalg.norm(mixed - exact) < 0.1 * np.linalg.norm(exact)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings", [{"steps_per_execution": 2}, {"jit_compile": True}]
)
def test_ways_of_execution_give_the_same_weights(settings):
    x, y = digits(32)
    models = [
        compiled(
            _teaching(dense_net(3)),
            "orthogonal",
            "adaloss",
            distillation=_from_last(),
            **kwargs,
        )
        for kwargs in ({"run_eagerly": True}, settings)
    ]
    for model in models:
        model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    for ours, theirs in zip(*(m.weights for m in models), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_gradients_may_be_accumulated():
    x, y = digits(32)
    moves = []
    for batch_size, accumulated in ((32, None), (16, 2)):
        model = compiled(
            _teaching(dense_net(3)),
            "sum",
            optimizer=keras.optimizers.SGD(
                0.1, gradient_accumulation_steps=accumulated
            ),
            distillation=_from_last(),
        )
        fit = {"batch_size": batch_size, "shuffle": False, "verbose": 0}
        moves.append(move(model, lambda m=model, f=fit: m.fit(x, y, **f)))
    np.testing.assert_allclose(*moves, rtol=1e-4, atol=1e-6)
