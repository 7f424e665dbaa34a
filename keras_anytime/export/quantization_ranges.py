"""Measures the ranges of a file's tensors, and unifies those that must agree.

Ranges are measured on real examples, with the features of one step fed to the
next. Then tensors that must have the same scale get the same range: a feature
in the step that leaves it and in the steps that read it, and tensors that are
concatenated. Otherwise operators would have to convert between scales.
"""

import collections
from collections.abc import Hashable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import calibrator
from ai_edge_quantizer import recipe_manager
from ai_edge_quantizer.utils import qsv_utils

from keras_anytime.export.flatbuffer import operator_codes
from keras_anytime.export.flatbuffer import unpack

# The inputs and outputs of these operators have one scale.
_ONE_SCALE = (
    schema.BuiltinOperator.CONCATENATION,
    schema.BuiltinOperator.MAX_POOL_2D,
)


def measure_ranges(
    content: bytes,
    recipe: list[dict[str, Any]],
    examples: Mapping[str, np.ndarray],
) -> dict[str, dict[str, np.ndarray]]:
    """Returns the smallest and largest value of each tensor on examples.

    Args:
        content: Bytes of a float file of a staged network.
        recipe: The quantizer's recipe, which selects what is quantized.
        examples: Dict from the names of inputs to arrays `(count, ...)`.

    Returns:
        Dict from names of tensors to dicts with `min` and `max`, arrays of
        one value.
    """
    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(recipe)
    # The calibrator's default, a moving average, forgets extreme values.
    calibration = calibrator.Calibrator(
        content, qsv_update_func=qsv_utils.min_max_update
    )
    interpreter = Interpreter(model_content=content)
    for samples in signature_inputs(interpreter, examples):
        calibration.calibrate(
            {name: [inputs] for name, inputs in samples.items()}, manager
        )
    return calibration.get_model_qsvs()


def signature_inputs(
    interpreter: Interpreter, examples: Mapping[str, np.ndarray]
) -> Iterator[dict[str, dict[str, np.ndarray]]]:
    """Yields the inputs of each signature, example by example.

    Args:
        interpreter: A LiteRT `Interpreter` of a staged file.
        examples: Dict from the names of inputs to arrays `(count, ...)`.

    Yields:
        Dict from the names of signatures to dicts of inputs, batches of one.
        Features are those that earlier steps compute from the inputs.
    """
    signatures = interpreter.get_signature_list()
    runners = {
        name: interpreter.get_signature_runner(name) for name in signatures
    }
    order = sorted(runners, key=_stage_and_kind)
    for index in range(min(map(len, examples.values()))):
        features = {
            name: array[index : index + 1] for name, array in examples.items()
        }
        samples = {}
        for name in order:
            samples[name] = {
                key: features[key] for key in signatures[name]["inputs"]
            }
            if name.startswith("step_"):
                features.update(runners[name](**samples[name]))
        yield samples


def unify_ranges(
    content: bytes, ranges: Mapping[str, Mapping[str, np.ndarray]]
) -> dict[str, dict[str, np.ndarray]]:
    """Returns ranges that are equal for tensors that must have one scale.

    Args:
        content: Bytes of the file on which the ranges were measured.
        ranges: Dict as from `measure_ranges`.

    Returns:
        Dict like `ranges`.
    """
    groups = _same_scale(content, ranges)
    ends: dict[Hashable, tuple[float, float]] = {}
    for name, values in ranges.items():
        low, high = values["min"].item(), values["max"].item()
        other_low, other_high = ends.get(groups.of(name), (low, high))
        ends[groups.of(name)] = min(low, other_low), max(high, other_high)
    # The quantizer expects arrays of each tensor's own rank.
    return {
        name: {
            end: np.full_like(values[end], value)
            for end, value in zip(
                ("min", "max"), ends[groups.of(name)], strict=True
            )
        }
        for name, values in ranges.items()
    }


def _same_scale(
    content: bytes, ranges: Mapping[str, Mapping[str, np.ndarray]]
) -> "_DisjointSets":
    """Returns the sets of tensors that must have one scale."""
    model = unpack(content)
    codes = operator_codes(model)
    groups = _DisjointSets()
    for graph in model.subgraphs:
        names = [tensor.name.decode() for tensor in graph.tensors]
        constant = [
            model.buffers[tensor.buffer].data is not None
            for tensor in graph.tensors
        ]
        for operator in graph.operators:
            if codes[operator.opcodeIndex] in _ONE_SCALE:
                # Constants, such as shapes, may belong to many operators.
                tensors = [*operator.inputs, *operator.outputs]
                groups.join([names[i] for i in tensors if not constant[i]])
    for signature in model.signatureDefs:
        tensors = model.subgraphs[signature.subgraphIndex].tensors
        for argument in (*signature.inputs, *signature.outputs):
            key = argument.name.decode()
            if not key.startswith("logits"):
                name = tensors[argument.tensorIndex].name.decode()
                groups.join([("feature", key), name])
    # A tensor of a subnetwork has exactly the values of the step's tensor, and
    # is recognized by them: no two other tensors agree at both ends to the
    # last bit, except those that are zero everywhere.
    by_ends = collections.defaultdict(list)
    for name, values in ranges.items():
        ends = float(values["min"].min()), float(values["max"].max())
        if ends[0] < ends[1]:
            by_ends[ends].append(name)
    for same in by_ends.values():
        groups.join(same)
    return groups


class _DisjointSets:
    """Sets that are joined one after another (union-find)."""

    def __init__(self):
        self._parents: dict[Hashable, Hashable] = {}

    def of(self, member: Hashable) -> Hashable:
        """Returns the member that stands for the set of another."""
        while (parent := self._parents.get(member, member)) != member:
            member = parent
        return member

    def join(self, members: Sequence[Hashable]) -> None:
        """Joins the sets of all members."""
        for member in members[1:]:
            self._parents[self.of(member)] = self.of(members[0])


def _stage_and_kind(name: str) -> tuple[int, str]:
    kind, _, number = name.rpartition("_")
    return int(number), kind
