"""Clusters the weights of a trained network around few values."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tf_keras

from keras_anytime.export.fine_tuning import FineTuning
from keras_anytime.export.fine_tuning import check_integer
from keras_anytime.export.fine_tuning import has_plain_kernel
from keras_anytime.export.fine_tuning import load_tfmot
from keras_anytime.export.tf_keras_copy import tf_keras_copy


def cluster(
    model: keras.Model,
    data: Any,
    *,
    clusters: int = 16,
    epochs: int = 1,
    learning_rate: float = 1e-4,
    stage_weights: Sequence[float] | None = None,
    verbose: bool = True,
) -> keras.Model:
    """Reduces each kernel to a few different values and trains these values.

    Weights of zero stay zero, so a pruned network stays sparse.

    ```python notest
    clustered = ka.export.cluster(model, (images, labels), clusters=16)
    ka.export.tflite(clustered, "run/clustered.tflite")
    print(ka.export.file_sizes("run/clustered.tflite"))
    ```

    Args:
        model: A trained `AnytimeModel`, which does not change.
        data: As in `quantization_aware`.
        clusters: Integer, at least 3. The largest number of different values
            in a kernel of a convolution or dense layer.
        epochs: Integer. Passes over the data.
        learning_rate: Float, the learning rate of Adam.
        stage_weights: As in `quantization_aware`.
        verbose: Boolean. Whether a line on the standard error says of each
            epoch what is done and how long it took.

    Returns:
        A new `AnytimeModel`, not compiled.

    Raises:
        ValueError: As in `quantization_aware`.
        FloatingPointError: If a weight is not finite after training.

    Reference:
        [Han et al., 2016](https://arxiv.org/abs/1510.00149)
    """
    # One cluster may be reserved for zeros, and tfmot needs two more.
    check_integer("clusters", clusters, 3)
    training = FineTuning(
        model, data, epochs, learning_rate, stage_weights, verbose
    )
    clustering = load_tfmot().clustering.keras
    copy = tf_keras_copy(model)

    def wrap(layer):
        if not has_plain_kernel(layer):
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

    clustered = tf_keras.models.clone_model(copy, clone_function=wrap)
    training.fit(clustered)
    return training.network_of(clustering.strip_clustering(clustered))
