"""The manifest beside an exported file: what is in it and how to call it.

A device reads it without Keras or TensorFlow.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import pathlib

from keras_anytime.files import open_regular
from keras_anytime.files import read_small
from keras_anytime.files import user_path
from keras_anytime.manifest import schema
from keras_anytime.manifest.paths import checksum
from keras_anytime.manifest.paths import manifest_path
from keras_anytime.manifest.paths import pending_path
from keras_anytime.manifest.paths import why_missing
from keras_anytime.manifest.values import shown

FORMAT = "keras_anytime"
FORMAT_VERSION = 1
# A manifest of a thousand classes and a hundred signatures takes 1 MB. JSON of
# so many bytes takes 100 MB of memory at the most, and a second to read.
LARGEST_BYTES = 4 * 2**20


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
            several label sets, that of the first. Of a quantized file it is
            that of the file itself, by `ka.export.verify`.
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
            `ka.export.verify`.
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
        return tuple(f"{kind}_{stage.stage}" for stage in self.stages)

    @functools.cached_property
    def scales(self) -> dict[str, dict[str, dict | None]]:
        """The quantization of each output, by signatures; `None` of floats."""
        return {
            name: {
                output.name: output.quantization for output in signature.outputs
            }
            for name, signature in self.signatures.items()
        }

    @property
    def logits_names(self) -> dict[str | None, str]:
        """The outputs with logits, by label sets; `None` is the only set."""
        if self.label_sets is None:
            return {None: "logits"}
        return {name: f"logits_{name}" for name in self.label_sets}

    def to_json(self) -> str:
        """Returns the manifest as JSON text.

        Raises:
            ManifestError: If it is none that could be read again.
        """
        content = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            **dataclasses.asdict(self),
        }
        content["checksum"] = _checksum_of(content)
        text = json.dumps(content, indent=2) + "\n"
        try:
            if len(text) > LARGEST_BYTES:
                raise ValueError(f"it is larger than {LARGEST_BYTES} bytes")
            _parse(json.loads(text))
        except ValueError as error:
            raise ManifestError(
                f"This network has no manifest that could be read: {error}."
            ) from error
        return text


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

    Args:
        path: The exported `.tflite` file or SavedModel folder.

    Returns:
        A `Manifest` whose checksum is that of the file; `None` if there is no
        such, as when the file is damaged.

    Raises:
        ManifestError: If there is no manifest that this version reads.
        OSError: If the file cannot be read.
    """
    return read_verified(path)[0]


def read_verified(
    path: str | pathlib.Path,
) -> tuple[Manifest | None, bytes | None]:
    """Reads an exported file, and the manifest that it was written with.

    File and manifest are moved in place one after the other. Where the
    exporting process was killed in between, the manifest is the one that
    waits beside; see `pending_path`.

    Args:
        path: The exported `.tflite` file or SavedModel folder.

    Returns:
        Pair of a `Manifest` as of `matching_manifest`, and the very bytes that
        have its checksum, whatever becomes of the file; `None` of a folder.

    Raises:
        ManifestError: If there is no manifest that this version reads.
        OSError: If the file cannot be read.
    """
    path = user_path(path)
    before = None
    while True:
        content = None
        if not path.exists():
            raise ManifestError(why_missing(path))
        if path.is_dir():
            digest = checksum(path)
        else:
            with open_regular(path) as file:
                content = file.read()
            digest = hashlib.sha256(content).hexdigest()
        found = _manifests(path)
        for one in found:
            if one.sha256 == digest:
                return one, content
        now = digest, [one.sha256 for one in found]
        if now == before:
            return None, content
        # An export may have replaced one before, and one after it was read.
        before = now


def settle(path: pathlib.Path) -> None:
    """Moves the manifest of an exported file in place, if it waits still.

    An export that was killed has left it so. It would be lost with the next
    manifest that waits.
    """
    try:
        pending = _read(pending_path(path), path)
        if path.is_file() and pending.sha256 == checksum(path):
            pending_path(path).replace(manifest_path(path))
    except ManifestError:
        return


def _manifests(path) -> list[Manifest]:
    """Returns the manifest of a file, and the one that waits, if any."""
    found = []
    waits = pending_path(path).exists()
    try:
        found.append(read_manifest(path))
    except ManifestError:
        # A file's first export may have been killed before it had a manifest.
        if not waits:
            raise
    if waits:
        with contextlib.suppress(ManifestError):
            found.append(_read(pending_path(path), path))
    return found


def _read(where, path) -> Manifest:
    try:
        content = read_small(where, LARGEST_BYTES)
    except FileNotFoundError as error:
        raise ManifestError(why_missing(path)) from error
    except OSError as error:
        raise ManifestError(
            f"The manifest {str(where)!r} cannot be read: {error}"
        ) from error
    try:
        fields = json.loads(content)
        given = fields["format"], fields.get("format_version")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ManifestError(
            f"{str(where)!r} is not a manifest of keras_anytime."
        ) from error
    if given != (FORMAT, FORMAT_VERSION):
        raise ManifestError(
            f"{str(where)!r} has a format that this version does not read: "
            f"it reads {FORMAT} version {FORMAT_VERSION}. Received: "
            "{} version {}".format(*map(shown, given))
        )
    try:
        manifest = _parse(fields)
        _check_genuine(fields)
        return manifest
    except ValueError as error:
        raise ManifestError(f"{str(where)!r} is damaged: {error}.") from error


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


def _parse(fields) -> Manifest:
    """Returns the manifest of a JSON object.

    Raises:
        ValueError: If a field is not as it was ever written.
    """
    schema.check_fields(fields)
    label_sets = fields.get("label_sets")
    names = fields["class_names"]
    if names is not None:
        by_set = {
            label_set: tuple(names[label_set]) for label_set in label_sets or ()
        }
        names = by_set or tuple(names)
    thresholds = fields.get("thresholds")
    known = {field.name for field in dataclasses.fields(Manifest)}
    manifest = Manifest(
        **{
            **{name: fields[name] for name in known if name in fields},
            "stages": tuple(StageRecord(**one) for one in fields["stages"]),
            "signatures": {
                name: Signature(
                    *(tuple(map(_tensor, one[end])) for end in _ENDS)
                )
                for name, one in fields["signatures"].items()
            },
            "class_names": names,
            "label_sets": None if label_sets is None else tuple(label_sets),
            "thresholds": None if thresholds is None else tuple(thresholds),
        }
    )
    schema.check_programs(manifest)
    return manifest


_ENDS = ("inputs", "outputs")


def _tensor(entry) -> TensorSpec:
    return TensorSpec(**{**entry, "shape": tuple(entry["shape"])})
