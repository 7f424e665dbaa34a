"""Trains a network to stay accurate when it is rounded to 8 bits."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tf_keras

from keras_anytime.export.fine_tuning import FineTuning
from keras_anytime.export.fine_tuning import load_tfmot
from keras_anytime.export.tf_keras_copy import tf_keras_copy
from keras_anytime.export.tf_keras_layers import ZeroOutsideGroups
from keras_anytime.progress import counted
from keras_anytime.progress import progress

# Batches on which the ranges of activations are measured before training.
_CALIBRATION_BATCHES = 8


def quantization_aware(
    model: keras.Model,
    data: Any,
    *,
    epochs: int = 1,
    learning_rate: float = 1e-4,
    stage_weights: Sequence[float] | None = None,
    verbose: bool = True,
) -> keras.Model:
    """Trains a network for a file in 8 bits.

    During training, weights and activations of all stages are rounded as they
    will be on the device. The ranges of activations are first measured on some
    batches of the data. The weights that come back are floats; the export
    rounds them.

    ```python notest
    trained = ka.export.quantization_aware(model, (images, labels))
    ka.export.tflite(
        trained, "run/int8.tflite", quantization="int8", representative=images
    )
    ```

    Args:
        model: A trained `AnytimeModel`, which does not change.
        data: A `tf.data.Dataset` of batches (examples, labels), or a pair of
            arrays, which are taken in batches of 32. Examples of several inputs
            are a dict by name, or a tuple in their order. Labels are those of
            the task, integers for classes; with label sets a dict from these
            to labels.
        epochs: Integer. Passes over the data.
        learning_rate: Float, the learning rate of Adam.
        stage_weights: Sequence of one weight per stage for the mean of the
            stages' losses, or `None` for equal weights. The loss is the
            cross-entropy, for a regression the mean squared error, without
            regularizers.
        verbose: Boolean. Whether a line on the standard error says of each
            epoch what is done and how long it took.

    Returns:
        A new `AnytimeModel`, not compiled.

    Raises:
        ValueError: If an argument is out of range, the data do not match the
            network, or tf_keras has no counterpart of a layer.
        FloatingPointError: If a weight is not finite after training.
    """
    training = FineTuning(
        model, data, epochs, learning_rate, stage_weights, verbose
    )
    for name, tensor in model.feature_inputs.items():
        if not keras.backend.is_float_dtype(tensor.dtype):
            raise ValueError(
                "Training in 8 bits rounds inputs of floats, and tfmot takes "
                "no others: export with quantization='int8' instead. Received: "
                f"a network with the input {name!r} of type {tensor.dtype}"
            )
    stages = counted(model.num_stages, "stage")
    with progress(f"Preparing {stages} for training in 8 bits", verbose):
        copy, quantized = _prepare(model, training)
    training.fit(quantized)
    layers = {layer.name: layer for layer in quantized.layers}
    for layer in copy.layers:
        if layer.weights:
            trained = layers.get(f"quant_{layer.name}") or layers[layer.name]
            values = {_short_name(v): v.numpy() for v in trained.weights}
            layer.set_weights([values[_short_name(v)] for v in layer.weights])
    return training.network_of(copy)


def _prepare(model: keras.Model, training: FineTuning) -> tuple[Any, Any]:
    """Returns the tf_keras copy, and the model that rounds as it is trained.

    Args:
        model: As in `quantization_aware`.
        training: The `FineTuning`, whose data the ranges are measured on.
    """
    quantization = load_tfmot().quantization.keras
    copy = tf_keras_copy(model)
    folded = _folded_normalizations(copy)

    def annotate(layer):
        # A normalization that follows no convolution stays in floats, and is
        # rounded after its activation.
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            if layer.name not in folded:
                return layer
        return quantization.quantize_annotate_layer(layer)

    ranges = _activation_ranges(copy, training.data.take(_CALIBRATION_BATCHES))
    with quantization.quantize_scope({"ZeroOutsideGroups": ZeroOutsideGroups}):
        annotated = tf_keras.models.clone_model(copy, clone_function=annotate)
        try:
            quantized = quantization.quantize_apply(annotated)
        except RuntimeError as error:
            raise ValueError(
                f"tfmot cannot round a layer: {error} Received: {model.name!r}"
            ) from error
    layers = {layer.name: layer for layer in quantized.layers}
    for layer in copy.layers:
        _set_range(layers.get(f"quant_{layer.name}"), ranges[layer.name])
    for layer in quantized.layers:
        # tfmot rounds each input in a layer of its own.
        if layer.name.startswith("quantize_layer"):
            source = layer.input.node.layer.name
            _set_range(layer, ranges[source])
    return copy, quantized


def _activation_ranges(
    copy: Any, data: Iterable[Any]
) -> dict[str, tuple[float, float]]:
    """Returns the least and largest output of each layer.

    Args:
        copy: A `tf_keras.Model` as from `tf_keras_copy`.
        data: Iterable of batches (examples, labels).

    Returns:
        Dict from the layers' names to pairs of floats. Each range contains 0,
        because rounded activations have an exact zero.
    """
    all_outputs = tf_keras.Model(
        copy.input, {layer.name: layer.output for layer in copy.layers}
    )
    ranges = {layer.name: (0.0, 0.0) for layer in copy.layers}
    for examples, _ in data:
        for name, values in all_outputs(examples, training=False).items():
            values = np.asarray(values)
            low, high = ranges[name]
            ranges[name] = (
                min(low, float(values.min())),
                max(high, float(values.max())),
            )
    return ranges


def _folded_normalizations(copy: Any) -> set[str]:
    """Returns the names of normalizations that devices fold into kernels.

    Args:
        copy: A `tf_keras.Model` as from `tf_keras_copy`.
    """
    kinds = (
        tf_keras.layers.Conv2D,
        tf_keras.layers.Dense,
        tf_keras.layers.DepthwiseConv2D,
    )
    foldable_outputs = {
        id(layer.output)
        for layer in copy.layers
        if type(layer) in kinds
        and layer.activation is tf_keras.activations.linear
        and len(layer.outbound_nodes) == 1
        and layer.name not in copy.output_names
    }
    return {
        layer.name
        for layer in copy.layers
        if isinstance(layer, tf_keras.layers.BatchNormalization)
        and id(layer.input) in foldable_outputs
    }


def _set_range(layer: Any, output_range: tuple[float, float]) -> None:
    """Sets the range in which a layer's output is rounded in training.

    tfmot starts from -6 to 6 and moves the range by a thousandth in each
    training step, which is too slow for a short training.

    Args:
        layer: A layer of a model that tfmot quantized, or `None`.
        output_range: Pair of floats, as from `_activation_ranges`.
    """
    low, high = output_range
    if low == high:
        return
    output_names = ("output", "post_activation", "quantize_layer")
    for variable in layer.weights if layer else ():
        name, _, end = _short_name(variable).rpartition("_")
        if name in output_names and end in ("min", "max"):
            variable.assign(low if end == "min" else high)


def _short_name(variable: Any) -> str:
    """Returns the name of a tf_keras variable in its layer."""
    return variable.name.rpartition("/")[2].partition(":")[0]
