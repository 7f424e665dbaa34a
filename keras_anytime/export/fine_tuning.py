"""Compressing trained networks: fine-tuning that makes their files smaller.

The tools are those of the TensorFlow Model Optimization toolkit (tfmot), which
knows tf_keras alone. They work on a twin of the network, see `twin`.
"""

import dataclasses
import zlib

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from keras_anytime.export.preprocessing import described
from keras_anytime.export.representative import check_prepared
from keras_anytime.export.tf_keras_copy import InGroups
from keras_anytime.export.tf_keras_copy import activation_ranges
from keras_anytime.export.tf_keras_copy import folded_normalizations
from keras_anytime.export.tf_keras_copy import load_tfmot
from keras_anytime.export.tf_keras_copy import make_twin
from keras_anytime.export.tf_keras_copy import set_ranges
from keras_anytime.export.tf_keras_copy import short_name
from keras_anytime.export.tf_keras_copy import take_weights
from keras_anytime.files import user_path
from keras_anytime.saving.finite import check_finite
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.stages.checks import check_anytime_model
from keras_anytime.training.inputs import check_examples

_BATCH_SIZE = 32
# Batches that tell the ranges of activations before training.
_CALIBRATION_BATCHES = 8
_PRUNING_UPDATES = 100
_WITH_KERNEL = (tf_keras.layers.Conv2D, tf_keras.layers.Dense)


@dataclasses.dataclass(frozen=True)
class FileSizes:
    """What a file takes, as it is and compressed.

    Attributes:
        raw: Integer. Bytes of the file.
        compressed: Integer. Bytes after zlib at level 9, as in the packages
            that applications come in.
    """

    raw: int
    compressed: int


def file_sizes(path):
    """Returns the sizes of an exported file.

    Zeros and repeated values take their place in the file itself; pruning and
    clustering show in the compressed size only.

    Args:
        path: String or path of a file.

    Returns:
        A `FileSizes`.

    Raises:
        OSError: If it cannot be read.
    """
    content = user_path(path).read_bytes()
    return FileSizes(len(content), len(zlib.compress(content, level=9)))


def quantization_aware(
    model, data, *, epochs=1, learning_rate=1e-4, stage_weights=None, verbose=0
):
    """Trains a network for a file in 8 bits.

    Weights and activations are rounded in training as they will be on the
    device, in all stages together. The ranges of activations start from those
    of some batches of the data. The weights that come back are floats still;
    rounding them is the export's.

    Args:
        model: A trained `AnytimeModel`; left as it is.
        data: A `tf.data.Dataset` of batches (images, labels), or a pair of
            arrays, which are taken in batches of 32. Labels are integers; with
            label sets a dict from these to labels.
        epochs: Integer. Passes over the data.
        learning_rate: Float, of Adam.
        stage_weights: Sequence of one weight per stage, of its loss in the
            mean of all, or `None` for equal ones. The loss is the
            cross-entropy, without regularizers.
        verbose: As in `keras.Model.fit`.

    Returns:
        A new `AnytimeModel`, not compiled.

    Raises:
        ValueError: If an argument is out of range, the data do not fit the
            network, or it has layers that tf_keras has not.
        FloatingPointError: If a weight is not finite after training.
    """
    training = _Training(
        model, data, epochs, learning_rate, stage_weights, verbose
    )
    quantization = load_tfmot().quantization.keras
    twin = make_twin(model)
    folded = folded_normalizations(twin)

    def annotated(layer):
        # Normalization that follows no convolution stays in floats, and is
        # rounded after its activation.
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            if layer.name not in folded:
                return layer
        return quantization.quantize_annotate_layer(layer)

    ranges = activation_ranges(twin, training.data.take(_CALIBRATION_BATCHES))
    with quantization.quantize_scope({"InGroups": InGroups}):
        whole = tf_keras.models.clone_model(twin, clone_function=annotated)
        try:
            quantized = quantization.quantize_apply(whole)
        except RuntimeError as error:
            raise ValueError(
                f"tfmot cannot round a layer: {error} Received: {model.name!r}"
            ) from error
    layers = {layer.name: layer for layer in quantized.layers}
    for layer in twin.layers:
        set_ranges(layers.get(f"quant_{layer.name}"), ranges[layer.name])
    set_ranges(layers.get("quantize_layer"), ranges[twin.input_names[0]])
    training.fit(quantized)
    for layer in twin.layers:
        trained = layers.get(f"quant_{layer.name}", layers.get(layer.name))
        if layer.weights:
            values = {short_name(v): v.numpy() for v in trained.weights}
            layer.set_weights([values[short_name(v)] for v in layer.weights])
    return training.result(twin)


