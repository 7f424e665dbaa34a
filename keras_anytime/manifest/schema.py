"""What the fields of a manifest must be, each by itself and all together."""

import functools

from keras_anytime.manifest import values

_FORMAT = ("format", "format_version", "checksum")
_STAGE = {
    "stage": 1,
    "macs": 0,
    "parameters": 0,
    "step_macs": 0,
    "step_parameters": 0,
}
_TENSOR = ("name", "shape", "dtype", "quantization")


def check_fields(fields: dict) -> None:
    """Holds each field of a manifest against what it must be.

    Args:
        fields: Dict, the JSON object of a manifest.

    Raises:
        ValueError: If a field is missing, is none that a manifest has, or was
            never written so.
    """
    lacking = sorted({*_NEEDED} - set(fields))
    if lacking:
        raise ValueError(f"it lacks {lacking}")
    unknown = sorted(set(fields) - {*_NEEDED, *_LATER, *_FORMAT})
    if unknown:
        raise ValueError(f"it has unknown fields {values.shown(unknown)}")
    checks = {**_NEEDED, **_LATER}
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


def check_programs(manifest) -> None:
    """Holds the stages of a manifest against its programs.

    Args:
        manifest: A `Manifest`, each field of which is as it must be.

    Raises:
        ValueError: If the programs do not run one after another, from an image
            to answers.
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
            "there are no signatures of stages, or not those of all, or others "
            f"than these: {values.shown(odd)}"
        )
    left = {"image"}  # What a step may read.
    for name in names:
        program = manifest.signatures[name]
        inputs = {one.name for one in program.inputs}
        outputs = {output.name for output in program.outputs}
        if not inputs or inputs - (left if name[:4] == "step" else {"image"}):
            raise ValueError(
                f"the signature {name} reads {values.shown(sorted(inputs))}, "
                "and not just the image and what earlier steps leave"
            )
        lacking = sorted(set(manifest.logits_names.values()) - outputs)
        if lacking:
            raise ValueError(
                f"the signature {name} gives no {values.shown(lacking)}"
            )
        left |= outputs
    _check_counts(manifest, manifest.signatures[names[0]].inputs[0])


def _check_counts(manifest, image):
    """Holds the lengths of lists against the stages and the channels."""
    if manifest.thresholds is not None:
        values.items([*manifest.thresholds], {len(manifest.stages) - 1})
    for record in (manifest.preprocessing, manifest.pixels):
        if record is not None:
            for name in ("mean", "std"):
                values.items(record[name], {1, image.shape[-1] or 1})


def _stages(stages):
    for one in values.items(stages):
        values.record(one, (*_STAGE, "top1_error"))
        for name, least in _STAGE.items():
            values.integer(one[name], least)
        values.optional(values.share, one["top1_error"])


def _signatures(signatures):
    for signature in values.record(signatures).values():
        for tensors in values.record(signature, ("inputs", "outputs")).values():
            for one in values.items(tensors):
                _tensor(one)
            values.different([tensor["name"] for tensor in tensors])


def _tensor(tensor):
    values.record(tensor, _TENSOR)
    values.text(tensor["name"])
    values.shape(tensor["shape"])
    dtype = values.dtype(tensor["dtype"])
    values.optional(values.quantization, tensor["quantization"], dtype)


def _versions(versions):
    for value in values.record(versions).values():
        values.text(value)


def _class_names(names):
    for one in names.values() if isinstance(names, dict) else [names]:
        values.texts(one)


def _label_sets(names):
    values.different(values.texts(names))


def _thresholds(thresholds):
    for one in values.items(thresholds):
        values.share(one)


def _or_none(check):
    return functools.partial(values.optional, check)


_NEEDED = {
    "kind": values.text,
    "name": values.text,
    "stages": _stages,
    "signatures": _signatures,
    "sha256": values.text,
    "class_names": _or_none(_class_names),
    "preprocessing": _or_none(values.normalization),
    "versions": _versions,
}
# Those that manifests of earlier versions do not have.
_LATER = {
    "label_sets": _or_none(_label_sets),
    "thresholds": _or_none(_thresholds),
    "quantization": _or_none(values.text),
    "pixels": _or_none(values.pixels),
    "verified": _or_none(values.measurements),
    "resizable": values.flag,
    "task": _or_none(values.text),
}
