"""What a step of training takes: its time, its memory, its parts."""

import contextlib
import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from keras_anytime.stages.checks import check_anytime_model
from keras_anytime.training.losses import stage_losses

# What `serve` begins its lines with; programs print other ones too.
_MARK = "keras_anytime.measuring "


def measure_time(functions, repetitions, steps):
    """Returns the seconds of each function: an array over the rounds.

    Args:
        functions: Dict from names to functions, called in turn.
        repetitions: Integer. Rounds that are measured.
        steps: Integer. Calls of each function in a round.
    """
    import numpy as np

    seconds = {name: [] for name in functions}
    # The first round warms up.
    for _ in range(1 + repetitions):
        spent = dict.fromkeys(functions, 0.0)
        for _ in range(steps):
            for name, function in functions.items():
                start = time.perf_counter()
                function()
                spent[name] += time.perf_counter() - start
        for name, values in seconds.items():
            values.append(spent[name] / steps)
    return {name: np.array(values[1:]) for name, values in seconds.items()}


class Remote:
    """Functions of another process, to be measured in turn with one's own.

    Args:
        command: List of strings, a program that calls `serve`.
        **environment: Variables of its environment that differ.

    Attributes:
        functions: Dict from names to functions without arguments. Each runs
            there once, and waits for it.

    Raises:
        RuntimeError: If the process ends.
    """

    def __init__(self, command, **environment):
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.functions = {
            name: lambda name=name: self._call(name) for name in self._answer()
        }

    def close(self):
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait()

    def _call(self, name):
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        self._answer()

    def _answer(self):
        for line in self._process.stdout:
            if line.startswith(_MARK):
                return json.loads(line.removeprefix(_MARK))
        raise RuntimeError("The other process has ended; see its errors above.")


def serve(functions):
    """Runs functions for a `Remote` in another process, until it is closed.

    Args:
        functions: Dict from names to functions.
    """
    print(_MARK + json.dumps(list(functions)), flush=True)
    for line in sys.stdin:
        functions[line.rstrip("\n")]()
        print(_MARK + "null", flush=True)


def measure_memory(steps, period):
    """Returns the bytes that each step takes, where they can be known.

    Args:
        steps: Dict from names to functions.
        period: Integer. Steps until all kinds of a step were taken.
    """
    counters = list(memory_counters())

    def measured(step):
        before = [begin() for begin, _ in counters]
        for _ in range(period):
            step()
        counts = [
            end(one) for (_, end), one in zip(counters, before, strict=True)
        ]
        return sum(counts) if counts and None not in counts else None

    peaks = {}
    for name, step in steps.items():
        # The first ones compile; on JAX, they are all that there is.
        first, *later = [measured(step) for _ in range(6)]
        known = [one for one in later if one is not None] or [first]
        if None not in known:
            peaks[name] = statistics.median(known)
    return peaks


def memory_counters():
    """Yields what counts memory, each some of it: pairs of functions.

    The first is called before the steps, and the second after them with what
    the first returned. It returns the bytes at the peak, above those before,
    or `None`.
    """
    import keras

    on_gpu = bool(keras.distribution.list_devices("gpu"))
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        memory = tf.config.experimental
        device = "GPU:0" if on_gpu else "CPU:0"

        def begin_tensorflow():
            memory.reset_memory_stats(device)
            return memory.get_memory_info(device)["current"]

        def end_tensorflow(idle):
            return memory.get_memory_info(device)["peak"] - idle

        # On CPUs with oneDNN it has a pool for tensors of 256 KiB and more,
        # which it counts. The pool never shrinks, so that the process does not
        # grow by these, but by the smaller ones only.
        with contextlib.suppress(ValueError):
            begin_tensorflow()
            yield begin_tensorflow, end_tensorflow
    elif on_gpu:
        (device,) = keras.ops.zeros(()).devices()

        def end_jax(before):
            peak = (device.memory_stats() or {}).get("peak_bytes_in_use", 0)
            # There is no reset: only a higher peak than ever is this step's.
            higher = before and peak > before.get("peak_bytes_in_use", peak)
            return peak - before["bytes_in_use"] if higher else None

        yield device.memory_stats, end_jax
    if sys.platform == "linux" and not on_gpu:
        trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda pad: None)

        def begin_process():
            # What malloc keeps for later would count as idle, and would make a
            # step look small that uses it: give it back to the system.
            trim(0)
            pathlib.Path("/proc/self/clear_refs").write_text("5")
            return kilobytes("VmRSS")

        def end_process(idle):
            return 1024 * (kilobytes("VmHWM") - idle)

        yield begin_process, end_process


def kilobytes(key):
    """Returns an entry of Linux's status of this process."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return int(dict(line.split(":", 1) for line in lines)[key].split()[0])


def parts_of_a_step(model, images, labels):
    """Returns what OSGD computes, each part alone, on TensorFlow.

    Args:
        model: An `AnytimeModel`, compiled with `Orthogonal`.
        images: Tensor of one batch.
        labels: Tensor of its labels.

    Returns:
        Dict of functions: "forward" of the union; "forward k" and "gradient k"
        of stage k alone; "apply"; "gram", with the coefficients.
    """
    check_anytime_model(model)
    import keras
    import tensorflow as tf

    from keras_anytime.gradients import gram as gram_lib

    def losses():
        outputs = keras.tree.flatten(model(images, training=True))
        return stage_losses(model.loss, labels, outputs, model.output_names)

    def loss(stage):
        return model.loss(labels, stage(images, training=True))

    def gradient(stage):
        with tf.GradientTape() as tape:
            value = loss(stage)
        sources = [variable.value for variable in stage.trainable_variables]
        return value, tape.gradient(value, sources)

    with tf.GradientTape(persistent=True) as tape:
        values = losses()
    variables = model.trainable_variables
    sources = [variable.value for variable in variables]
    gradients = [tape.gradient(value, sources) for value in values]
    combined = model.gradient_combiner(gradients)
    model.optimizer.build(variables)

    def apply():
        model.optimizer.apply(combined, variables)
        return model.optimizer.iterations + 0

    def decide():
        gram = gram_lib.gram_matrix(gradients)
        return model.gradient_combiner.coefficients(
            gram, gram_lib.sizes(gradients)
        )

    functions = {"forward": losses, "apply": apply, "gram": decide}
    for k in range(1, model.num_stages + 1):
        stage = model.stage(k)
        functions[f"forward {k}"] = lambda stage=stage: loss(stage)
        functions[f"gradient {k}"] = lambda stage=stage: gradient(stage)

    def part(function):
        function = tf.function(
            function, autograph=False, jit_compile=model.jit_compile
        )
        # Reading a number waits for the device.
        return lambda: tf.nest.flatten(function())[0].numpy()

    return {name: part(function) for name, function in functions.items()}


def bound(seconds, parts):
    """Returns the seconds of the least that OSGD has to compute.

    The forward pass of the union, one backward pass for each stage, and the
    update. A backward pass is what a gradient takes more than the forward pass
    of that stage.

    Args:
        seconds: Dict of arrays over the rounds, as from `measure_time`.
        parts: Names in it, those of `parts_of_a_step`.
    """
    return sum(
        -seconds[name] if name.startswith("forward ") else seconds[name]
        for name in parts
        if name != "gram"
    )
