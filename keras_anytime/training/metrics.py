"""The metrics of one list, taken at every output.

Stages answer with logits; Keras' metrics are made for probabilities unless told
otherwise.
"""

import copy
import inspect

import keras

from keras_anytime.training.losses import takes_logits
from keras_anytime.training.losses import task_of

_MEASURES_AT_A_THRESHOLD = (
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
_OF_PROBABILITIES = (
    keras.metrics.KLDivergence,
    keras.metrics.Poisson,
    keras.metrics.PrecisionAtRecall,
    keras.metrics.RecallAtPrecision,
    keras.metrics.SensitivityAtSpecificity,
    keras.metrics.SpecificityAtSensitivity,
)


def stage_metrics(metrics, outputs, loss, argument):
    """Returns metrics in Keras' form: one list for each output.

    Args:
        metrics: List of Keras metrics or names, or `None`. By its name, a
            metric is made for logits.
        outputs: List of the model's symbolic outputs.
        loss: The `keras.losses.Loss` of all outputs.
        argument: String that names the metrics in errors.

    Returns:
        List of one list per output; for one output its list; `None` for `None`.
        Each output has metric objects of its own.

    Raises:
        ValueError: If it is not one flat list, or a metric cannot measure the
            outputs as they are.
    """
    if metrics is None:
        return None
    if not isinstance(metrics, (list, tuple)) or any(
        isinstance(metric, (list, tuple, dict)) for metric in metrics
    ):
        raise ValueError(
            f"`{argument}` must be one flat list, which serves all stages. "
            f"Received: {argument}={metrics}"
        )
    copies = [
        [_for_output(metric, output.shape[-1], loss) for metric in metrics]
        for output in outputs
    ]
    return copies if len(outputs) > 1 else copies[0]


def named_results(results, output_names, own):
    """Returns results in which every metric has its output's name in front.

    Args:
        results: Dict from Keras' names to values.
        output_names: List of strings.
        own: Set of the names that belong to no output.

    Returns:
        Dict from names to values.
    """
    if len(output_names) > 1:
        return results
    # Keras leaves the name of a single output out.
    return {
        name if name in own else f"{output_names[0]}_{name}": value
        for name, value in results.items()
    }


def fresh_copy(metric):
    """Returns a copy of a metric that has variables of its own, reset.

    Not by its configuration, which some of Keras' metrics, and most own ones,
    do not give whole.

    Args:
        metric: A `keras.metrics.Metric`.

    Raises:
        ValueError: If something in it cannot be copied.
    """
    again = object.__new__(type(metric))
    memo = {id(metric): again}
    parts = keras.tree.flatten(list(vars(metric).values()))
    for part in parts:
        if isinstance(part, keras.metrics.Metric):
            memo[id(part)] = fresh_copy(part)
        elif isinstance(part, keras.layers.Layer):
            # It is what is measured with, and keeps no result.
            memo[id(part)] = part
    with keras.name_scope(metric.name):
        for variable in metric.variables:
            if id(variable) not in memo:
                memo[id(variable)] = _fresh_variable(variable)
    try:
        vars(again).update(copy.deepcopy(vars(metric), memo))
    except TypeError as error:
        raise ValueError(
            "Every stage needs a metric object of its own, and this one cannot "
            f"be copied: {error}. Received: {metric}"
        ) from error
    again.reset_state()
    return again


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


def _for_output(metric, classes, loss):
    """Returns a metric for one output of logits."""
    logits = takes_logits(loss)
    if isinstance(metric, str):
        metric = _by_name(metric, classes, loss)
    elif isinstance(metric, keras.metrics.Metric):
        metric = fresh_copy(metric)
    elif callable(metric) and logits:
        metric = _of_function(metric)
    if logits and isinstance(metric, keras.metrics.Metric):
        _check(metric, classes)
    return metric


def _by_name(name, classes, loss):
    """Returns what Keras means by a name, made for logits.

    The plain names are left to Keras where they mean one thing, since Keras
    looks at the labels.
    """
    if name.lower() in ("accuracy", "acc"):
        if classes > 1 and task_of(loss, classes) is None:
            return name
        if classes > 1:
            raise ValueError(
                "With several labels per image, say which accuracy: "
                "'binary_accuracy' counts labels, 'categorical_accuracy' the "
                f"images whose largest logit is right. Received: {name!r} for "
                f"{classes} logits and the loss {loss.name}"
            )
        if not takes_logits(loss):
            raise ValueError(
                "The accuracy of a single output depends on a threshold: give "
                "`keras.metrics.BinaryAccuracy(threshold=...)`. "
                f"Received: {name!r} for 1 output and the loss {loss.name}"
            )
        return keras.metrics.BinaryAccuracy(name=name, threshold=0.0)
    metric = keras.metrics.get(name)
    if not isinstance(metric, keras.metrics.Metric) or not takes_logits(loss):
        return metric
    config = metric.get_config()
    if config.get("from_logits") is False:
        config["from_logits"] = True
    if isinstance(metric, _MEASURES_AT_A_THRESHOLD) and not isinstance(
        metric, keras.metrics.FBetaScore
    ):
        key = "threshold" if "threshold" in config else "thresholds"
        config[key] = 0.0
    return type(metric).from_config({**config, "name": name})


def _of_function(function):
    """Returns a metric function that takes logits, if it can."""
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:
        return function
    arguments = {}
    if "from_logits" in parameters:
        arguments["from_logits"] = True
    if function is keras.metrics.binary_accuracy:
        arguments["threshold"] = 0.0
    if not arguments:
        return function
    return keras.metrics.MeanMetricWrapper(
        function, name=function.__name__, **arguments
    )


def _check(metric, classes):
    """Raises a `ValueError` for a metric that would measure logits wrongly."""
    config = metric.get_config()
    wrong = None
    if isinstance(metric, _OF_PROBABILITIES):
        wrong = "It has no form for logits: measure it on `predict`'s answers."
    elif config.get("from_logits") is False:
        wrong = "Make it with `from_logits=True`."
    elif isinstance(metric, _MEASURES_AT_A_THRESHOLD):
        wrong = _wrong_threshold(metric, config, classes)
    elif classes == 1 and "categorical" in type(metric).__name__.lower():
        wrong = "The largest of one logit is always the same: use 'accuracy'."
    if wrong:
        raise ValueError(
            "Stages give logits, and this metric takes probabilities. "
            f"{wrong} Received: {type(metric).__name__} with {config}"
        )


def _wrong_threshold(metric, config, classes):
    if config.get("top_k") is not None:
        return None
    key = "threshold" if "threshold" in config else "thresholds"
    if isinstance(metric, keras.metrics.FBetaScore):
        # Without a threshold, the class of the largest logit counts.
        if config[key] is None and classes > 1:
            return None
        return "It has no form for logits but that of the largest one."
    thresholds = keras.tree.flatten(config[key])
    if thresholds and all(value == 0 for value in thresholds):
        return None
    return f"A logit of 0 is a probability of 1/2: give `{key}=0.0`."
