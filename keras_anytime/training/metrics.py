"""Metrics of every output: the lists of the user, fitted to its task.

Stages give logits, and Keras' metrics take probabilities by default.
"""

import copy
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import keras

from keras_anytime.tasks import Task
from keras_anytime.training.losses import parameters_of
from keras_anytime.training.losses import takes_logits

_WITH_THRESHOLD = (
    keras.metrics.BinaryAccuracy,
    keras.metrics.BinaryIoU,
    keras.metrics.FalseNegatives,
    keras.metrics.FalsePositives,
    keras.metrics.FBetaScore,
    keras.metrics.Precision,
    keras.metrics.Recall,
    keras.metrics.TrueNegatives,
    keras.metrics.TruePositives,
)
_ON_PROBABILITIES = (
    keras.metrics.KLDivergence,
    keras.metrics.Poisson,
    keras.metrics.PrecisionAtRecall,
    keras.metrics.RecallAtPrecision,
    keras.metrics.SensitivityAtSpecificity,
    keras.metrics.SpecificityAtSensitivity,
)
# Names of the accuracy of a choice of classes by integer labels.
_ACCURACIES = ("accuracy", "acc", "sparse_categorical_accuracy")
# These compare classes, or probabilities of them, and no numbers.
_OF_CLASSES = (
    *_WITH_THRESHOLD,
    *_ON_PROBABILITIES,
    keras.metrics.Accuracy,
    keras.metrics.AUC,
    keras.metrics.BinaryCrossentropy,
    keras.metrics.CategoricalAccuracy,
    keras.metrics.CategoricalCrossentropy,
    keras.metrics.CategoricalHinge,
    keras.metrics.Hinge,
    keras.metrics.IoU,
    keras.metrics.SparseCategoricalAccuracy,
    keras.metrics.SparseCategoricalCrossentropy,
    keras.metrics.SparseTopKCategoricalAccuracy,
    keras.metrics.SquaredHinge,
    keras.metrics.TopKCategoricalAccuracy,
)


def stage_metrics(
    metrics: Any,
    num_stages: int,
    tasks: Mapping[str | None, Task],
    losses: Sequence[keras.losses.Loss],
    given: bool,
    argument: str,
) -> list | None:
    """Returns metrics in the form that Keras takes for several outputs.

    Args:
        metrics: List of Keras metrics, functions or names, or `None`. A name
            stands for a metric of logits. With label sets, also a dict from
            them to such lists; those that are left out have no metrics.
        num_stages: Integer K.
        tasks: Dict from label sets to tasks.
        losses: Sequence of the loss of each label set.
        given: Boolean. Whether the user gave the tasks, rather than that
            shapes and losses suggest them.
        argument: String. Name of the metrics in error messages.

    Returns:
        List of one list of metrics per output, or this list itself for a single
        output; `None` for `None`. Each output has its own metric objects.

    Raises:
        ValueError: If `metrics` is not one flat list or a dict of them, or a
            metric does not fit the outputs.
    """
    if metrics is None:
        return None
    if not isinstance(metrics, Mapping):
        metrics = dict.fromkeys(tasks, metrics)
    elif set(metrics) - set(tasks) or None in tasks:
        wanted = "one flat list"
        if None not in tasks:
            wanted += f" or a dict from {list(tasks)} to lists"
        raise ValueError(
            f"`{argument}` must be {wanted}. "
            f"Received: {argument} as a dict of {sorted(map(str, metrics))}"
        )
    for of_set in metrics.values():
        if not isinstance(of_set, (list, tuple)) or any(
            isinstance(metric, (list, tuple, Mapping)) for metric in of_set
        ):
            raise ValueError(
                f"`{argument}` must be one flat list, which serves all stages. "
                f"Received: {argument}={of_set}"
            )
    per_output = [
        [
            _for_output(metric, _Output(task, loss, given))
            for metric in metrics.get(name, [])
        ]
        for _ in range(num_stages)
        for (name, task), loss in zip(tasks.items(), losses, strict=True)
    ]
    return per_output if len(per_output) > 1 else per_output[0]


