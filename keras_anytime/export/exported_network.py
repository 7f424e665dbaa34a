"""ExportedNetwork: the part of a network that an export writes."""

import copy
import functools
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime.confidence import check_flag
from keras_anytime.confidence import check_has_confidence
from keras_anytime.confidence import check_has_products
from keras_anytime.confidence import check_temperatures
from keras_anytime.confidence import check_thresholds
from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.provenance import versions
from keras_anytime.evaluation.risk_control import RiskControl
from keras_anytime.export.class_names import resolve_class_names
from keras_anytime.export.dense_slices import dense_slices
from keras_anytime.export.preprocessing import pixel_input
from keras_anytime.export.preprocessing import resolve_preprocessing
from keras_anytime.export.programs import signature_of
from keras_anytime.export.programs import stage_programs
from keras_anytime.export.rebuild import exportable
from keras_anytime.export.risk_record import risk_record
from keras_anytime.export.safe_names import safe_inputs
from keras_anytime.manifest.manifest import Manifest
from keras_anytime.manifest.manifest import Signature
from keras_anytime.manifest.manifest import StageRecord
from keras_anytime.saving.finite import check_finite
from keras_anytime.stages.checks import check_anytime_model
from keras_anytime.stages.cost import stage_costs
from keras_anytime.stages.subset import subset
from keras_anytime.tasks import Task


