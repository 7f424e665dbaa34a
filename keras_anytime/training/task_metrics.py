"""Metrics of tasks: the lists of the user, and which examples they count."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_anytime.backend.types import Tensor
from keras_anytime.training.losses import loss_name
from keras_anytime.training.metrics import fresh_copy
from keras_anytime.training.missing import filled
from keras_anytime.training.missing import present
from keras_anytime.training.missing import weights_of_present
from keras_anytime.training.sample_weights import weights_of_metrics


def task_metrics(
    metrics: Any,
    losses: Mapping[str, keras.losses.Loss],
    outputs: Mapping[str, keras.KerasTensor],
    missing: Mapping[str, float],
    argument: str,
) -> list | None:
    """Returns metrics in the form that Keras takes for several outputs.

    Args:
        metrics: List of Keras metrics, functions or names for all tasks, a
            dict from some tasks to such lists, or `None`.
        losses: Dict from tasks to losses.
        outputs: Dict from tasks to symbolic tensors, in the order in which
            Keras has the outputs.
        missing: Dict from some tasks to the mark of a missing label.
        argument: String. Name of the metrics in error messages.

    Returns:
        List of one list of metrics per output, or this list itself for a single
        output; `None` for `None`. Each output has its own metric objects.

    Raises:
        ValueError: If `metrics` is no flat list or a dict of them by task.
    """
    if metrics is None:
        return None
    if not isinstance(metrics, Mapping):
        metrics = dict.fromkeys(outputs, metrics)
    by_task = {
        name: list(of_task) if isinstance(of_task, (list, tuple)) else [of_task]
        for name, of_task in metrics.items()
    }
    nested = any(
        metric is None or isinstance(metric, (list, tuple, Mapping))
        for of_task in by_task.values()
        for metric in of_task
    )
    if set(by_task) - set(outputs) or nested:
        raise ValueError(
            f"`{argument}` must be one flat list for all tasks, or a dict from "
            f"some of {list(losses)} to lists. Received: {argument}={metrics}"
        )
    per_output = [
        [
            _task_metric(metric, losses[name], output, missing.get(name))
            for metric in by_task.get(name, [])
        ]
        for name, output in outputs.items()
    ]
    return per_output if len(per_output) > 1 else per_output[0]


class PresentMetric(keras.metrics.Metric):
    """A metric that counts the examples that have a label only.

    Args:
        metric: The `keras.metrics.Metric`, which must use sample weights.
        missing: Number, the mark of a missing label.
    """

    def __init__(self, metric: keras.metrics.Metric, missing: float) -> None:
        super().__init__(name=metric.name)
        self.metric = metric
        self.missing = missing

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Any = None
    ) -> None:
        """Updates the metric with the examples that have a label.

        Args:
            y_true: Tensor of labels `(batch, ...)`.
            y_pred: Tensor `(batch, ..., size)`.
            sample_weight: Sample weights `(batch, ...)`, or `None`.
        """
        has_label = present(y_true, self.missing)
        weight = weights_of_present(has_label, sample_weight)
        (weight,) = weights_of_metrics([weight], [y_pred])
        self.metric.update_state(filled(y_true, has_label), y_pred, weight)

    def result(self) -> Any:
        """Returns the result of the metric."""
        return self.metric.result()

    def reset_state(self) -> None:
        self.metric.reset_state()


def _task_metric(metric, loss, output, missing):
    """Returns a metric of one task, with variables of its own."""
    if isinstance(metric, keras.metrics.Metric):
        metric = fresh_copy(metric)
    if missing is None:
        return metric
    if not isinstance(metric, keras.metrics.Metric):
        metric = _resolved(metric, loss, output)
    return PresentMetric(metric, missing)


def _resolved(
    identifier: Any, loss: keras.losses.Loss, output: keras.KerasTensor
) -> keras.metrics.Metric:
    """Returns the metric that Keras makes of a name or function.

    Keras chooses the accuracy by the shape of the labels, which the loss tells.
    """
    name = identifier if isinstance(identifier, str) else None
    if name is not None and name.lower() in ("accuracy", "acc"):
        known = loss_name(loss)
        if output.shape[-1] == 1:
            return keras.metrics.BinaryAccuracy(name=name)
        if "sparse" in known:
            return keras.metrics.SparseCategoricalAccuracy(name=name)
        if "crossentropy" in known or "cross_entropy" in known:
            return keras.metrics.CategoricalAccuracy(name=name)
        raise ValueError(
            "The loss does not tell which accuracy is meant: give a metric "
            "such as `keras.metrics.SparseCategoricalAccuracy()`. "
            f"Received: {name!r} for a task with missing labels and the loss "
            f"{known}"
        )
    metric = keras.metrics.get(identifier)
    label = name or getattr(metric, "__name__", type(metric).__name__)
    if isinstance(metric, keras.metrics.Metric):
        # As Keras does: logs have the name that the user gave.
        metric.name = label
        return metric
    return keras.metrics.MeanMetricWrapper(metric, name=label)
