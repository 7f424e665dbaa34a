"""Tiny networks and data of each task, for the tests of evaluations."""

import keras
import numpy as np

import keras_anytime as ka

TASKS = {
    "classification": ka.tasks.Classification(7),
    "binary": ka.tasks.Binary(),
    "multi_label": ka.tasks.MultiLabel(3),
    "regression": ka.tasks.Regression(2),
    "segmentation": ka.tasks.Segmentation(3, ignore_class=9),
}
OTHERS = [name for name in TASKS if name != "classification"]


def net(task, stages=2, seed=0):
    """A network of few weights: of tables, or of pixels."""
    keras.utils.set_random_seed(seed)
    pixels = isinstance(task, ka.tasks.Segmentation)
    inputs = keras.Input((4, 5, 2) if pixels else (5,), name="given")
    x, outputs = inputs, []
    for k in range(1, stages + 1):
        x = keras.layers.Dense(4, "tanh", bias_initializer="normal")(x)
        outputs.append(keras.layers.Dense(task.size, name=f"stage_{k}")(x))
    return ka.AnytimeModel(inputs, outputs, task=task)


def data(task, examples=30, seed=0):
    """Inputs and labels that `net` of the same task takes."""
    rng = np.random.default_rng(seed)
    pixels = isinstance(task, ka.tasks.Segmentation)
    shape = (examples, *((4, 5, 2) if pixels else (5,)))
    x = rng.normal(size=shape).astype("float32")
    return x, labels(task, examples, rng)


def labels(task, examples, rng):
    """Random labels of a task."""
    if isinstance(task, ka.tasks.Regression):
        return 3 + rng.normal(size=(examples, task.size))
    if isinstance(task, ka.tasks.MultiLabel):  # And binary answers.
        return rng.integers(0, 2, (examples, task.size)).astype("float32")
    if isinstance(task, ka.tasks.Segmentation):
        maps = rng.integers(0, task.classes, (examples, 4, 5))
        if task.ignore_class is not None:
            maps[rng.random(maps.shape) < 0.1] = task.ignore_class
        return maps
    return rng.integers(0, task.classes, examples)


def two_inputs(order=list):
    """A network of a picture and a table, which its second stage needs."""
    picture = keras.Input((4, 4, 1), name="picture")
    table = keras.Input((3,), name="table")
    x = keras.layers.Flatten()(picture)
    first = keras.layers.Dense(1, name="stage_1")(x)
    y = keras.layers.Concatenate()([keras.layers.Dense(4)(x), table])
    second = keras.layers.Dense(1, name="stage_2")(y)
    inputs = [picture, table]
    if order is dict:
        inputs = {"picture": picture, "table": table}
    return ka.AnytimeModel(inputs, [first, second], task=ka.tasks.Regression())
