"""The manifest beside an exported file: what is in it and how to call it.

Pure Python, so that a device reads it without Keras or TensorFlow.
"""

import dataclasses
import hashlib
import json
import pathlib

FORMAT = "keras_anytime"
FORMAT_VERSION = 1


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
        stage: Integer, counted from 1.
        macs: Integer. Multiply-adds of the subnetwork, for one image.
        parameters: Integer. Trainable parameters of the subnetwork.
        step_macs: Integer. Multiply-adds of the step alone.
        step_parameters: Integer. Trainable parameters of the step alone.
        top1_error: Float in [0, 1], or `None` where it was not measured.
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
        signatures: Dict from `step_k` and `subnet_k` to `Signature`.
        sha256: String. Checksum of the file, or of the folder's files.
        class_names: Tuple of strings in the order of the logits, or `None`.
        preprocessing: Dict that says how pixels become the input, or `None`.
        versions: Dict from libraries to the versions that exported.
    """

    kind: str
    name: str
    stages: tuple[StageRecord, ...]
    signatures: dict[str, Signature]
    sha256: str
    class_names: tuple[str, ...] | None = None
    preprocessing: dict | None = None
    versions: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def num_stages(self) -> int:
        """Number of stages K."""
        return len(self.stages)

    def to_json(self) -> str:
        """Returns the manifest as JSON text."""
        content = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            **dataclasses.asdict(self),
        }
        return json.dumps(content, indent=2) + "\n"


class ManifestError(ValueError):
    """A manifest is missing, or is none that this version reads."""


def manifest_path(path: str | pathlib.Path) -> pathlib.Path:
    """Returns where the manifest of an exported file or folder is."""
    path = pathlib.Path(path)
    if path.is_dir():
        return path / "manifest.json"
    return path.with_name(f"{path.name}.json")


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
    try:
        text = where.read_text()
    except OSError as error:
        raise ManifestError(
            f"{str(path)!r} was not exported by keras_anytime: there is no "
            f"manifest {str(where)!r}."
        ) from error
    try:
        content = json.loads(text)
        known = content["format"] == FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestError(
            f"{str(where)!r} is not a manifest of keras_anytime."
        ) from error
    if not known or content.get("format_version") != FORMAT_VERSION:
        raise ManifestError(
            f"{str(where)!r} has a format that this version does not read: "
            f"it reads {FORMAT} version {FORMAT_VERSION}. "
            f"Received: {content['format']} version "
            f"{content.get('format_version')}"
        )
    try:
        return _parse(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ManifestError(
            f"{str(where)!r} is damaged: {type(error).__name__}: {error}."
        ) from error


def checksum(path: str | pathlib.Path) -> str:
    """Returns the SHA-256 of a file, or of a folder's files and their names.

    Manifests inside a folder are left out, since they hold the checksum.
    """
    path = pathlib.Path(path)
    digest = hashlib.sha256()
    if path.is_file():
        _feed(digest, path)
        return digest.hexdigest()
    for file in sorted(one for one in path.rglob("*") if one.is_file()):
        name = file.relative_to(path).as_posix()
        if name != "manifest.json":
            digest.update(f"{name}\n".encode())
            _feed(digest, file)
    return digest.hexdigest()


def _feed(digest, path):
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)


def _parse(content) -> Manifest:
    stages = tuple(StageRecord(**stage) for stage in content["stages"])
    if not stages or [one.stage for one in stages] != list(
        range(1, len(stages) + 1)
    ):
        raise ValueError("stages are not numbered from 1")
    class_names = content["class_names"]
    return Manifest(
        kind=content["kind"],
        name=content["name"],
        stages=stages,
        signatures={
            name: Signature(
                inputs=_tensors(signature["inputs"]),
                outputs=_tensors(signature["outputs"]),
            )
            for name, signature in content["signatures"].items()
        },
        sha256=content["sha256"],
        class_names=class_names and tuple(class_names),
        preprocessing=content["preprocessing"],
        versions=content["versions"],
    )


def _tensors(entries) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(**{**entry, "shape": tuple(entry["shape"])})
        for entry in entries
    )
