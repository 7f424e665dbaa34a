"""Tasks compared with formulas of their own, and their refusals."""

import json

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.confidence import confidence

TASKS = {
    "classification": (ka.tasks.Classification(4), (6, 4)),
    "binary": (ka.tasks.Binary(), (6, 1)),
    "multi_label": (ka.tasks.MultiLabel(3), (6, 3)),
    "regression": (ka.tasks.Regression(2), (6, 2)),
    "segmentation": (ka.tasks.Segmentation(3), (6, 4, 5, 3)),
}


def _outputs(shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def _labels(name, shape, rng):
    if name == "regression":
        return rng.normal(size=shape)
    if name in ("binary", "multi_label"):
        return rng.integers(0, 2, shape)
    return rng.integers(0, shape[-1], shape[:-1])


def _error(name, outputs, label):
    """The error of one example, in words of the docstrings."""
    if name == "regression":
        return np.mean(
            [abs(o - t) for o, t in zip(outputs, label, strict=True)]
        )
    if name in ("binary", "multi_label"):
        return np.mean(
            [(o > 0) != bool(t) for o, t in zip(outputs, label, strict=True)]
        )
    if name == "classification":
        return float(outputs.argmax() != label)
    return np.mean(outputs.argmax(-1) != label)


@pytest.mark.parametrize("name", TASKS)
def test_errors_are_means_of_what_the_task_counts(name):
    task, shape = TASKS[name]
    outputs = _outputs(shape)
    labels = _labels(name, shape, np.random.default_rng(1))
    task.check_outputs((None, *shape[1:]))
    task.check_labels(labels, shape)
    want = [_error(name, *pair) for pair in zip(outputs, labels, strict=True)]
    errors = task.errors(outputs, labels)
    np.testing.assert_allclose(errors, want, rtol=1e-6)
    assert errors.dtype == "float64"
    # NaN is no answer, whichever output has it.
    for index in range(shape[-1]):
        broken = outputs.copy()
        broken[..., index] = np.nan
        worst = task.errors(broken, labels)
        assert np.all((worst >= 1 / shape[-1]) | np.isnan(worst))


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_read_back_from_plain_values(name):
    task, _ = TASKS[name]
    config = json.loads(json.dumps(ka.tasks.serialize(task)))
    assert ka.tasks.deserialize(config) == task
    by_set = {"a": task, "b": ka.tasks.Regression()}
    config = json.loads(json.dumps(ka.tasks.serialize(by_set)))
    assert ka.tasks.deserialize(config) == by_set


@pytest.mark.parametrize("name", TASKS)
def test_a_guess_errs_as_often_as_guesses_do(name):
    """A constant or random answer, measured, has the error that is stated."""
    task, shape = TASKS[name]
    rng = np.random.default_rng(2)
    shape = (3000, *shape[1:])
    labels = _labels(name, shape, rng)
    if name == "regression":
        middle = np.broadcast_to(np.median(labels, axis=0), shape)
        measured = task.errors(middle, labels).mean()
    else:
        measured = task.errors(rng.normal(size=shape), labels).mean()
    assert task.guess_error(labels) == pytest.approx(measured, abs=0.03)


def test_confidences_are_probabilities_of_the_answer():
    outputs = _outputs((6, 3))
    softmax = np.exp(outputs) / np.exp(outputs).sum(-1, keepdims=True)
    sigmoid = 1 / (1 + np.exp(-outputs))
    likelier = np.maximum(sigmoid, 1 - sigmoid)
    cases = [
        (ka.tasks.Classification(3), outputs, softmax.max(-1)),
        (ka.tasks.Binary(), outputs[:, :1], likelier[:, 0]),
        (ka.tasks.MultiLabel(3), outputs, likelier.min(-1)),
    ]
    for task, given, want in cases:
        np.testing.assert_allclose(task.confidences(given), want, rtol=1e-5)
    images = _outputs((2, 3, 4, 5))
    of_pixels = confidence(images)
    np.testing.assert_allclose(
        ka.tasks.Segmentation(5).confidences(images), of_pixels.mean((1, 2))
    )
    with pytest.raises(ValueError, match="plain numbers have none"):
        ka.tasks.Regression(3).confidences(outputs)


def test_overlaps_give_the_mean_iou_of_keras():
    task = ka.tasks.Segmentation(4, ignore_class=9)
    outputs = _outputs((5, 6, 7, 4))
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, (5, 6, 7))  # No pixel of the last class.
    labels[rng.random(labels.shape) < 0.2] = 9
    both, either = task.overlaps(outputs, labels)
    metric = keras.metrics.MeanIoU(4, ignore_class=9, sparse_y_pred=False)
    metric.update_state(labels, outputs)
    of_class = both.sum(0) / either.sum(0)
    assert of_class.mean() == pytest.approx(float(metric.result()), abs=1e-6)
    counts = labels != 9
    wrong = (outputs.argmax(-1) != labels) & counts
    np.testing.assert_allclose(
        task.errors(outputs, labels), wrong.sum((1, 2)) / counts.sum((1, 2))
    )


