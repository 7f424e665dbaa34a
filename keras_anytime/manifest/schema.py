"""The rules that the fields of a manifest follow, alone and together."""

import functools
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from keras_anytime.manifest import values

_FORMAT_FIELDS = ("format", "format_version", "checksum")
# The smallest allowed values of a stage's integers.
_STAGE_MINIMA = {
    "stage": 1,
    "macs": 0,
    "parameters": 0,
    "step_macs": 0,
    "step_parameters": 0,
}
# Manifests of earlier versions do not have these fields of a stage.
_STAGE_OPTIONAL = ("error", "miou")
_TENSOR_FIELDS = ("name", "shape", "dtype", "quantization")
_TASKS = ("binary", "multi_label", "regression", "segmentation")


def check_fields(fields: Mapping[str, Any]) -> None:
    """Checks each field of a manifest by itself.

    Args:
        fields: Dict, the JSON object of a manifest.

    Raises:
        ValueError: If a field is missing, unknown or malformed.
    """
    missing = sorted({*_REQUIRED} - set(fields))
    if missing:
        raise ValueError(f"it lacks {missing}")
    unknown = sorted(set(fields) - {*_REQUIRED, *_OPTIONAL, *_FORMAT_FIELDS})
    if unknown:
        raise ValueError(f"it has unknown fields {values.short_repr(unknown)}")
    checks = {**_REQUIRED, **_OPTIONAL}
    for name in checks.keys() & fields.keys():
        try:
            checks[name](fields[name])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    names, label_sets = fields["class_names"], fields.get("label_sets")
    if names is not None and label_sets is None:
        values.items(names)
    elif names is not None:
        values.record(names, label_sets)
    task = fields.get("task")
    if isinstance(task, dict):
        if label_sets is None:
            values.refuse(task, "the task of a network without label sets")
        values.record(task, label_sets)


def check_programs(manifest: Any) -> None:
    """Checks that the programs of a manifest run one after another.

    Args:
        manifest: A `Manifest` whose fields passed `check_fields`.

    Raises:
        ValueError: If stages are not numbered in order, if signatures are
            missing or unknown, if a program reads something other than the
            inputs and the features that earlier steps leave, or if programs
            disagree on an input.
    """
    numbers = [stage.stage for stage in manifest.stages]
    if not numbers or numbers != sorted({*numbers}):
        raise ValueError("stages are not numbered in order, from 1")
    # A network that cannot run step by step has no step at all, and a file
    # may have no subnetworks.
    names = [
        f"{kind}_{k}"
        for kind in ("step", "subnet")
        if any(name.startswith(f"{kind}_") for name in manifest.signatures)
        for k in numbers
    ]
    odd = sorted(set(names) ^ set(manifest.signatures)) or not names
    if odd:
        raise ValueError(
            "signatures of stages are missing or unknown: "
            f"{values.short_repr(odd)}"
        )
    available = set(manifest.input_names)  # What a step may read.
    found: dict[str, Any] = {}
    for name in names:
        program = manifest.signatures[name]
        inputs = {tensor.name for tensor in program.inputs}
        outputs = {tensor.name for tensor in program.outputs}
        step = name.startswith("step_")
        allowed = available if step else set(manifest.input_names)
        if not inputs or inputs - allowed:
            raise ValueError(
                f"the signature {name} reads "
                f"{values.short_repr(sorted(inputs))}, and not just the inputs "
                "and what earlier steps leave"
            )
        for tensor in program.inputs:
            same = found.setdefault(tensor.name, tensor) == tensor
            if (
                tensor.name in manifest.input_names
                and name in manifest.program_names
                and not same
            ):
                raise ValueError(
                    f"the signature {name} takes another "
                    f"{values.short_repr(tensor.name)} than those before it"
                )
        taken = sorted(outputs & set(manifest.input_names))
        if taken:
            raise ValueError(
                f"the signature {name} replaces the input "
                f"{values.short_repr(taken)}"
            )
        missing = sorted(set(manifest.logits_names.values()) - outputs)
        if missing:
            raise ValueError(
                f"the signature {name} gives no {values.short_repr(missing)}"
            )
        available |= outputs
    unread = sorted(set(manifest.input_names) - set(found))
    if unread:
        raise ValueError(
            f"no signature reads the inputs {values.short_repr(unread)}"
        )
    odd = sorted({*(manifest.tokens or ())} - set(manifest.input_names))
    if odd:
        raise ValueError(f"it has tokens of no input {values.short_repr(odd)}")
    _check_lengths(manifest)
    if manifest.product_answers and any(manifest.tasks.values()):
        raise ValueError("it has product answers of another task than classes")
    if manifest.risk is not None and manifest.thresholds is None:
        raise ValueError("it has a risk and no thresholds")


