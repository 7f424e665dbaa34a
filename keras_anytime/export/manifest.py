"""The manifest beside an exported file: what is in it and how to call it.

A device reads it without Keras or TensorFlow.
"""

import dataclasses
import functools
import hashlib
import json
import pathlib

from keras_anytime.confidence import check_thresholds
from keras_anytime.export.manifest_files import checksum
from keras_anytime.export.manifest_files import manifest_path
from keras_anytime.export.manifest_files import pending_path
from keras_anytime.export.manifest_files import why_missing

FORMAT = "keras_anytime"
FORMAT_VERSION = 1
# A manifest of a thousand classes and a hundred signatures takes 1 MB.
LARGEST_BYTES = 64 * 2**20


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """A named input or output of a signature.

    Args:
        name: String, by which the signature knows it.
        shape: Tuple of integers, or `None` for a size that may vary.
        dtype: String, a NumPy type name.
        quantization: Dict with `scale` and `zero_point`, or `None`.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    quantization: dict | None = None


@dataclasses.dataclass(frozen=True)
class Signature:
    """The inputs and outputs of one program in an exported file."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclasses.dataclass(frozen=True)
class StageRecord:
    """What is known of one stage.

    Args:
        stage: Integer, counted from 1, as in the model: an export of chosen
            stages keeps their numbers.
        macs: Integer. Multiply-adds of the subnetwork, for one image.
        parameters: Integer. Trainable parameters of the subnetwork.
        step_macs: Integer. Multiply-adds of the step alone.
        step_parameters: Integer. Trainable parameters of the step alone.
        top1_error: Float in [0, 1], or `None` where it was not measured; of
            several label sets, that of the first. Of a quantised file it is
            that of the file itself, by `ka.verification.verify`.
    """

    stage: int
    macs: int
    parameters: int
    step_macs: int
    step_parameters: int
    top1_error: float | None = None


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Everything that a program needs to run an exported network.

    Args:
        kind: `"saved_model"` or `"tflite"`.
        name: String. The network's name.
        stages: Tuple of one `StageRecord` per stage.
        signatures: Dict from `step_k` and `subnet_k` to `Signature`. A network
            whose stages share no features has no steps, and a file may have
            been written without subnetworks.
        sha256: String. Checksum of the file, or of the folder's files.
        class_names: Tuple of strings in the order of the logits, or a dict of
            such tuples by label sets, or `None`.
        preprocessing: Dict that says how pixels become the input, or `None`.
        versions: Dict from libraries to the versions that exported.
        label_sets: Tuple of strings, the sets of labels that each stage
            answers in, finest first; `None` for a network with one set.
        thresholds: Tuple of K - 1 floats in [0, 1], the confidences above
            which the answers of stages 1 to K - 1 are final, or `None`; see
            `ka.evaluation.confidence_thresholds`.
        quantization: String, such as `"int8"`, or `None` for float32.
        pixels: Dict with `size`, `scale`, `mean` and `std` of a file that is
            fed uint8 pixels and prepares them itself, or `None`.
        verified: Dict of what was measured on the file, or `None`; see
            `ka.verification.verify`.
        resizable: Boolean. Whether a file of a fixed batch size runs batches
            of other sizes too, since each of its operators treats each image
            by itself. Otherwise images are run in batches of that size.
        task: String, what logits are the answer to where it is no choice of a
            class: `"binary"` (one logit, of a yes) or `"multi_label"` (one of
            each label); else `None`. Of label sets, it is that of the first.
    """

    kind: str
    name: str
    stages: tuple[StageRecord, ...]
    signatures: dict[str, Signature]
    sha256: str
    class_names: tuple[str, ...] | dict[str, tuple[str, ...]] | None = None
    preprocessing: dict | None = None
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    label_sets: tuple[str, ...] | None = None
    thresholds: tuple[float, ...] | None = None
    quantization: str | None = None
    pixels: dict | None = None
    verified: dict | None = None
    resizable: bool = False
    task: str | None = None

    @property
    def num_stages(self) -> int:
        """Number of stages K."""
        return len(self.stages)

    @property
    def interruptible(self) -> bool:
        """Whether the network runs step by step."""
        return f"step_{self.stages[0].stage}" in self.signatures

    @property
    def program_names(self) -> tuple[str, ...]:
        """The signatures that answer stage after stage, in order."""
        kind = "step" if self.interruptible else "subnet"
        return tuple(f"{kind}_{one.stage}" for one in self.stages)

    @functools.cached_property
    def scales(self) -> dict[str, dict[str, dict | None]]:
        """The quantisation of each output, by signatures; `None` of floats."""
        return {
            name: {one.name: one.quantization for one in signature.outputs}
            for name, signature in self.signatures.items()
        }

    @property
    def logits_names(self) -> dict[str | None, str]:
        """The outputs with logits, by label sets; `None` is the only set."""
        if self.label_sets is None:
            return {None: "logits"}
        return {name: f"logits_{name}" for name in self.label_sets}

    def to_json(self) -> str:
        """Returns the manifest as JSON text."""
        content = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            **dataclasses.asdict(self),
        }
        content["checksum"] = _checksum_of(content)
        return json.dumps(content, indent=2) + "\n"


class ManifestError(ValueError):
    """A manifest is missing, or is none that this version reads."""


def read_manifest(path: str | pathlib.Path) -> Manifest:
    """Reads and validates the manifest of an exported file or folder.

    Args:
        path: The exported `.tflite` file or SavedModel folder.

    Returns:
        A `Manifest`.

    Raises:
        ManifestError: If there is none, or it is not one that this version
            reads.
    """
    where = manifest_path(path)
    return _read(where, path)


def matching_manifest(path: str | pathlib.Path) -> Manifest | None:
    """Reads the manifest that an exported file or folder was written with.

    File and manifest are moved in place one after the other. Where the
    exporting process was killed in between, the manifest is the one that
    waits beside; see `pending_path`.

    Args:
        path: The exported `.tflite` file or SavedModel folder.

    Returns:
        A `Manifest` whose checksum is that of the file; `None` if there is no
        such, as when the file is damaged.

    Raises:
        ManifestError: If there is no manifest that this version reads.
    """
    try:
        manifest = read_manifest(path)
        if manifest.sha256 == checksum(path):
            return manifest
    except ManifestError:
        # A file's first export may have been killed before it had a manifest.
        if not pending_path(path).exists():
            raise
    try:
        pending = _read(pending_path(path), path)
    except ManifestError:
        return None
    return pending if pending.sha256 == checksum(path) else None


def _read(where, path) -> Manifest:
    try:
        if where.stat().st_size > LARGEST_BYTES:
            raise ManifestError(
                f"{str(where)!r} is no manifest of keras_anytime: it is larger "
                f"than {LARGEST_BYTES} bytes."
            )
        content = where.read_bytes()
    except FileNotFoundError as error:
        raise ManifestError(why_missing(path)) from error
    except OSError as error:
        raise ManifestError(
            f"The manifest {str(where)!r} cannot be read: {error}"
        ) from error
    try:
        fields = json.loads(content)
        known = fields["format"] == FORMAT
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ManifestError(
            f"{str(where)!r} is not a manifest of keras_anytime."
        ) from error
    if not known or fields.get("format_version") != FORMAT_VERSION:
        raise ManifestError(
            f"{str(where)!r} has a format that this version does not read: "
            f"it reads {FORMAT} version {FORMAT_VERSION}. "
            f"Received: {fields['format']} version "
            f"{fields.get('format_version')}"
        )
    try:
        manifest = _parse(fields)
        _check_genuine(fields)
        return manifest
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
    ) as error:
        raise ManifestError(
            f"{str(where)!r} is damaged: {type(error).__name__}: {error}."
        ) from error


def _checksum_of(content) -> str:
    """Returns the SHA-256 of a manifest's content, however it is laid out."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _check_genuine(fields) -> None:
    """Raises a `ValueError` if fields are not those that were written.

    A single changed character in a name, a threshold or a scale would
    otherwise make wrong answers.
    """
    fields = dict(fields)
    # Manifests of the first development versions have no checksum.
    given = fields.pop("checksum", None)
    if given is not None and given != _checksum_of(fields):
        raise ValueError("it is not as it was written (checksum)")
    known = {one.name for one in dataclasses.fields(Manifest)}
    unknown = sorted(set(fields) - known - {"format", "format_version"})
    if unknown:
        raise ValueError(f"it has unknown fields {unknown}")


