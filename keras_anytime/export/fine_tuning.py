"""Fine-tunes all stages of a network's tf_keras copy together.

The compression methods use the TensorFlow Model Optimization
toolkit (tfmot), which knows tf_keras alone.
"""

import contextlib
import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from keras_anytime.export.preprocessing import resolve_preprocessing
from keras_anytime.export.representative import check_prepared
from keras_anytime.export.safe_names import safe_inputs
from keras_anytime.export.tf_keras_copy import copy_weights_back
from keras_anytime.progress import counted
from keras_anytime.progress import progress
from keras_anytime.saving.finite import check_finite
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.stages.checks import check_anytime_model
from keras_anytime.stages.named_inputs import named_inputs
from keras_anytime.tasks import MultiLabel
from keras_anytime.tasks import Task

_BATCH_SIZE = 32


class FineTuning:
    """Training of all stages of a tf_keras copy, with checked arguments.

    Args:
        model: The `AnytimeModel` that is compressed; it does not change.
        data: A `tf.data.Dataset` of batches (examples, labels), or a pair of
            them; see `quantization_aware`.
        epochs: Integer. Passes over the data.
        learning_rate: Float, the learning rate of Adam.
        stage_weights: Sequence of one loss weight per stage, or `None`.
        verbose: As in `quantization_aware`.

    Attributes:
        data: A `tf.data.Dataset` of batches (examples, labels). Examples of
            several inputs are dicts by the names of the copy's inputs.
        steps: Integer. Training steps in all epochs.

    Raises:
        ValueError: If an argument is out of range, or the data do not match
            the network.
    """

    def __init__(
        self,
        model: keras.Model,
        data: Any,
        epochs: int,
        learning_rate: float,
        stage_weights: Sequence[float] | None,
        verbose: bool,
    ):
        check_anytime_model(model)
        check_integer("epochs", epochs, 1)
        if not 0 < learning_rate < np.inf:
            raise ValueError(
                "`learning_rate` must be above 0. "
                f"Received: learning_rate={learning_rate}"
            )
        count = model.num_stages
        weights = np.array(
            [1.0] * count if stage_weights is None else list(stage_weights),
            float,
        )
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
        batches = int(self.data.cardinality())
        if batches == tf.data.UNKNOWN_CARDINALITY:
            batches = int(self.data.reduce(0, lambda count, *_: count + 1))
        if batches < 1:
            raise ValueError(
                "Data must have an end, and a batch at least. "
                f"Received: data with {batches} batches"
            )
        self.steps = batches * epochs
        self._model = model
        self._epochs = epochs
        self._learning_rate = learning_rate
        self._loss_weights = np.repeat(
            weights / weights.sum(), len(model.label_sets) or 1
        ).tolist()
        self._verbose = verbose

    def fit(self, trained: Any, callbacks: Sequence[Any] = ()) -> None:
        """Trains a model with the outputs of the tf_keras copy.

        Args:
            trained: A `tf_keras.Model`, such as one that tfmot wrapped.
            callbacks: Sequence of tf_keras callbacks.
        """
        trained.compile(
            tf_keras.optimizers.Adam(self._learning_rate),
            loss=[
                _loss(task)
                for _ in range(self._model.num_stages)
                for task in self._model.tasks.values()
            ],
            loss_weights=self._loss_weights,
        )
        sets, count = self._model.label_sets, self._model.num_stages
        with contextlib.ExitStack() as line:
            trained.fit(
                self.data.map(
                    lambda x, y: (
                        x,
                        tuple(outputs_lib.targets(y, sets) * count),
                    )
                ),
                epochs=self._epochs,
                callbacks=[
                    *callbacks,
                    tf_keras.callbacks.LambdaCallback(
                        on_epoch_begin=lambda epoch, _: line.enter_context(
                            self._progress(epoch)
                        ),
                        on_epoch_end=lambda *_: line.close(),
                    ),
                ],
                verbose=0,
            )

    def _progress(self, epoch: int) -> contextlib.AbstractContextManager[None]:
        stages = counted(self._model.num_stages, "stage")
        return progress(
            f"Fine-tuning {stages}, epoch {epoch + 1} of {self._epochs}",
            self._verbose,
        )

    def network_of(self, copy: Any) -> keras.Model:
        """Returns a new network with the weights of the trained copy.

        Args:
            copy: A `tf_keras.Model` with the layers of the copy.

        Raises:
            FloatingPointError: If a weight is not finite.
        """
        network = copy_weights_back(self._model, copy)
        check_finite(
            network.weights,
            "Training has failed",
            "Lower the learning rate.",
        )
        return network


