"""Creation of the optimizer's and the metrics' variables before training."""

from typing import Any

import keras
import numpy as np


def create_variables(model: keras.Model, labels: Any) -> None:
    """Creates the variables of the optimizer and the metrics.

    If the first training step created variables while TensorFlow traces it, it
    would be traced a second time, which takes minutes for networks of many
    stages.

    Args:
        model: A compiled `AnytimeModel`.
        labels: Arrays or specifications of the labels, in the structure that
            the network takes. Nothing is created if the data type or a size
            other than the batch size is unknown.
    """
    if not all(map(_is_specified, keras.tree.flatten(labels))):
        return
    build_optimizer(model)
    shapes = [tuple(output.shape)[1:] for output in model.outputs]
    if any(None in shape for shape in shapes):
        return
    outputs = [keras.ops.zeros((1, *shape)) for shape in shapes]
    model.compute_metrics(
        None, keras.tree.map_structure(_label_of_zeros, labels), outputs
    )
    model.reset_metrics()


def build_optimizer(model: keras.Model) -> None:
    """Creates the optimizer's variables unless they exist.

    Keras' loss scaling optimizer resets its scale if it is built again.

    Args:
        model: A compiled `AnytimeModel`.
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def _is_specified(labels: Any) -> bool:
    """Returns whether data type and all sizes but the first are known."""
    if not hasattr(labels, "shape") or not hasattr(labels, "dtype"):
        return False
    if getattr(labels.shape, "rank", 1) is None:
        return False
    return None not in tuple(labels.shape)[1:]


def _label_of_zeros(labels: Any) -> np.ndarray:
    """Returns a batch of one label, of the same type and sizes."""
    # Keras' name of the type: JAX warns of 64 bits, which it lacks.
    dtype = keras.backend.standardize_dtype(labels.dtype)
    return np.zeros((1, *tuple(labels.shape)[1:]), dtype)
