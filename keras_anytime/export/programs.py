"""The programs of a staged export: steps and subnetworks as functions."""

import keras
import tensorflow as tf

from keras_anytime.evaluation import stage_costs
from keras_anytime.export.manifest import Manifest
from keras_anytime.export.manifest import Signature
from keras_anytime.export.manifest import StageRecord
from keras_anytime.export.manifest import TensorSpec
from keras_anytime.provenance import versions


def programs(model):
    """Returns the models to export, by the names of their signatures.

    Args:
        model: An `AnytimeModel`.

    Returns:
        Dict from `step_1` to `step_K` and `subnet_1` to `subnet_K` to
        `keras.Model`s from dicts to dicts of tensors.
    """
    model = in_float32(model)
    image = model.image_layer.output
    named = {}
    for k in range(1, model.num_stages + 1):
        named[f"step_{k}"] = model.step(k)
    for k in range(1, model.num_stages + 1):
        named[f"subnet_{k}"] = keras.Model(
            {"image": image}, {"logits": model.outputs[k - 1]}
        )
    return named


def in_float32(model):
    """Returns a model that computes in float32, with the same weights.

    A network trained in mixed precision would hand 16-bit features from step
    to step, which LiteRT does not take.

    Args:
        model: An `AnytimeModel`.

    Returns:
        The model itself, where it computes in float32 already.
    """
    if all(layer.compute_dtype == "float32" for layer in model.layers):
        return model
    config = model.get_config()
    for layer in config["layers"]:
        if "dtype" in layer["config"]:
            layer["config"]["dtype"] = "float32"
    copy = type(model).from_config(config)
    copy.set_weights(model.get_weights())
    return copy


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


def describe(kind, model, named, batch_size, curve, class_names, preprocessing):
    """Returns the manifest of an export, its checksum still empty.

    Args:
        kind: `"saved_model"` or `"tflite"`.
        model: The exported `AnytimeModel`.
        named: Dict from signature names to models, as from `programs`.
        batch_size: Integer, or `None` for batches of any size.
        curve: An `AnytimeCurve` of the model, or `None`.
        class_names: Sequence of strings, or `None`.
        preprocessing: Dict, or `None`.

    Returns:
        A `Manifest`.

    Raises:
        ValueError: If the batch size is below 1, or the curve or the class
            names are of another network.
    """
    classes = model.outputs[0].shape[-1]
    costs = stage_costs(model)
    if batch_size is not None and batch_size < 1:
        raise ValueError(
            "`batch_size` must be 1 or more, or None. "
            f"Received: batch_size={batch_size}"
        )
    if class_names is not None and len(class_names) != classes:
        raise ValueError(
            f"The network has {classes} classes. "
            f"Received: {len(class_names)} class_names"
        )
    errors = [None] * model.num_stages
    if curve is not None:
        if [p.macs for p in curve.points] != [cost.macs for cost in costs]:
            raise ValueError(
                "`curve` must have been measured on the exported model. "
                f"Received: a curve of {len(curve.points)} stages of "
                f"{curve.name!r}"
            )
        errors = [point.top1_error for point in curve.points]
    return Manifest(
        kind=kind,
        name=model.name,
        stages=tuple(
            StageRecord(
                cost.stage,
                cost.macs,
                cost.parameters,
                cost.step_macs,
                cost.step_parameters,
                error,
            )
            for cost, error in zip(costs, errors, strict=True)
        ),
        signatures={
            name: Signature(
                inputs=_specs(program.input, batch_size),
                outputs=_specs(program.output, batch_size),
            )
            for name, program in named.items()
        },
        sha256="",
        class_names=None if class_names is None else tuple(class_names),
        preprocessing=preprocessing,
        versions=versions(),
    )


def _function(program):
    # A plain function: an endpoint on the model itself would write each
    # variable a second time.
    return lambda inputs: program(inputs, training=False)


def _specs(tensors, batch_size):
    return tuple(
        TensorSpec(name, (batch_size, *tensor.shape[1:]), tensor.dtype)
        for name, tensor in tensors.items()
    )
