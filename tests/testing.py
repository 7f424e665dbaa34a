"""Helpers that several tests share."""

import contextlib
import csv
import functools
import importlib
import io
import os
import runpy
import shutil
import signal
import subprocess
import sys
import traceback
import types
from unittest import mock

import keras
import numpy as np
import pytest
from absl import app
from absl import flags
from absl import logging

import keras_anytime as ka
from keras_anytime.manifest import manifest_path
from keras_anytime.stages.calls import graph_calls
from keras_anytime.stages.multiply_adds import multiply_adds

# The flags of every script, such as --help, which `app.run` defines but once.
app.define_help_flags()


def sampled(cases, chosen):
    """Marks the cases of a test that `make test` leaves to `make test-all`.

    Args:
        cases: List of values, or of tuples of the test's arguments.
        chosen: Collection of the cases that `make test` runs, or a function
            from a case to whether it does.

    Returns:
        List of the cases for `pytest.mark.parametrize`; those that are not
        chosen are slow tests.
    """
    take = chosen if callable(chosen) else lambda case: case in chosen
    if not callable(chosen):
        unknown = [case for case in chosen if case not in cases]
        assert not unknown, f"these are no cases: {unknown}"
    return [
        case
        if take(case)
        else pytest.param(
            *(case if isinstance(case, tuple) else [case]),
            marks=pytest.mark.slow,
        )
        for case in cases
    ]


def tiny_net(nesting="w1-w2-w4", input_shape=(8, 8, 1), classes=10, **kwargs):
    """A width-nested ResNet of one block, small enough to train in a test.

    The same arguments always give the same weights.
    """
    keras.utils.set_random_seed(0)
    settings = {"units": (1,), "filters": (8,), **kwargs}
    return ka.nets.width_nested_resnet(
        input_shape, classes, nesting=nesting, **settings
    )


def scramble(model, seed=0):
    """Moves all weights and normalization statistics off their first values.

    A new network would hide mistakes: its means are 0 and its variances 1.
    """
    rng = np.random.default_rng(seed)
    model.set_weights(
        [
            weight + 0.2 * np.abs(rng.standard_normal(weight.shape))
            for weight in model.get_weights()
        ]
    )
    return model


def compiled(
    model,
    gradients=None,
    weighting=None,
    optimizer=None,
    run_eagerly=None,
    **kwargs,
):
    """Compiles a model for integer labels, and returns it.

    On TensorFlow it runs eagerly unless a test asks for a way of execution:
    tracing a training step takes ten times as long as running it.
    """
    if run_eagerly is None:
        ways = {"jit_compile", "steps_per_execution"}
        run_eagerly = (
            keras.backend.backend() == "tensorflow" and not ways & set(kwargs)
        )
    model.compile(
        optimizer or keras.optimizers.SGD(0.05, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        gradients=gradients,
        weighting=weighting,
        run_eagerly=run_eagerly,
        **kwargs,
    )
    return model


def digits(count=64):
    """Real images and labels, prepared, as two arrays."""
    images, labels = _digits(count)
    return images.copy(), labels.copy()


@functools.cache
def _digits(count):
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


def copied(path, folder):
    """A copy of an exported file and its manifest, which a test may change."""
    copy = folder / path.name
    shutil.copy(path, copy)
    shutil.copy(manifest_path(path), manifest_path(copy))
    return copy


def passes_net():
    """A network whose two stages share a kernel, but no features."""
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 1), name="image")
    kernel = ka.layers.SharedKernel((3, 3, 1, 4), name="kernel")(image)
    outputs = []
    for k in (1, 2):
        x = keras.ops.conv(image, kernel, strides=k)
        x = keras.layers.BatchNormalization(name=f"norm_stage{k}")(x)
        x = keras.layers.GlobalMaxPooling2D(name=f"pool_stage{k}")(x)
        outputs.append(keras.layers.Dense(10, name=f"stage_{k}")(x))
    return ka.AnytimeModel(image, outputs, name="passes")


def macs_by_name(model):
    """Returns the multiply-adds of each operation, all known, by its name."""
    unknown = {}
    calls, _ = graph_calls(model.inputs, model.outputs)
    macs = {call.operation.name: multiply_adds(call, unknown) for call in calls}
    assert not unknown
    return macs


def rows_of(path):
    """The lines of a CSV file, as dicts of strings."""
    with path.open() as file:
        return list(csv.DictReader(file))


@contextlib.contextmanager
def no_room(kibibytes=40):
    """Limits the size of every file that is written in this context."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (kibibytes * 1024, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def run_process(repository, *arguments, **environment):
    """Runs Python with arguments in a process of its own, as a user would.

    The process imports TensorFlow anew, which takes seconds. Prefer
    `run_script` where a test needs no process.

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


def run_script(repository, script, *arguments, **environment):
    """Runs a script of the checkout within this process, as its main module.

    Flags, the command line, signal handlers and the environment are afterwards
    as they were before.

    Returns:
        A `subprocess.CompletedProcess`, as `run_process` does.
    """
    path = str(repository / script)
    return _run_within(
        lambda: runpy.run_path(path, run_name="__main__"),
        [path, *map(str, arguments)],
        repository,
        environment,
    )


def run_command(repository, name, *arguments, **environment):
    """Runs a console script such as `keras-anytime-run` within this process.

    Returns:
        A `subprocess.CompletedProcess`, as `run_script` does.
    """
    module = importlib.import_module(
        f"keras_anytime.commands.{name.removeprefix('keras-anytime-')}"
    )
    main = sys.modules["__main__"]
    # That of a console script says nothing of the command.
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        return _run_within(
            module.main,
            [f"/usr/bin/{name}", *map(str, arguments)],
            repository,
            environment,
        )
    finally:
        sys.modules["__main__"] = main


def _run_within(call, command, folder, environment):
    """Calls a function as the main program of a command line."""
    stdout, stderr = io.StringIO(), io.StringIO()
    returncode = 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.chdir(folder))
        stack.enter_context(mock.patch.object(sys, "argv", command))
        stack.enter_context(mock.patch.dict(os.environ, environment))
        stack.enter_context(contextlib.redirect_stdout(stdout))
        stack.enter_context(contextlib.redirect_stderr(stderr))
        stack.callback(
            signal.signal, signal.SIGTERM, signal.getsignal(signal.SIGTERM)
        )
        stack.callback(logging.set_verbosity, logging.get_verbosity())
        stack.callback(_forget_flags, set(flags.FLAGS))
        try:
            call()
        except SystemExit as end:
            # `sys.exit` takes a status, or a message for the status 1.
            returncode = end.code or 0
            if not isinstance(returncode, int):
                print(end.code, file=stderr)
                returncode = 1
        except Exception:
            traceback.print_exc(file=stderr)
            returncode = 1
    return subprocess.CompletedProcess(
        command, returncode, stdout.getvalue(), stderr.getvalue()
    )


def _forget_flags(known):
    """Removes the flags that a script has defined, so that others may."""
    for name in set(flags.FLAGS) - known:
        delattr(flags.FLAGS, name)