def named_results(
    results: Mapping[str, Any],
    output_names: Sequence[str],
    unprefixed: Collection[str],
) -> dict[str, Any]:
    """Returns results in which each metric's name begins with its output's.

    Keras omits the name of a single output.

    Args:
        results: Dict from Keras' names to values.
        output_names: List of the outputs' names.
        unprefixed: Names that belong to no output.

    Returns:
        Dict from names to values.
    """
    if len(output_names) > 1:
        return dict(results)
    return {
        name if name in unprefixed else f"{output_names[0]}_{name}": value
        for name, value in results.items()
    }


def fresh_copy(metric: keras.metrics.Metric) -> keras.metrics.Metric:
    """Returns a copy of a metric with variables of its own, reset.

    It copies the object and not its configuration, which is incomplete for some
    of Keras' metrics and for most of the users' own.

    Args:
        metric: A `keras.metrics.Metric`.

    Returns:
        A `keras.metrics.Metric` of the same class.

    Raises:
        ValueError: If an attribute of the metric cannot be copied.
    """
    metric_copy = object.__new__(type(metric))
    memo = {id(metric): metric_copy}
    parts = keras.tree.flatten(list(vars(metric).values()))
    for part in parts:
        if isinstance(part, keras.metrics.Metric):
            memo[id(part)] = fresh_copy(part)
        elif isinstance(part, keras.layers.Layer):
            # Shared: a layer that computes the metric keeps no results.
            memo[id(part)] = part
    with keras.name_scope(metric.name):
        for variable in metric.variables:
            if id(variable) not in memo:
                memo[id(variable)] = _fresh_variable(variable)
    try:
        vars(metric_copy).update(copy.deepcopy(vars(metric), memo))
    except TypeError as error:
        raise ValueError(
            "Every stage needs its own metric object, and this one cannot be "
            f"copied: {error}. Received: {metric}"
        ) from error
    metric_copy.reset_state()
    return metric_copy


def _fresh_variable(variable):
    return keras.Variable(
        initializer="zeros",
        shape=variable.shape,
        dtype=variable.dtype,
        trainable=False,
        aggregation=variable.aggregation,
        synchronization=variable.synchronization,
        name=variable.name,
    )


class _Output(NamedTuple):
    """What is known of an output.

    Args:
        task: The `Task`.
        loss: The `keras.losses.Loss`.
        given: Boolean. Whether the user gave the task.
    """

    task: Task
    loss: keras.losses.Loss
    given: bool

    @property
    def has_logits(self):
        """Whether the output is known to be logits."""
        return takes_logits(self.loss) or (
            self.given and self.task.name != "regression"
        )

    @property
    def has_numbers(self):
        """Whether the output is known to be numbers."""
        return self.given and self.task.name == "regression"