def test_ties_are_errors():
    logits = np.zeros((1, 3), "float32")
    assert ka.tasks.Classification(3).errors(logits, np.array([0])) == 1
    dense = np.zeros((1, 2, 3), "float32")
    zeros = np.zeros((1, 2), "int64")
    assert ka.tasks.Segmentation(3).errors(dense, zeros) == 1


@pytest.mark.parametrize(
    ("task", "shape", "labels", "message"),
    [
        ("classification", (3, 4), np.array([0, 1, 4]), "must be 0 to 3"),
        ("classification", (3, 4), np.array([0, 1]), "each of 3 examples"),
        ("classification", (3, 4), np.eye(3), "one per example"),
        ("classification", (3, 4), np.array([0.0, 1, 2]), "be integers"),
        ("binary", (2, 1), np.array([0, 2]), "must be 0 or 1"),
        ("binary", (2, 1), np.array([0.5, 1]), "must be 0 or 1"),
        ("multi_label", (2, 3), np.array([0, 1]), "3 per example"),
        ("multi_label", (2, 3), np.zeros((2, 1, 3)), "3 per example"),
        ("regression", (2, 2), np.zeros(2), "of the outputs' shape"),
        ("regression", (1, 2), np.array([[0, np.nan]]), "finite numbers"),
        ("regression", (1, 2), np.array([["a", "b"]]), "finite numbers"),
        ("segmentation", (1, 4, 5, 3), np.zeros((1, 5, 4), int), "position"),
        ("segmentation", (1, 1, 1, 3), np.full((1, 1, 1), 3), "0 to 2"),
        ("segmentation", (1, 1, 1, 3), np.zeros((1, 1, 1)), "be integers"),
    ],
)
def test_labels_that_do_not_fit_are_refused(task, shape, labels, message):
    with pytest.raises(ValueError, match=message):
        TASKS[task][0].check_labels(labels, shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ka.tasks.Classification(1), "at least 2"),
        (lambda: ka.tasks.MultiLabel(0), "at least 1"),
        (lambda: ka.tasks.Regression(1.5), "whole number"),
        (lambda: ka.tasks.Segmentation(2, ignore_class="x"), "ignore_class"),
        (lambda: ka.tasks.get("regression"), "A task is one of"),
        (lambda: ka.tasks.get(True), "A task is one of"),
    ],
)
def test_arguments_that_are_no_task_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("shape", "loss", "name"),
    [
        ((None, 10), None, "classification"),
        ((None, 10), "sparse_categorical_crossentropy", "classification"),
        ((None, 10), "binary_crossentropy", "multi_label"),
        ((None, 1), "binary_crossentropy", "binary"),
        ((None, 1), "mean_squared_error", "regression"),
        ((None, 1), None, "undeclared"),
        ((None, 8, 8, 3), None, "segmentation"),
    ],
)
def test_shape_and_loss_tell_the_task(shape, loss, name):
    assert ka.tasks.infer(shape, loss).name == name


def test_one_output_of_unknown_task_is_not_measured():
    task = ka.tasks.infer((None, 1))
    with pytest.raises(ValueError, match="Binary.*Regression"):
        task.check_labels(np.zeros(3), (3, 1))
    with pytest.raises(ValueError, match="plain numbers have none"):
        task.confidences(np.zeros((3, 1)))
