"""Helpers that several tests share."""

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
    (batch,) = ka.data.load(
        "digits", batch_size=count, splits=("train[:80%]", f"train[-{count}:]")
    )[1].take(1)
    return batch[0].numpy(), batch[1].numpy()


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
