"""Manifest: what an exported file contains and how to run it."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from keras_anytime.manifest import schema

FORMAT = "keras_anytime"
FORMAT_VERSION = 1
#: The name of a network's only input, whatever it takes.
SINGLE_INPUT = "image"
# Batch, height, width and channels.
IMAGE_RANK = 4
# A manifest of a thousand classes and a hundred signatures takes 1 MB. JSON
# text of this size takes at most 100 MB of memory and one second to read.
MAX_BYTES = 4 * 2**20


class ManifestError(ValueError):
    """A manifest is missing, damaged or of an unknown version."""


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """A named input or output of a signature.

    Args:
        name: String, the name by which the signature knows the tensor.
        shape: Tuple of integers; `None` in it stands for any size.
        dtype: String, a NumPy type name.
        quantization: Dict with `scale` and `zero_point`, or `None` for a
            tensor that is not quantized.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    quantization: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Signature:
    """The inputs and outputs of one program in an exported file.

    Args:
        inputs: Tuple of `TensorSpec`.
        outputs: Tuple of `TensorSpec`.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclasses.dataclass(frozen=True)
class StageRecord:
    """The number, the cost and the error of one exported stage.

    Args:
        stage: Integer, counted from 1 as in the model. An export of some
            stages keeps their numbers.
        macs: Integer. Multiply-adds of the subnetwork, for one example.
        parameters: Integer. Trainable parameters of the subnetwork.
        step_macs: Integer. Multiply-adds of the step alone.
        step_parameters: Integer. Trainable parameters of the step alone.
        top1_error: Float in [0, 1], or `None` if it was not measured or the
            task is not the choice of one class or a binary answer. With
            several label sets it is the error of the first set. After
            `ka.export.verify` it is the error of the file itself, which
            quantization may have changed.
        error: Float, the mean error of another task instead: the absolute
            error of a regression in the labels' units, or the share of wrong
            labels or positions. `None` as for `top1_error`.
        miou: Float in [0, 1], the mean intersection over union of a
            segmentation, or `None`.
    """

    stage: int
    macs: int
    parameters: int
    step_macs: int
    step_parameters: int
    top1_error: float | None = None
    error: float | None = None
    miou: float | None = None


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Everything that a program needs to run an exported network.

    ```python
    manifest = ka.manifest.read_manifest("run/anytime.tflite")
    for stage in manifest.stages:
        print(stage.stage, stage.macs, stage.top1_error)
    print(manifest.signatures["step_1"].inputs[0].shape)
    ```

    Args:
        kind: `"saved_model"` or `"tflite"`.
        name: String. The network's name.
        stages: Tuple of one `StageRecord` per stage.
        signatures: Dict from `step_k` and `subnet_k` to `Signature`. A network
            whose stages share no features has no steps, and a file may have
            been written without subnetworks.
        sha256: String. Checksum of the file, or of the folder's files.
        class_names: Tuple of strings in the order of the logits, or a dict
            from label sets to such tuples, or `None`.
        preprocessing: Dict with `scale`, `mean` and `std`: the network's image
            is `(pixel / scale - mean) / std`; of a single input that takes no
            images, each value is prepared so. `None` if that is not known or
            the file prepares pixels itself.
        versions: Dict from libraries to the versions that wrote the file.
        label_sets: Tuple of strings, the label sets for which each stage has
            an output, finest first; `None` for a network with one set.
        thresholds: Tuple of K - 1 floats in [0, 1], or `None`. An answer of
            stages 1 to K - 1 is final if its confidence is above the stage's
            threshold; see `ka.evaluation.confidence_thresholds`.
        temperatures: Tuple of K positive floats, or `None`. Confidences are
            those of the logits divided by the stage's temperature; see
            `ka.evaluation.fit_temperatures`. The logits of answers are not
            divided. With label sets, they are those of the first set.
        product_answers: Boolean. Whether probabilities and confidences are
            those of product answers: of stage k proportional to the products
            of the positive parts of the logits of stages 1 to k of the file;
            see `ka.evaluation.Predictions.product`. Where these are 0 for all
            classes, the answer is the stage's own.
        risk: Dict with `risk`, `level` and `examples`, what the thresholds
            were chosen for, or `None`: with the probability `level`, early
            answers err at most `risk` more often than the last stage. See
            `ka.evaluation.risk_controlled_thresholds`.
        quantization: String, such as `"int8"`, or `None` for float32.
        pixels: Dict with `size`, `scale`, `mean` and `std` for a file that
            takes uint8 pixels and prepares them itself, or `None`.
        verified: Dict of what `ka.export.verify` measured, or `None`.
        resizable: Boolean. Whether a file with a fixed batch size also runs
            batches of other sizes, because each of its operators treats every
            example by itself. Otherwise they run in batches of that size.
        task: `"binary"` for one logit that answers yes or no,
            `"multi_label"` for one such logit per label, `"regression"` for
            numbers, `"segmentation"` for a class at each position, or `None`
            for the choice of one class. With label sets a dict from them to
            these; a string is the task of the first.
        inputs: Tuple of the names of several inputs, in the order of the
            model; `None` for a single input, which is called `"image"`.
        tokens: Dict from the names of inputs of tokens to how many tokens the
            network knows, which are numbered from 0; `None` if no input is one
            of tokens.
    """

    kind: str
    name: str
    stages: tuple[StageRecord, ...]
    signatures: dict[str, Signature]
    sha256: str
    class_names: tuple[str, ...] | dict[str, tuple[str, ...]] | None = None
    preprocessing: dict[str, Any] | None = None
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    label_sets: tuple[str, ...] | None = None
    thresholds: tuple[float, ...] | None = None
    temperatures: tuple[float, ...] | None = None
    product_answers: bool = False
    risk: dict[str, Any] | None = None
    quantization: str | None = None
    pixels: dict[str, Any] | None = None
    verified: dict[str, Any] | None = None
    resizable: bool = False
    task: str | dict[str, str | None] | None = None
    inputs: tuple[str, ...] | None = None
    tokens: dict[str, int] | None = None

    @property
    def num_stages(self) -> int:
        """Number of stages K."""
        return len(self.stages)

    @property
    def interruptible(self) -> bool:
        """True if the network runs step by step."""
        return f"step_{self.stages[0].stage}" in self.signatures

    @property
    def program_names(self) -> tuple[str, ...]:
        """Names of the signatures that answer stage after stage, in order."""
        kind = "step" if self.interruptible else "subnet"
        return tuple(f"{kind}_{stage.stage}" for stage in self.stages)

    @functools.cached_property
    def scales(self) -> dict[str, dict[str, dict[str, Any] | None]]:
        """Quantization of each output by signatures; `None` for floats."""
        return {
            name: {
                output.name: output.quantization for output in signature.outputs
            }
            for name, signature in self.signatures.items()
        }

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs of the network."""
        return self.inputs or (SINGLE_INPUT,)

    @functools.cached_property
    def input_specs(self) -> dict[str, TensorSpec]:
        """Dict from the names of the inputs to their `TensorSpec`s."""
        first = [self.signatures[name] for name in self.program_names]
        specs = {
            spec.name: spec
            for signature in reversed((*first, *self.signatures.values()))
            for spec in signature.inputs
        }
        return {name: specs[name] for name in self.input_names}

    @property
    def image_input(self) -> str | None:
        """Name of the input that takes images `(height, width, channels)`.

        It is the only input of this rank; `None` if there is none, or more
        than one.
        """
        images = [
            name
            for name, spec in self.input_specs.items()
            if len(spec.shape) == IMAGE_RANK
        ]
        return images[0] if len(images) == 1 else None

    @property
    def tasks(self) -> dict[str | None, str | None]:
        """Tasks by label sets, in their order; the key of one set is `None`."""
        sets = self.label_sets or (None,)
        if isinstance(self.task, dict):
            return {name: self.task.get(str(name)) for name in sets}
        return {**dict.fromkeys(sets), sets[0]: self.task}

    @property
    def logits_names(self) -> dict[str | None, str]:
        """Names of the logits by label sets; the key of one set is `None`."""
        if self.label_sets is None:
            return {None: "logits"}
        return {name: f"logits_{name}" for name in self.label_sets}

    def temperature(self, stage: int) -> float:
        """Returns what divides the logits of a stage before its confidence.

        Args:
            stage: Integer, the number of the stage.

        Returns:
            Float; 1 if the manifest has no temperatures.
        """
        if self.temperatures is None:
            return 1.0
        numbers = [record.stage for record in self.stages]
        return self.temperatures[numbers.index(stage)]

    def to_json(self) -> str:
        """Returns the manifest as JSON text.

        Raises:
            ManifestError: If the text could not be read back.
        """
        content = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            **dataclasses.asdict(self),
        }
        content["checksum"] = content_checksum(content)
        text = json.dumps(content, indent=2) + "\n"
        try:
            if len(text) > MAX_BYTES:
                raise ValueError(f"it is larger than {MAX_BYTES} bytes")
            Manifest.from_fields(json.loads(text))
        except ValueError as error:
            raise ManifestError(
                f"This network has no manifest that could be read: {error}."
            ) from error
        return text

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> "Manifest":
        """Makes a manifest of the fields of its JSON text.

        Args:
            fields: Dict, the JSON object.

        Raises:
            ValueError: If a field is missing, unknown or malformed.
        """
        schema.check_fields(fields)
        label_sets = fields.get("label_sets")
        names = fields["class_names"]
        if names is not None:
            by_set = {
                label_set: tuple(names[label_set])
                for label_set in label_sets or ()
            }
            names = by_set or tuple(names)
        thresholds = fields.get("thresholds")
        temperatures = fields.get("temperatures")
        inputs = fields.get("inputs")
        known = {field.name for field in dataclasses.fields(cls)}
        manifest = cls(
            **{
                **{name: fields[name] for name in known if name in fields},
                "stages": tuple(
                    StageRecord(**stage) for stage in fields["stages"]
                ),
                "signatures": {
                    name: Signature(
                        _tensors(signature["inputs"]),
                        _tensors(signature["outputs"]),
                    )
                    for name, signature in fields["signatures"].items()
                },
                "class_names": names,
                "label_sets": None if label_sets is None else tuple(label_sets),
                "thresholds": None if thresholds is None else tuple(thresholds),
                "temperatures": (
                    None if temperatures is None else tuple(temperatures)
                ),
                "inputs": None if inputs is None else tuple(inputs),
            }
        )
        schema.check_programs(manifest)
        return manifest


def content_checksum(content: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of a manifest's fields, independent of the layout.

    Args:
        content: Dict, the JSON object without its own `checksum`.
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _tensors(entries: list[dict[str, Any]]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(**{**entry, "shape": tuple(entry["shape"])})
        for entry in entries
    )
