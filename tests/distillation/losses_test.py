"""Compares the losses that stages train with, of every task, with NumPy."""

import itertools

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.training.distilled_losses import distilled_losses
from keras_anytime.training.output_losses import output_losses
from tests.distillation import references
from tests.distillation.references import TASKS
from tests.distillation.references import loss_of
from tests.distillation.references import outputs_of

NAMES = ["stage_1", "stage_2", "stage_3"]
WEIGHTS = np.array([0.5, 2.0, 0.25], "float32")


def _losses(name, distillation, loss, outputs, weights=None):
    task, _, labels = TASKS[name]
    of_labels = output_losses(loss, labels, outputs, NAMES, weights)
    mixed = distilled_losses(
        distillation,
        of_labels,
        outputs,
        loss=loss,
        tasks={None: task},
        names=NAMES,
        sample_weight=weights,
    )
    return [
        np.array([float(value) for value in values])
        for values in (of_labels, mixed)
    ]


@pytest.mark.parametrize(
    ("name", "reduction", "weights"),
    [
        (name, reduction, weights)
        for name, reduction, weights in itertools.product(
            TASKS,
            ("sum_over_batch_size", "sum", "mean_with_sample_weight"),
            (None, WEIGHTS),
        )
    ],
)
def test_the_last_stage_teaches_the_others(name, reduction, weights):
    outputs = list(map(keras.ops.convert_to_tensor, outputs_of(name, 3)))
    distillation = ka.distillation.FromLastStage(temperature=2.0, weight=0.3)
    loss = loss_of(name, reduction=reduction)
    of_labels, mixed = _losses(name, distillation, loss, outputs, weights)
    *students, teacher = map(keras.ops.convert_to_numpy, outputs)
    for k, student in enumerate(students):
        values = references.divergence(teacher, student, name, 2.0)
        of_examples = np.ones(3) if weights is None else weights
        of_values = np.broadcast_to(
            of_examples.reshape(-1, *[1] * (values.ndim - 1)), values.shape
        )
        total = np.sum(of_values * values)
        if reduction == "sum_over_batch_size":
            total /= values.size
        elif reduction == "mean_with_sample_weight":
            total /= of_values.sum()
        np.testing.assert_allclose(
            mixed[k], 0.7 * of_labels[k] + 0.3 * total, rtol=1e-5
        )
    assert mixed[2] == of_labels[2]


def test_positions_may_have_weights_of_their_own():
    outputs = list(
        map(keras.ops.convert_to_tensor, outputs_of("segmentation", 3))
    )
    distillation = ka.distillation.FromLastStage(weight=1.0)
    loss = loss_of("segmentation")
    by_example = _losses("segmentation", distillation, loss, outputs, WEIGHTS)
    everywhere = np.broadcast_to(WEIGHTS[:, None, None], (3, 2, 2))
    by_position = _losses(
        "segmentation", distillation, loss, outputs, everywhere
    )
    np.testing.assert_allclose(by_example, by_position, rtol=1e-6)
    with pytest.raises(ValueError, match="one weight per image or one per pos"):
        _losses("segmentation", distillation, loss, outputs, everywhere[:, 0])


class _FromNext(ka.distillation.Distillation):
    """A user's own: each stage learns from the next, by squares."""

    def teachers(self, outputs):
        return [*outputs[1:], None]

    def divergence(self, teacher, student, task):
        return keras.ops.mean((teacher - student) ** 2, axis=-1)


def test_a_user_chooses_teachers_and_divergence():
    outputs = outputs_of("classification", 3)
    of_labels, mixed = _losses(
        "classification",
        _FromNext(0.25),
        loss_of("classification"),
        list(map(keras.ops.convert_to_tensor, outputs)),
    )
    squares = ((outputs[1:] - outputs[:-1]) ** 2).mean(axis=(1, 2))
    want = 0.75 * of_labels[:2] + 0.25 * squares
    np.testing.assert_allclose(mixed, [*want, of_labels[2]], rtol=1e-5)


@pytest.mark.parametrize(
    ("method", "result", "message"),
    [
        ("teachers", lambda outputs: outputs[:2], "per stage, of the shapes"),
        (
            "teachers",
            lambda outputs: [outputs[0][:, :1], None, None],
            "per stage, of the shapes",
        ),
        (
            "divergence",
            lambda teacher, student, task: teacher - student,
            "without the last axis",
        ),
    ],
)
def test_wrong_results_of_a_users_class_are_named(
    monkeypatch, method, result, message
):
    monkeypatch.setattr(_FromNext, method, staticmethod(result))
    outputs = outputs_of("classification", 3)
    with pytest.raises(ValueError, match=message):
        _losses(
            "classification",
            _FromNext(),
            loss_of("classification"),
            list(map(keras.ops.convert_to_tensor, outputs)),
        )
