"""The direction of a metric: larger or smaller values are better."""

import re

import keras

#: The metrics that measure a task's errors, under the names that Keras gives.
ERROR_METRICS = {
    "binary": ("accuracy", "binary_accuracy"),
    "classification": ("accuracy",),
    "multi_label": ("binary_accuracy",),
    "regression": ("mean_absolute_error", "mae"),
    "segmentation": ("accuracy",),
}
# Classes of `keras.metrics`, in lower case.
_LARGER = """
    accuracy auc binaryaccuracy binaryiou categoricalaccuracy
    concordancecorrelation cosinesimilarity f1score fbetascore iou meaniou
    onehotiou onehotmeaniou pearsoncorrelation precision precisionatrecall
    r2score recall recallatprecision sensitivityatspecificity
    sparsecategoricalaccuracy sparsetopkcategoricalaccuracy
    specificityatsensitivity topkcategoricalaccuracy truenegatives
    truepositives
""".split()
_SMALLER = """
    binarycrossentropy categoricalcrossentropy categoricalhinge falsenegatives
    falsepositives hinge kldivergence logcosherror meanabsoluteerror
    meanabsolutepercentageerror meansquarederror meansquaredlogarithmicerror
    poisson rootmeansquarederror sparsecategoricalcrossentropy squaredhinge
""".split()
# Other names of Keras' loss functions and classes, which can be metrics. The
# loss `cosine_similarity` is the negative of the metric.
_LOSSES = """
    bce binaryfocalcrossentropy categoricalfocalcrossentropy
    categoricalgeneralizedcrossentropy circle cosinesimilarity crossentropy ctc
    dice huber kld logcosh mae mape mse msle rmse tversky
""".split()


def compiled_metrics(model: keras.Model) -> dict[str, keras.metrics.Metric]:
    """Returns the metrics of a compiled model by name.

    Args:
        model: A compiled `keras.Model`.

    Returns:
        Dict from names, as in the logs after an output's name, to metrics.
        Empty before Keras has built the metrics.
    """
    return {
        metric.name: metric
        for group in model.metrics
        for metric in getattr(group, "metrics", ())
    }


def direction(
    name: str, metric: keras.metrics.Metric | None = None
) -> str | None:
    """Returns the direction in which a metric improves.

    Keras' own metrics and losses are known. For others, the name decides: it
    contains "accuracy", or "loss" or "error".

    Args:
        name: String. The metric's name.
        metric: The metric itself, or `None` if only its name is known.

    Returns:
        `"max"` if larger values are better, `"min"` if smaller values are;
        `None` if unknown.
    """
    for base in type(metric).__mro__:
        if base.__module__.split(".")[0] == "keras":
            known = _known_direction(base.__name__, _LARGER, _SMALLER)
            if known:
                return known
    # Keras numbers metrics of the same name in a process, as in `auc_1`.
    unnumbered = re.sub(r"_\d+$", "", name.removeprefix("weighted_"))
    smaller = [*_SMALLER, *_LOSSES]
    larger = [plain for plain in _LARGER if plain not in smaller]
    if known := _known_direction(unnumbered, larger, smaller):
        return known
    words = set(name.lower().split("_"))
    directions = [
        way
        for way, signs in (
            ("max", {"accuracy", "acc"}),
            ("min", {"loss", "error", "err"}),
        )
        if signs & words
    ]
    return directions[0] if len(directions) == 1 else None


def _known_direction(name, larger, smaller):
    plain = name.lower().replace("_", "")
    if plain in larger:
        return "max"
    return "min" if plain in smaller else None
