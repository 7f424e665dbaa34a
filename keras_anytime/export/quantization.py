"""Quantizing a LiteRT file, so that features pass from step to step as such.

AI Edge Quantizer rewrites the float file. For full integer variants it needs
the range of each tensor. Ranges are measured on real images, the features of
one step fed to the next; then tensors that must have one scale get one range:
what a step leaves and a later one reads, and what is concatenated, so that no
operation is spent on changing scales in between.
"""

import collections
import contextlib
import io
import logging
import warnings

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import calibrator
from ai_edge_quantizer import quantizer
from ai_edge_quantizer import recipe
from ai_edge_quantizer import recipe_manager
from ai_edge_quantizer.utils import qsv_utils

from keras_anytime.export.flatbuffer import operator_codes
from keras_anytime.export.flatbuffer import unpacked
from keras_anytime.export.quantization_handover import matched

# Weights in 16-bit floats; in 8-bit or 4-bit integers, with activations in
# floats that are quantized on the fly; weights and activations in integers.
VARIANTS = ("float16", "dynamic", "int4", "int8", "int16x8", "int8_qat")
CALIBRATED = ("int8", "int16x8", "int8_qat")

_FLOAT16 = [
    {
        "regex": ".*",
        "operation": "*",
        "algorithm_key": "float_casting",
        "op_config": {
            "weight_tensor_config": {
                "num_bits": 16,
                "dtype": "FLOAT",
                "symmetric": True,
                "granularity": "TENSORWISE",
            },
            "compute_precision": "FLOAT",
            "explicit_dequantize": True,
            "skip_checks": False,
        },
    }
]
# What share tensors at inputs and outputs with one scale.
_ONE_SCALE = (
    schema.BuiltinOperator.CONCATENATION,
    schema.BuiltinOperator.MAX_POOL_2D,
)


def check_variant(quantization, representative):
    """Raises a `ValueError` if a variant is unknown, or lacks its images."""
    if quantization is not None and quantization not in VARIANTS:
        raise ValueError(
            f"`quantization` must be one of {list(VARIANTS)}, or None. "
            f"Received: quantization={quantization!r}"
        )
    if quantization in CALIBRATED and representative is None:
        raise ValueError(
            f"{quantization!r} is calibrated on real images: give some "
            "hundred prepared ones as `representative`"
            + (", with labels" if quantization == "int8_qat" else "")
            + ". Received: representative=None"
        )


def quantized(content, quantization, images=None):
    """Returns a float LiteRT file in a quantized form.

    Args:
        content: Bytes of a staged file, the names of its tensors in it.
        quantization: String, one of `VARIANTS`.
        images: Array `(count, height, width, channels)` as the file's input
            takes them; only for variants that are calibrated.

    Returns:
        Bytes.
    """
    recipes = {
        "float16": lambda: _FLOAT16,
        "dynamic": recipe.dynamic_wi8_afp32,
        "int4": recipe.dynamic_wi4_afp32,
        "int8": recipe.static_wi8_ai8,
        "int16x8": recipe.static_wi8_ai16,
        # Training for it has changed the weights; the rest is the same.
        "int8_qat": recipe.static_wi8_ai8,
    }
    chosen = recipes[quantization]()
    ranges = None
    with _quiet():
        if quantization in CALIBRATED:
            measured = measured_ranges(content, chosen, images)
            ranges = one_scale(content, measured)
        result = quantizer.Quantizer(content, chosen).quantize(
            ranges, enable_progress_report=False
        )
    return matched(bytes(result.quantized_model))


