"""Divergences from teachers, and losses that mix them in, in NumPy."""

import keras
import numpy as np

import keras_anytime as ka

# Each task, the Keras loss of its labels, and labels of three examples.
TASKS = {
    "classification": (
        ka.tasks.Classification(4),
        keras.losses.SparseCategoricalCrossentropy,
        np.array([0, 3, 1]),
    ),
    "binary": (
        ka.tasks.Binary(),
        keras.losses.BinaryCrossentropy,
        np.array([[1.0], [0.0], [1.0]], "float32"),
    ),
    "multi_label": (
        ka.tasks.MultiLabel(3),
        keras.losses.BinaryCrossentropy,
        np.array([[1, 0, 0], [0, 1, 1], [1, 1, 0]], "float32"),
    ),
    "regression": (
        ka.tasks.Regression(2),
        keras.losses.MeanSquaredError,
        np.array([[0.5, -1], [2, 0], [1, 1]], "float32"),
    ),
    "segmentation": (
        ka.tasks.Segmentation(3),
        keras.losses.SparseCategoricalCrossentropy,
        np.array([[[0, 1], [2, 1]], [[0, 0], [1, 2]], [[2, 2], [1, 0]]]),
    ),
}


def loss_of(name, **arguments):
    """The Keras loss of a task, of logits where it has them."""
    _, make, _ = TASKS[name]
    if make is not keras.losses.MeanSquaredError:
        arguments["from_logits"] = True
    return make(**arguments)


def outputs_of(name, count, seed=0):
    """Outputs of a task for the three examples, `count` times."""
    task, _, labels = TASKS[name]
    positions = labels.shape[1:] if name == "segmentation" else ()
    rng = np.random.default_rng(seed)
    shape = (count, len(labels), *positions, task.size)
    return (2 * rng.standard_normal(shape)).astype("float32")


def divergence(teacher, student, name, temperature):
    """The divergence of each example and position, from probabilities."""
    teacher, student = np.float64(teacher), np.float64(student)
    if name == "regression":
        return np.mean((student - teacher) ** 2, axis=-1)
    teacher, student = teacher / temperature, student / temperature
    if name in ("binary", "multi_label"):
        # A yes and a no, of the logits t and 0, are two classes.
        divergences = [
            _kullback_leibler(
                np.stack([teacher[..., label], 0 * teacher[..., label]], -1),
                np.stack([student[..., label], 0 * student[..., label]], -1),
            )
            for label in range(teacher.shape[-1])
        ]
        return temperature**2 * np.mean(divergences, axis=0)
    return temperature**2 * _kullback_leibler(teacher, student)


def _kullback_leibler(teacher, student):
    p, q = _softmax(teacher), _softmax(student)
    return np.sum(p * np.log(p / q), axis=-1)


def _softmax(logits):
    exponentials = np.exp(logits)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)