def prune(
    model,
    data,
    *,
    sparsity=0.5,
    initial_sparsity=0.0,
    begin=0.0,
    end=0.75,
    epochs=2,
    learning_rate=1e-3,
    stage_weights=None,
    verbose=0,
):
    """Sets the smallest weights of each kernel to zero, and trains the others.

    The share of zeros rises along a cubic curve while all stages are trained
    together; see [Zhu and Gupta, 2017](https://arxiv.org/abs/1710.01878).

    Args:
        model: A trained `AnytimeModel`; left as it is.
        data: As in `quantization_aware`.
        sparsity: Float between 0 and 1, the share of zeros in each kernel of
            a convolution or dense layer.
        initial_sparsity: Float from 0 to `sparsity`, where the curve starts.
        begin: Float. Share of the steps before the first weights are pruned.
        end: Float, larger than `begin`. Share of the steps after which no
            more are.
        epochs: Integer. Passes over the data.
        learning_rate: Float, of Adam.
        stage_weights: As in `quantization_aware`.
        verbose: As in `keras.Model.fit`.

    Returns:
        A new `AnytimeModel`, not compiled.

    Raises:
        ValueError: As in `quantization_aware`.
        FloatingPointError: If a weight is not finite after training.
    """
    if not 0 < sparsity < 1:
        raise ValueError(
            f"`sparsity` must be between 0 and 1. Received: sparsity={sparsity}"
        )
    if not 0 <= initial_sparsity <= sparsity:
        raise ValueError(
            "`initial_sparsity` must be from 0 to `sparsity`. "
            f"Received: initial_sparsity={initial_sparsity}"
        )
    if not 0 <= begin < end <= 1:
        raise ValueError(
            "`begin` and `end` must be shares of the steps in rising order. "
            f"Received: begin={begin}, end={end}"
        )
    training = _Training(
        model, data, epochs, learning_rate, stage_weights, verbose
    )
    if (steps := training.steps) < 2:
        raise ValueError(
            "Pruning to a schedule takes 2 steps or more. "
            f"Received: data and epochs={epochs} of {steps} step"
        )
    first = min(int(begin * steps), steps - 2)
    last = max(first + 1, min(int(end * steps), steps - 1))
    every = max(1, (last - first) // _PRUNING_UPDATES)
    # The last update, which gives the sparsity, must be among every n-th.
    last -= (last - first) % every
    sparse = load_tfmot().sparsity.keras
    twin = make_twin(model)

    def wrapped(layer):
        if type(layer) not in _WITH_KERNEL:
            return layer
        # What is zero outside the groups comes on top.
        share = 1 / getattr(layer.kernel_constraint, "groups", 1)
        schedule = sparse.PolynomialDecay(
            1 - (1 - initial_sparsity) * share,
            1 - (1 - sparsity) * share,
            first,
            last,
            frequency=every,
        )
        return sparse.prune_low_magnitude(layer, pruning_schedule=schedule)

    pruned = tf_keras.models.clone_model(twin, clone_function=wrapped)
    training.fit(pruned, [sparse.UpdatePruningStep()])
    return training.result(sparse.strip_pruning(pruned))


def cluster(
    model,
    data,
    *,
    clusters=16,
    epochs=1,
    learning_rate=1e-4,
    stage_weights=None,
    verbose=0,
):
    """Lets each kernel have few values, and trains these.

    Weights of zero stay zero, so a pruned network stays so. See
    [Han et al., 2016](https://arxiv.org/abs/1510.00149).

    Args:
        model: A trained `AnytimeModel`; left as it is.
        data: As in `quantization_aware`.
        clusters: Integer. The most values in a kernel of a convolution or
            dense layer.
        epochs: Integer. Passes over the data.
        learning_rate: Float, of Adam.
        stage_weights: As in `quantization_aware`.
        verbose: As in `keras.Model.fit`.

    Returns:
        A new `AnytimeModel`, not compiled.

    Raises:
        ValueError: As in `quantization_aware`.
        FloatingPointError: If a weight is not finite after training.
    """
    # One is of the zeros, and tfmot wants two more.
    _check_integer("clusters", clusters, 3)
    training = _Training(
        model, data, epochs, learning_rate, stage_weights, verbose
    )
    clustering = load_tfmot().clustering.keras
    twin = make_twin(model)

    def wrapped(layer):
        if type(layer) not in _WITH_KERNEL:
            return layer
        kernel = layer.kernel.numpy()
        if kernel.size <= clusters:
            return layer
        return clustering.cluster_weights(
            layer,
            number_of_clusters=clusters,
            cluster_centroids_init=clustering.CentroidInitialization.LINEAR,
            preserve_sparsity=not np.all(kernel),
        )

    clustered = tf_keras.models.clone_model(twin, clone_function=wrapped)
    training.fit(clustered)
    return training.result(clustering.strip_clustering(clustered))


class _Training:
    """Training of all stages of a network's twin; arguments are checked."""

    def __init__(
        self, model, data, epochs, learning_rate, stage_weights, verbose
    ):
        check_anytime_model(model)
        _check_integer("epochs", epochs, 1)
        if not 0 < learning_rate < np.inf:
            raise ValueError(
                "`learning_rate` must be above 0. "
                f"Received: learning_rate={learning_rate}"
            )
        count = model.num_stages
        weights = [1.0] * count if stage_weights is None else stage_weights
        weights = np.array(list(weights), float)
        if (
            len(weights) != count
            or not np.all((weights >= 0) & np.isfinite(weights))
            or not weights.sum()
        ):
            raise ValueError(
                f"`stage_weights` must be {count} numbers that are not "
                "negative, and not all 0. "
                f"Received: stage_weights={stage_weights}"
            )
        self.data = _batches(model, data)
        passes = int(self.data.cardinality())
        if passes == tf.data.UNKNOWN_CARDINALITY:
            passes = int(self.data.reduce(0, lambda count, *_: count + 1))
        if passes < 1:
            raise ValueError(
                "Data must have an end, and a batch at least. "
                f"Received: data with {passes} batches"
            )
        self.steps = passes * epochs
        self._model = model
        self._epochs = epochs
        self._learning_rate = learning_rate
        self._loss_weights = np.repeat(
            weights / weights.sum(), len(model.label_sets) or 1
        ).tolist()
        self._verbose = verbose

    def fit(self, trained, callbacks=()):
        """Trains a model with the outputs of the twin."""
        trained.compile(
            tf_keras.optimizers.Adam(self._learning_rate),
            loss=[
                tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
                for _ in self._loss_weights
            ],
            loss_weights=self._loss_weights,
        )
        sets, count = self._model.label_sets, self._model.num_stages
        trained.fit(
            self.data.map(
                lambda x, y: (x, tuple(outputs_lib.targets(y, sets) * count))
            ),
            epochs=self._epochs,
            callbacks=list(callbacks),
            verbose=self._verbose,
        )

    def result(self, twin):
        """Returns the network with the weights of its trained twin."""
        compressed = take_weights(self._model, twin)
        check_finite(
            compressed.weights,
            "Training has failed",
            "Lower the learning rate.",
        )
        return compressed


def _check_integer(name, value, least):
    if not isinstance(value, int) or value < least:
        raise ValueError(
            f"`{name}` must be an integer of {least} or more. "
            f"Received: {name}={value}"
        )


def _batches(model, data):
    """Returns batches (images, labels), if they fit the network."""
    # Only a compiled network knows which labels it takes.
    model = type(model).from_config(model.get_config())
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    if not isinstance(data, tf.data.Dataset):
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise ValueError(
                "`data` must be a tf.data.Dataset or a pair (images, labels). "
                f"Received: data of type {type(data).__name__}"
            )
        images, labels = data
        check_examples(model, images, labels, "data")
        examples = tf.data.Dataset.from_tensor_slices((images, labels))
        data = examples.shuffle(len(images), seed=0).batch(_BATCH_SIZE)
    else:
        check_examples(model, data, argument="data")
    if len(data.element_spec) != 2:
        raise ValueError(
            "`data` must give pairs (images, labels). "
            f"Received: data with elements {data.element_spec}"
        )
    for images, _ in data.take(1):
        check_prepared(images.numpy(), model, described(model)[1], "data")
    return data
