"""Helpers that several tests share."""

import csv
import os
import subprocess
import sys

import keras
import numpy as np

import keras_anytime as ka


def tiny_net(nesting="w1-w2-w4", input_shape=(8, 8, 1), classes=10, **kwargs):
    """A width-nested ResNet small enough to train in a test.

    The same arguments always give the same weights.
    """
    keras.utils.set_random_seed(0)
    settings = {"units": (1, 1), "filters": (8, 16), **kwargs}
    return ka.nets.width_nested_resnet(
        input_shape, classes, nesting=nesting, **settings
    )


def scramble(model, seed=0):
    """Moves every weight, normalisation statistics too, off its first value.

    A fresh network would hide mistakes: its means are 0 and variances 1.
    """
    rng = np.random.default_rng(seed)
    model.set_weights(
        [
            weight + 0.2 * np.abs(rng.standard_normal(weight.shape))
            for weight in model.get_weights()
        ]
    )
    return model


def compiled(model, gradients=None, weighting=None, optimizer=None, **kwargs):
    """The model, compiled for integer labels."""
    model.compile(
        optimizer or keras.optimizers.SGD(0.05, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        gradients=gradients,
        weighting=weighting,
        **kwargs,
    )
    return model


def digits(count=64):
    """Real images and labels, prepared, as two arrays."""
    _, data = ka.data.load(
        "digits", batch_size=count, splits=("train[:80%]", f"train[-{count}:]")
    )
    images, labels = next(iter(data))
    return np.asarray(images), np.asarray(labels)


def hierarchical_net(classes=None):
    """A network of three stages, each with a head for each label set."""
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 1), name="image")
    maps, pooled, outputs = [], [], []
    for k in (1, 2, 3):
        maps.append(
            ka.layers.SlicedConv2D(
                4, 3, strides=2, activation="relu", name=f"conv_stage{k}"
            )(image)
        )
        x = ka.layers.SlicedConv2D(
            6, 3, activation="relu", name=f"top_stage{k}"
        )(list(maps))
        pooled.append(
            keras.layers.GlobalAveragePooling2D(name=f"pool_stage{k}")(x)
        )
        for name, count in (classes or {"fine": 10, "coarse": 2}).items():
            head = ka.layers.SlicedDense(
                count, dtype="float32", name=f"stage_{k}_{name}"
            )
            outputs.append(head(list(pooled)))
    return ka.AnytimeModel(image, outputs, name="hierarchical")


def hierarchical_digits(count=64):
    """Real images, and which digit each is and whether it is odd."""
    x, y = digits(count)
    return x, {"fine": y, "coarse": y % 2}


@keras.saving.register_keras_serializable("tests")
class Kernel(keras.layers.Layer):
    """A kernel as a tensor in the graph, whatever the layer is called on."""

    def __init__(self, shape, **kwargs):
        super().__init__(**kwargs)
        self.shape = tuple(shape)

    def build(self, input_shape):
        # One axis: it is not this layer that multiplies.
        self.values = self.add_weight(
            shape=(int(np.prod(self.shape)),), initializer="random_normal"
        )

    def call(self, inputs):
        return keras.ops.reshape(self.values, self.shape)

    def compute_output_shape(self, input_shape):
        return self.shape

    def get_config(self):
        return {**super().get_config(), "shape": self.shape}


def passes_net():
    """A network whose two stages share a kernel, but no features."""
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 1), name="image")
    kernel = Kernel((3, 3, 1, 4), name="kernel")(image)
    outputs = []
    for k in (1, 2):
        x = keras.ops.conv(image, kernel, strides=k)
        x = keras.layers.BatchNormalization(name=f"norm_stage{k}")(x)
        x = keras.layers.GlobalMaxPooling2D(name=f"pool_stage{k}")(x)
        outputs.append(keras.layers.Dense(10, name=f"stage_{k}")(x))
    return ka.AnytimeModel(image, outputs, name="passes")


def rows_of(path):
    """The lines of a CSV file, as dicts of strings."""
    with path.open() as file:
        return list(csv.DictReader(file))


def run_script(repository, *arguments, **environment):
    """Runs a Python script of the checkout as a user would.

    Returns:
        A `subprocess.CompletedProcess` with text `stdout` and `stderr`.
    """
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=repository,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