def _parse(fields) -> Manifest:
    stages = tuple(
        StageRecord(
            **{name: _as(int, stage[name]) for name in _STAGE_COUNTS},
            top1_error=_as((int, float, type(None)), stage["top1_error"]),
        )
        for stage in _as(list, fields["stages"])
    )
    numbers = [one.stage for one in stages]
    if not stages or numbers != sorted({*numbers}) or numbers[0] < 1:
        raise ValueError("stages are not numbered in order, from 1")
    signatures = {
        name: Signature(
            inputs=_tensors(signature["inputs"]),
            outputs=_tensors(signature["outputs"]),
        )
        for name, signature in _as(dict, fields["signatures"]).items()
    }
    label_sets = _as((list, type(None)), fields.get("label_sets"))
    thresholds = _as((list, type(None)), fields.get("thresholds"))
    manifest = Manifest(
        kind=_as(str, fields["kind"]),
        name=_as(str, fields["name"]),
        stages=stages,
        signatures=signatures,
        sha256=_as(str, fields["sha256"]),
        class_names=_class_names(fields["class_names"], label_sets),
        preprocessing=_as((dict, type(None)), fields["preprocessing"]),
        versions=_as(dict, fields["versions"]),
        label_sets=None if label_sets is None else _strings(label_sets),
        thresholds=(
            None
            if thresholds is None
            else check_thresholds(thresholds, len(stages))
        ),
        quantization=_as((str, type(None)), fields.get("quantization")),
        pixels=_as((dict, type(None)), fields.get("pixels")),
        verified=_as((dict, type(None)), fields.get("verified")),
        task=_as((str, type(None)), fields.get("task")),
        resizable=_as(bool, fields.get("resizable", False)),
    )
    # A network that cannot run step by step has no step at all, and a file
    # may have no subnetworks.
    kinds = [
        kind
        for kind in ("step", "subnet")
        if any(name.startswith(f"{kind}_") for name in signatures)
    ]
    if not kinds:
        raise ValueError("there are no signatures of stages")
    for name in (f"{kind}_{k}" for kind in kinds for k in numbers):
        given = {one.name for one in signatures[name].outputs}
        lacking = sorted(set(manifest.logits_names.values()) - given)
        if lacking:
            raise ValueError(f"the signature {name} gives no {lacking}")
    return manifest


def _class_names(names, label_sets):
    if names is None:
        return None
    if label_sets is None:
        return _strings(names)
    by_set = {one: _strings(_as(dict, names)[one]) for one in label_sets}
    if set(names) != set(by_set):
        raise ValueError("there are class names of an unknown label set")
    return by_set


def _strings(values) -> tuple[str, ...]:
    return tuple(_as(str, value) for value in _as(list, values))


_STAGE_COUNTS = ("stage", "macs", "parameters", "step_macs", "step_parameters")


def _tensors(entries) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(
            name=_as(str, entry["name"]),
            shape=tuple(
                _as((int, type(None)), size)
                for size in _as(list, entry["shape"])
            ),
            dtype=_as(str, entry["dtype"]),
            quantization=_quantization(entry["quantization"]),
        )
        for entry in _as(list, entries)
    )


def _quantization(record):
    if record is None:
        return None
    return {
        "scale": float(_as((int, float), _as(dict, record)["scale"])),
        "zero_point": _as(int, record["zero_point"]),
    }


def _as(kind, value):
    """Returns a value of a manifest if it is of its kind."""
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is not of type {kind}")
    return value