class ExportedNetwork:
    """The part of a network that an export writes, and its manifest.

    Each exporter builds it once, which checks all arguments, and then asks it
    for the programs and the manifest.

    Args:
        model: An `AnytimeModel`.
        stages: As in `export.tflite`.
        batch_size: As in `export.tflite`.
        curve: As in `export.tflite`.
        class_names: As in `export.tflite`.
        preprocessing: As in `export.tflite`.
        thresholds: As in `export.tflite`.
        temperatures: As in `export.tflite`.
        product_answers: As in `export.tflite`.
        risk: As in `export.tflite`.
        pixels: As in `export.tflite`.
        subnets: As in `export.tflite`.
        dense_subnets: As in `export.tflite`.
        dense_kernels: Boolean. Whether grouped convolutions are exported as
            dense ones; see `rebuild.exportable`.

    Attributes:
        part: `AnytimeModel` of the exported stages. It shares the model's
            variables.
        stages: List of integers, the numbers of its stages in the model.
        class_names: As in `Manifest`.
        preprocessing: Dict with `scale`, `mean` and `std`, or `None`.
        pixels: Dict as from `preprocessing.pixel_input`, or `None`.
        thresholds: Tuple of floats, or `None`.
        temperatures: Tuple of floats, or `None`.
        product_answers: Boolean.
        risk: Dict as in `Manifest`, or `None`.
        task: String, dict or `None`, as in `Manifest`.
        costs: List of one `StageCost` for each exported stage.
        errors: List of dicts with the errors of each exported stage, as
            `StageRecord` has them; empty if they were not measured.

    Raises:
        ValueError: If an argument does not match the model.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        stages: Sequence[int] | None = None,
        batch_size: int | None = None,
        curve: AnytimeCurve | None = None,
        class_names: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
        preprocessing: Mapping[str, Any] | None = None,
        thresholds: Sequence[float] | None = None,
        temperatures: Sequence[float] | None = None,
        product_answers: bool = False,
        risk: RiskControl | None = None,
        pixels: bool | tuple[int, int] | None = False,
        subnets: bool = True,
        dense_subnets: bool = False,
        dense_kernels: bool = True,
    ):
        check_anytime_model(model)
        _check_inputs(model)
        if batch_size is not None and batch_size < 1:
            raise ValueError(
                "`batch_size` must be 1 or more, or None. "
                f"Received: batch_size={batch_size}"
            )
        if not subnets and (dense_subnets or not model.interruptible):
            raise ValueError(
                "A file without subnetworks needs steps, and `dense_subnets` "
                f"has no effect on it. Received: subnets={subnets}, "
                f"dense_subnets={dense_subnets}, for a network that has "
                f"{'steps' if model.interruptible else 'no steps'}"
            )
        self.batch_size = batch_size
        self.part, self.stages = subset(model, stages)
        self.preprocessing = resolve_preprocessing(model, preprocessing)
        self.pixels = pixel_input(model, pixels, self.preprocessing)
        self.class_names = resolve_class_names(model, class_names)
        self.task = _manifest_task(model)
        if thresholds is not None or temperatures is not None:
            first = next(iter(model.tasks.values()))
            check_has_confidence(_task_name(first), first.size)
        self.thresholds: tuple[float, ...] | None = None
        # What messages say of the stages.
        which = "" if stages is None else f" {self.stages} of the export"
        if thresholds is not None:
            self.thresholds = check_thresholds(
                thresholds, len(self.stages), which
            )
        self.temperatures: tuple[float, ...] | None = None
        if temperatures is not None:
            self.temperatures = check_temperatures(
                temperatures, len(self.stages), which
            )
        self.product_answers = check_flag("product_answers", product_answers)
        if self.product_answers:
            check_has_products(
                {name: _task_name(task) for name, task in model.tasks.items()},
                min(output.shape[-1] for output in model.outputs),
            )
        self.risk = risk_record(
            risk,
            {
                "thresholds": self.thresholds,
                "stages": tuple(self.stages),
                "product_answers": self.product_answers,
                "temperatures": self.temperatures,
                "label_set": next(iter(model.label_sets), None),
            },
        )
        self.costs = stage_costs(self.part)
        self.errors = _errors(model, curve, self.stages, self.product_answers)
        self._subnets = subnets
        self._dense_subnets = dense_subnets
        self._dense_kernels = dense_kernels

    @functools.cached_property
    def programs(self) -> dict[str, keras.Model]:
        """Dict from signature names to models, as from `stage_programs`.

        Raises:
            FloatingPointError: If a variable of these stages is not finite.
        """
        check_finite(
            self.part.variables,
            "The model is not exported",
            "Export the last checkpoint that was saved.",
        )
        model = exportable(self.part, self._dense_kernels, self.pixels)
        programs = stage_programs(model, self.stages, self._subnets)
        if self._dense_subnets:
            programs |= {
                name: dense_slices(program)
                for name, program in programs.items()
                if name.startswith("subnet_")
            }
        return programs

    def with_weights_of(self, model: keras.Model) -> "ExportedNetwork":
        """Returns the same export with the weights of another model.

        Args:
            model: An `AnytimeModel` with the layers of the original one.
        """
        other = copy.copy(self)
        vars(other).pop("programs", None)  # They hold the former weights.
        other.part, _ = subset(model, self.stages)
        return other

    def manifest(self, kind: str, quantization: str | None = None) -> Manifest:
        """Returns the manifest, whose checksum is still empty.

        Args:
            kind: `"saved_model"` or `"tflite"`.
            quantization: String, as in `export.tflite`, or `None`.
        """
        signatures = {
            name: signature_of(program, self.batch_size)
            for name, program in self.programs.items()
        }
        return Manifest(
            kind=kind,
            name=self.part.name,
            stages=tuple(
                StageRecord(
                    stage=stage,
                    macs=cost.macs,
                    parameters=cost.parameters,
                    step_macs=cost.step_macs,
                    step_parameters=cost.step_parameters,
                    **errors,
                )
                for stage, cost, errors in zip(
                    self.stages, self.costs, self.errors, strict=True
                )
            ),
            signatures=signatures,
            sha256="",
            class_names=self.class_names,
            preprocessing=self.preprocessing if self.pixels is None else None,
            versions=versions(),
            label_sets=self.part.label_sets or None,
            thresholds=self.thresholds,
            temperatures=self.temperatures,
            product_answers=self.product_answers,
            risk=self.risk,
            quantization=quantization,
            pixels=self.pixels,
            task=self.task,
            inputs=self._input_names(signatures),
            tokens=self._tokens(signatures),
        )

    def _input_names(
        self, signatures: Mapping[str, Signature]
    ) -> tuple[str, ...] | None:
        """Returns the inputs that programs read; `None` for a single one."""
        if len(self.part.inputs) == 1:
            return None
        read = {
            tensor.name
            for signature in signatures.values()
            for tensor in signature.inputs
        }
        return tuple(
            name for name in safe_inputs(self.part).values() if name in read
        )

    def _tokens(
        self, signatures: Mapping[str, Signature]
    ) -> dict[str, int] | None:
        """Returns how many tokens inputs of tokens take; `None` without any."""
        names = self._input_names(signatures)
        counts = {
            safe_inputs(self.part)[name]: count
            for name, count in self.part.token_limits.items()
        }
        return {
            name: count
            for name, count in counts.items()
            if names is None or name in names
        } or None


def _check_inputs(model: keras.Model) -> None:
    """Raises a `ValueError` if an input has no fixed size, or no numbers."""
    for name, tensor in model.feature_inputs.items():
        if None in tensor.shape[1:]:
            raise ValueError(
                "An export takes inputs of one size: build the network with "
                f"it. Received: a model with the input {name!r} of shape "
                f"{tensor.shape}"
            )
        dtype = keras.backend.standardize_dtype(tensor.dtype)
        if dtype in ("string", "complex64", "complex128"):
            raise ValueError(
                "An export takes inputs of real numbers: turn strings into "
                "integers before the network. "
                f"Received: a model with the input {name!r} of type {dtype}"
            )


def _task_name(task: Task) -> str | None:
    """Returns a task as manifests name it."""
    return None if task.name in ("classification", "undeclared") else task.name


def _manifest_task(
    model: keras.Model,
) -> str | dict[str, str | None] | None:
    """Returns the task of a network, as `Manifest` has it."""
    names = {key: _task_name(task) for key, task in model.tasks.items()}
    if not any(names.values()):
        return None
    return names if model.label_sets else names[None]


def _errors(
    model: keras.Model,
    curve: AnytimeCurve | None,
    stages: Sequence[int],
    product_answers: bool,
) -> list[dict[str, float | None]]:
    """Returns the errors of some stages, from the curve of the model."""
    if curve is None:
        return [{}] * len(stages)
    label_set = next(iter(model.label_sets), None)
    if not curve.matches(
        stage_costs(model), model.outputs[0].shape[-1]
    ) or curve.label_set not in (None, label_set):
        raise ValueError(
            "`curve` must have been measured on the exported model, in "
            "the first of several label sets. "
            f"Received: a curve of {len(curve.points)} stages of "
            f"{curve.name!r} with {curve.classes} classes"
        )
    if curve.product_answers != product_answers:
        raise ValueError(
            "`curve` must be of the answers that the file gives: of product "
            "answers with `product_answers=True`, else of each stage alone. "
            "Leave it out and measure the file with `ka.export.verify`, or "
            "measure it on such predictions. "
            f"Received: product_answers={product_answers} with a curve of "
            + ("product answers" if curve.product_answers else "each alone")
        )
    if product_answers and list(stages) != list(range(1, len(stages) + 1)):
        raise ValueError(
            "Product answers multiply the stages that are exported, and those "
            "of `curve` multiply others too: leave it out and measure the file "
            "with `ka.export.verify`. "
            f"Received: stages={list(stages)} with a curve of product answers"
        )
    first = next(iter(model.tasks.values()))
    return [
        _errors_of(curve.points[stage - 1], _task_name(first))
        for stage in stages
    ]


def _errors_of(point: Any, task: str | None) -> dict[str, float | None]:
    """Returns the errors of a curve's point as `StageRecord` has them."""
    if task in (None, "binary"):
        names = ("top1_error", "error")
        (error, *_) = [
            getattr(point, name) for name in names if hasattr(point, name)
        ]
        return {"top1_error": error}
    return {"error": point.error, "miou": getattr(point, "miou", None)}