def check_integer(name: str, value: Any, minimum: int) -> None:
    """Raises a `ValueError` if an argument is not an integer or too small.

    Args:
        name: String, the argument's name.
        value: Its value.
        minimum: Integer, the smallest allowed value.
    """
    if not isinstance(value, int) or value < minimum:
        raise ValueError(
            f"`{name}` must be an integer of {minimum} or more. "
            f"Received: {name}={value}"
        )


def has_plain_kernel(layer: Any) -> bool:
    """Returns whether tfmot prunes and clusters a tf_keras layer.

    Args:
        layer: A `tf_keras.layers.Layer`.
    """
    return type(layer) in (tf_keras.layers.Conv2D, tf_keras.layers.Dense)


def load_tfmot() -> Any:
    """Returns the module tfmot, without the side effect of its import.

    Importing tfmot sets an environment variable that turns Keras 3 off.
    """
    name = "TF_USE_LEGACY_KERAS"
    value = os.environ.get(name)
    import tensorflow_model_optimization as tfmot

    os.environ.pop(name, None)
    if value is not None:
        os.environ[name] = value
    return tfmot


def _loss(task: Task) -> Any:
    """Returns the loss of tf_keras that a task is trained on."""
    if isinstance(task, MultiLabel):
        return tf_keras.losses.BinaryCrossentropy(from_logits=True)
    if task.name == "regression":
        return tf_keras.losses.MeanSquaredError()
    return tf_keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=getattr(task, "ignore_class", None)
    )


def _batches(model: keras.Model, data: Any) -> Any:
    """Returns a data set of checked batches (examples, labels)."""
    if not isinstance(data, tf.data.Dataset):
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise ValueError(
                "`data` must be a tf.data.Dataset or a pair (examples, "
                f"labels). Received: data of type {type(data).__name__}"
            )
        inputs = _check_batch(model, *data)
        examples = tf.data.Dataset.from_tensor_slices((inputs, data[1]))
        count = len(next(iter(inputs.values())))
        data = examples.shuffle(count, seed=0).batch(_BATCH_SIZE)
    elif not isinstance(data.element_spec, tuple) or (
        len(data.element_spec) != 2
    ):
        raise ValueError(
            "`data` must give pairs (examples, labels). "
            f"Received: data with elements {data.element_spec}"
        )
    else:
        for x, labels in data.take(1):
            _check_batch(model, x, labels)
    return data.map(lambda x, y: (_copy_inputs(model, x), y))


def _check_batch(model: keras.Model, x: Any, y: Any) -> dict[str, np.ndarray]:
    """Checks examples and labels, and returns the examples by name."""
    inputs = {
        name: np.asarray(value)
        for name, value in named_inputs(model, x, "data").items()
    }
    check_prepared(inputs, model, resolve_preprocessing(model), "data")
    count = len(next(iter(inputs.values())))
    targets = outputs_lib.targets(y, model.label_sets)
    for labels, (name, task), output in zip(
        targets, model.tasks.items(), model.outputs, strict=False
    ):
        task.check_labels(
            np.asarray(labels),
            (count, *output.shape[1:]),
            "data with labels" + (f" {name!r}" if name else ""),
        )
    return inputs


def _copy_inputs(model: keras.Model, x: Any) -> Any:
    """Returns examples as the tf_keras copy takes them."""
    names = safe_inputs(model)
    inputs = named_inputs(model, x, "data")
    if len(names) == 1:
        return next(iter(inputs.values()))
    return {names[name]: value for name, value in inputs.items()}
