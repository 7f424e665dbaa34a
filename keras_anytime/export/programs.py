"""The programs of a staged export: steps and subnetworks as functions."""

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from keras_anytime.confidence import check_has_confidence
from keras_anytime.confidence import check_thresholds
from keras_anytime.evaluation import stage_costs
from keras_anytime.export.preparation import exportable
from keras_anytime.manifest.manifest import Manifest
from keras_anytime.manifest.manifest import Signature
from keras_anytime.manifest.manifest import StageRecord
from keras_anytime.manifest.manifest import TensorSpec
from keras_anytime.provenance import versions
from keras_anytime.saving.finite import check_finite
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.stages.subset import subset
from keras_anytime.training.losses import task_of


def programs(model, zero_filled=True, stages=None, pixels=None):
    """Returns the programs of a network, by the names of their signatures.

    Args:
        model: An `AnytimeModel`.
        zero_filled: Boolean. Whether grouped convolutions are exported as
            dense ones, with zeros in the kernel.
        stages: Sequence of integers, the stages to export, or `None` for all.
        pixels: Dict as from `preparation.pixel_input`, or `None`.

    Returns:
        Dict from `step_k` and `subnet_k` of each stage k to `keras.Model`s
        from dicts to dicts of tensors; without the steps where the model is
        not interruptible.

    Raises:
        FloatingPointError: If a variable of these stages is not finite.
    """
    part, numbers = subset(model, stages)
    check_finite(
        part.variables,
        "The model is not exported",
        "Export the last checkpoint that was saved.",
    )
    model = exportable(part, zero_filled, pixels)
    named = {}
    if model.interruptible:
        for k, stage in enumerate(numbers, start=1):
            named[f"step_{stage}"] = model.step(k)
    for stage, answer in zip(
        numbers, model.by_stage(model.outputs), strict=True
    ):
        named[f"subnet_{stage}"] = _subnetwork(model, answer)
    return named


def _subnetwork(model, answer):
    """Returns the subnetwork of an answer, its input called `image`."""
    image = model.image_layer.output
    answer = outputs_lib.named_logits(answer)
    if image.name != "image":
        # Keras wants inputs named as the keys are, and layers keep their names.
        alone = keras.Model(image, answer)
        image = keras.Input(
            batch_shape=image.shape, dtype=image.dtype, name="image"
        )
        answer = keras.models.clone_model(
            alone, image, clone_function=lambda operation: operation
        ).output
    return keras.Model({"image": image}, answer)


def write_saved_model(named, folder, batch_size):
    """Writes programs as one SavedModel that holds each variable once.

    Args:
        named: Dict from signature names to models, as from `programs`.
        folder: Path to write to.
        batch_size: Integer, or `None` for batches of any size.
    """
    archive = keras.export.ExportArchive()
    for name, program in named.items():
        archive.add_endpoint(
            name,
            _function(program),
            input_signature=[
                {
                    key: tf.TensorSpec(
                        (batch_size, *tensor.shape[1:]), tensor.dtype, name=key
                    )
                    for key, tensor in program.input.items()
                }
            ],
        )
    archive.write_out(str(folder), verbose=False)


def describe(
    kind,
    model,
    stages,
    named,
    batch_size,
    curve,
    class_names,
    preprocessing,
    thresholds,
    pixels,
    quantization=None,
):
    """Returns the manifest of an export, its checksum still empty.

    Args:
        kind: `"saved_model"` or `"tflite"`.
        model: The `AnytimeModel`, with all of its stages.
        stages: Sequence of integers, those that are exported, or `None`.
        named: Dict from signature names to models, as from `programs`.
        batch_size: Integer, or `None` for batches of any size.
        curve: An `AnytimeCurve` of the model, or `None`; of several label
            sets, that of the first.
        class_names: Sequence of strings, or `None`; for label sets a dict from
            them to such sequences.
        preprocessing: Dict, or `None`.
        thresholds: Floats in [0, 1], one for each exported stage but the
            last, or `None`.
        pixels: Dict as from `preparation.pixel_input`, or `None`.
        quantization: String, or `None`.

    Returns:
        A `Manifest`.

    Raises:
        ValueError: If the batch size is below 1, or the curve, the class
            names or the thresholds are of another network; or if thresholds
            are given for answers that have no confidence.
    """
    part, stages = subset(model, stages)
    classes = model.outputs[0].shape[-1]
    task = task_of(model.loss, classes) if model.compiled else None
    if thresholds is not None:
        check_has_confidence(task, classes)
    costs = stage_costs(part)
    if batch_size is not None and batch_size < 1:
        raise ValueError(
            "`batch_size` must be 1 or more, or None. "
            f"Received: batch_size={batch_size}"
        )
    errors = [None] * model.num_stages
    if curve is not None:
        if not curve.matches(stage_costs(model), model.outputs[0].shape[-1]):
            raise ValueError(
                "`curve` must have been measured on the exported model, in "
                "the first of several label sets. "
                f"Received: a curve of {len(curve.points)} stages of "
                f"{curve.name!r} with {curve.classes} classes"
            )
        errors = [point.top1_error for point in curve.points]
    return Manifest(
        kind=kind,
        name=model.name,
        stages=tuple(
            StageRecord(
                stage,
                cost.macs,
                cost.parameters,
                cost.step_macs,
                cost.step_parameters,
                errors[stage - 1],
            )
            for stage, cost in zip(stages, costs, strict=True)
        ),
        signatures={
            name: Signature(
                inputs=_specs(program.input, batch_size),
                outputs=_specs(program.output, batch_size),
            )
            for name, program in named.items()
        },
        sha256="",
        class_names=_class_names(model, class_names),
        preprocessing=preprocessing if pixels is None else None,
        versions=versions(),
        label_sets=model.label_sets or None,
        thresholds=(
            None
            if thresholds is None
            else check_thresholds(thresholds, len(stages))
        ),
        quantization=quantization,
        pixels=pixels,
        task=task,
    )


def _class_names(model, names):
    """Returns the class names for the manifest, if they fit the model."""
    if names is None:
        return None
    sets = model.label_sets
    by_set = names if isinstance(names, Mapping) else {None: names}
    if set(by_set) != set(sets or (None,)):
        raise ValueError(
            "`class_names` must be "
            + (f"a dict of {sorted(sets)}. " if sets else "one sequence. ")
            + f"Received: class_names={names}"
        )
    for name, logits in zip(sets or (None,), model.outputs, strict=False):
        classes = logits.shape[-1]
        given = by_set[name]
        if not isinstance(given, (list, tuple, np.ndarray)) or not all(
            isinstance(one, str) for one in given
        ):
            raise ValueError(
                "Class names are strings, in a list in the order of the "
                f"logits. Received: class_names={names}"
            )
        if len(given) != classes:
            raise ValueError(
                f"The network has {classes} "
                + (f"classes of {name!r}. " if sets else "classes. ")
                + f"Received: {len(given)} class_names"
            )
    by_set = {name: tuple(map(str, of)) for name, of in by_set.items()}
    return {name: by_set[name] for name in sets} if sets else by_set[None]


def _function(program):
    # A plain function: an endpoint on the model itself would write each
    # variable a second time.
    return lambda inputs: program(inputs, training=False)


def _specs(tensors, batch_size):
    return tuple(
        TensorSpec(name, (batch_size, *tensor.shape[1:]), tensor.dtype)
        for name, tensor in tensors.items()
    )