def _check_lengths(manifest: Any) -> None:
    """Checks the lengths of lists against the stages and the channels."""
    if manifest.thresholds is not None:
        values.items([*manifest.thresholds], {len(manifest.stages) - 1})
    if manifest.temperatures is not None:
        values.items([*manifest.temperatures], {len(manifest.stages)})
    for record in (manifest.preprocessing, manifest.pixels):
        if record is None:
            continue
        name = manifest.image_input
        if name is None and record is manifest.preprocessing:
            # The values of a single input that takes no images.
            name = manifest.input_names[0] if not manifest.inputs else None
        if name is None:
            raise ValueError("it prepares pixels, but no input takes images")
        channels = manifest.input_specs[name].shape[-1] or 1
        for name in ("mean", "std"):
            values.items(record[name], {1, channels})


def _check_stages(stages: Any) -> None:
    for stage in values.items(stages):
        added = [
            name for name in _STAGE_OPTIONAL if name in values.record(stage)
        ]
        values.record(stage, (*_STAGE_MINIMA, "top1_error", *added))
        for name, minimum in _STAGE_MINIMA.items():
            values.integer(stage[name], minimum)
        values.optional(values.share, stage["top1_error"])
        values.optional(values.number, stage.get("error"), 0)
        values.optional(values.share, stage.get("miou"))


def _check_signatures(signatures: Any) -> None:
    for signature in values.record(signatures).values():
        for tensors in values.record(signature, ("inputs", "outputs")).values():
            for tensor in values.items(tensors):
                _check_tensor(tensor)
            values.distinct([tensor["name"] for tensor in tensors])


def _check_tensor(tensor: Any) -> None:
    values.record(tensor, _TENSOR_FIELDS)
    values.text(tensor["name"])
    values.shape(tensor["shape"])
    dtype = values.dtype(tensor["dtype"])
    values.optional(values.quantization, tensor["quantization"], dtype)


def _check_versions(versions: Any) -> None:
    for value in values.record(versions).values():
        values.text(value)


def _check_class_names(names: Any) -> None:
    for sequence in names.values() if isinstance(names, dict) else [names]:
        values.texts(sequence)


def _check_names(names: Any) -> None:
    values.distinct(values.texts(names))


def _check_task(task: Any) -> None:
    for entry in task.values() if isinstance(task, dict) else [task]:
        if entry is not None and values.text(entry) not in _TASKS:
            values.refuse(entry, f"one of {', '.join(_TASKS)}")


def _check_tokens(tokens: Any) -> None:
    for count in values.record(tokens).values():
        values.integer(count, 1)


def _check_thresholds(thresholds: Any) -> None:
    for threshold in values.items(thresholds):
        values.share(threshold)


def _check_temperatures(temperatures: Any) -> None:
    for temperature in values.items(temperatures):
        values.divisor(temperature)


def _check_risk(risk: Any) -> None:
    values.record(risk, ("risk", "level", "examples"))
    for name in ("risk", "level"):
        if values.share(risk[name]) in (0, 1):
            values.refuse(risk[name], "a number between 0 and 1")
    values.integer(risk["examples"], 1)


def _or_none(check: Callable[..., Any]) -> Callable[..., Any]:
    return functools.partial(values.optional, check)


_REQUIRED: dict[str, Callable[..., Any]] = {
    "kind": values.text,
    "name": values.text,
    "stages": _check_stages,
    "signatures": _check_signatures,
    "sha256": values.text,
    "class_names": _or_none(_check_class_names),
    "preprocessing": _or_none(values.normalization),
    "versions": _check_versions,
}
# Manifests of earlier versions do not have these fields.
_OPTIONAL: dict[str, Callable[..., Any]] = {
    "label_sets": _or_none(_check_names),
    "thresholds": _or_none(_check_thresholds),
    "temperatures": _or_none(_check_temperatures),
    "product_answers": values.flag,
    "risk": _or_none(_check_risk),
    "quantization": _or_none(values.text),
    "pixels": _or_none(values.pixels),
    "verified": _or_none(values.measurements),
    "resizable": values.flag,
    "task": _or_none(_check_task),
    "inputs": _or_none(_check_names),
    "tokens": _or_none(_check_tokens),
}