class _CountedAccuracy(keras.metrics.MeanMetricWrapper):
    """The share of right positions among those that count.

    Args:
        name: String.
        ignore_class: Integer, the label of positions that do not count.
    """

    def __init__(self, name: str, ignore_class: int) -> None:
        super().__init__(keras.metrics.sparse_categorical_accuracy, name=name)
        self.ignore_class = ignore_class

    def update_state(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        shape = keras.ops.shape(y_pred)[:-1]
        y_true = keras.ops.reshape(y_true, shape)
        counts = keras.ops.cast(
            keras.ops.not_equal(y_true, self.ignore_class), self.dtype
        )
        if sample_weight is not None:
            weight = keras.ops.cast(sample_weight, self.dtype)
            while len(weight.shape) < len(counts.shape):
                weight = keras.ops.expand_dims(weight, -1)
            counts = counts * weight
        super().update_state(y_true, y_pred, counts)


def _for_output(metric, output):
    """Returns a metric for one output."""
    ignored = getattr(output.task, "ignore_class", None)
    name = metric.lower() if isinstance(metric, str) else ""
    if ignored is not None and name in _ACCURACIES:
        metric = _CountedAccuracy(metric, ignored)
    elif isinstance(metric, str):
        metric = _by_name(metric, output)
    elif isinstance(metric, keras.metrics.Metric):
        metric = fresh_copy(metric)
    elif callable(metric) and output.has_logits:
        metric = _of_function(metric)
    if isinstance(metric, keras.metrics.Metric):
        if output.has_numbers:
            _check_takes_numbers(metric, output.task)
        elif output.has_logits:
            _check_takes_logits(metric, output.task.size)
    return metric


def _by_name(name, output):
    """Returns the metric of logits that a name stands for.

    "accuracy" of several classes stays a name: Keras chooses the metric by the
    shape of the labels.
    """
    task, loss = output.task, output.loss
    if name.lower() in ("accuracy", "acc"):
        if task.name in ("classification", "segmentation"):
            return name
        if output.has_numbers:
            raise ValueError(
                "Numbers have errors and no accuracy: give "
                "'mean_absolute_error', for example. "
                f"Received: {name!r} for {task} and the loss {loss.name}"
            )
        if task.size > 1:
            raise ValueError(
                "With several labels per image, 'accuracy' is ambiguous: "
                "'binary_accuracy' counts labels, 'categorical_accuracy' "
                "counts images whose largest logit is right. "
                f"Received: {name!r} for {task.size} logits and the loss "
                f"{loss.name}"
            )
        if not output.has_logits:
            raise ValueError(
                "The accuracy of a single output depends on a threshold: give "
                "`keras.metrics.BinaryAccuracy(threshold=...)`. "
                f"Received: {name!r} for 1 output and the loss {loss.name}"
            )
        return keras.metrics.BinaryAccuracy(name=name, threshold=0.0)
    metric = keras.metrics.get(name)
    if not isinstance(metric, keras.metrics.Metric) or not output.has_logits:
        return metric
    config = metric.get_config()
    if config.get("from_logits") is False:
        config["from_logits"] = True
    if isinstance(metric, _WITH_THRESHOLD) and not isinstance(
        metric, keras.metrics.FBetaScore
    ):
        config[_threshold_key(config)] = 0.0
    return type(metric).from_config({**config, "name": name})


def _of_function(function):
    """Returns a metric of logits from a function, if it can take logits."""
    arguments: dict[str, Any] = {}
    if "from_logits" in parameters_of(function):
        arguments["from_logits"] = True
    if function is keras.metrics.binary_accuracy:
        arguments["threshold"] = 0.0
    if not arguments:
        return function
    return keras.metrics.MeanMetricWrapper(
        function, name=function.__name__, **arguments
    )


def _check_takes_numbers(metric, task):
    """Raises a `ValueError` if a metric compares no numbers."""
    if isinstance(metric, _OF_CLASSES):
        raise ValueError(
            "This metric is one of classes, and the outputs are numbers: use "
            "`keras.metrics.MeanAbsoluteError`, for example. "
            f"Received: {type(metric).__name__} for {task}"
        )


def _check_takes_logits(metric, classes):
    """Raises a `ValueError` if a metric gives wrong values on logits."""
    config = metric.get_config()
    remedy = None
    if isinstance(metric, _ON_PROBABILITIES):
        remedy = "It has no form for logits: compute it on `predict`'s outputs."
    elif config.get("from_logits") is False:
        remedy = "Make it with `from_logits=True`."
    elif config.get("sparse_y_pred") is True:
        remedy = "Make it with `sparse_y_pred=False`: classes are in logits."
    elif isinstance(metric, _WITH_THRESHOLD):
        remedy = _threshold_remedy(metric, config, classes)
    elif classes == 1 and "categorical" in type(metric).__name__.lower():
        remedy = "The largest of one logit is always the same: use 'accuracy'."
    if remedy:
        raise ValueError(
            "Stages give logits, and this metric takes probabilities. "
            f"{remedy} Received: {type(metric).__name__} with {config}"
        )


def _threshold_remedy(metric, config, classes):
    """Returns how to correct a metric's threshold; `None` if it is right."""
    if config.get("top_k") is not None:
        return None
    key = _threshold_key(config)
    if isinstance(metric, keras.metrics.FBetaScore):
        # Without a threshold, the class of the largest logit counts.
        if config[key] is None and classes > 1:
            return None
        return "Only its form for the largest logit takes logits."
    thresholds = keras.tree.flatten(config[key])
    if thresholds and all(value == 0 for value in thresholds):
        return None
    return f"A logit of 0 is a probability of 1/2: give `{key}=0.0`."


def _threshold_key(config):
    return "threshold" if "threshold" in config else "thresholds"