def measured_ranges(content, chosen, images):
    """Returns the smallest and largest value of each tensor on images.

    Args:
        content: Bytes of a staged float file.
        chosen: The recipe, which says what is to be quantized.
        images: Array `(count, height, width, channels)`.

    Returns:
        Dict from names of tensors to dicts with `min` and `max`, arrays of
        one value.
    """
    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(chosen)
    # Its own way, a moving average, forgets what single images reach.
    calibration = calibrator.Calibrator(
        content, qsv_update_func=qsv_utils.min_max_update
    )
    for samples in chained(Interpreter(model_content=content), images):
        calibration.calibrate(
            {name: [inputs] for name, inputs in samples.items()}, manager
        )
    return calibration.get_model_qsvs()


def chained(interpreter, images):
    """Yields what each signature is called with, image by image.

    Args:
        interpreter: A LiteRT `Interpreter` of a staged file.
        images: Array `(count, height, width, channels)`.

    Yields:
        Dict from the names of signatures to dicts of inputs, batches of one;
        the features are those that earlier steps made of the image.
    """
    names = interpreter.get_signature_list()
    runners = {name: interpreter.get_signature_runner(name) for name in names}
    order = sorted(runners, key=_stage_of)
    for image in images:
        features = {"image": image[None]}
        samples = {}
        for name in order:
            inputs = names[name]["inputs"]
            samples[name] = {one: features[one] for one in inputs}
            if name.startswith("step_"):
                features.update(runners[name](**samples[name]))
        yield samples


def one_scale(content, ranges):
    """Returns ranges, made equal where tensors must have one scale.

    Args:
        content: Bytes of the file that the ranges were measured on.
        ranges: Dict as from `measured_ranges`.

    Returns:
        Dict like `ranges`.
    """
    model = unpacked(content)
    codes = operator_codes(model)
    groups = _Groups()
    for graph in model.subgraphs:
        names = [tensor.name.decode() for tensor in graph.tensors]
        constant = [
            model.buffers[tensor.buffer].data is not None
            for tensor in graph.tensors
        ]
        for operator in graph.operators:
            if codes[operator.opcodeIndex] in _ONE_SCALE:
                # Constants, such as shapes, serve many operators.
                tied = [*operator.inputs, *operator.outputs]
                groups.join([names[i] for i in tied if not constant[i]])
    for signature in model.signatureDefs:
        names = model.subgraphs[signature.subgraphIndex].tensors
        for one in (*signature.inputs, *signature.outputs):
            key = one.name.decode()
            if not key.startswith("logits"):
                name = names[one.tensorIndex].name.decode()
                groups.join([("feature", key), name])
    # A subnetwork's tensor has the very values of the step's, and is known by
    # that: no two others have both ends in common to the last bit, but those
    # that are zero throughout.
    by_ends = collections.defaultdict(list)
    for name, values in ranges.items():
        ends = float(values["min"].min()), float(values["max"].max())
        if ends[0] < ends[1]:
            by_ends[ends].append(name)
    for same in by_ends.values():
        groups.join(same)
    joint = {}
    for name, ends in ranges.items():
        low, high = ends["min"].item(), ends["max"].item()
        _merge(joint, groups.of(name), low, high)
    # The quantizer wants the rank of each tensor's own.
    return {
        name: {
            end: np.full_like(ends[end], value)
            for end, value in joint[groups.of(name)].items()
        }
        for name, ends in ranges.items()
    }


class _Groups:
    """Sets of names that are joined pair by pair (union-find)."""

    def __init__(self):
        self._parents = {}

    def of(self, name):
        while (parent := self._parents.get(name, name)) != name:
            name = parent
        return name

    def join(self, names):
        for name in names[1:]:
            self._parents[self.of(name)] = self.of(names[0])


@contextlib.contextmanager
def _quiet():
    """Keeps the quantizer's progress bars and remarks from the user."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        with (
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.root.setLevel(level)


def _merge(ranges, name, low, high):
    known = ranges.get(name)
    if known is not None:
        low, high = min(low, known["min"]), max(high, known["max"])
    ranges[name] = {"min": low, "max": high}


def _stage_of(name):
    kind, _, number = name.rpartition("_")
    return int(number), kind
