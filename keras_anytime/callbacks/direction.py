"""Whether larger or smaller values of a metric are better."""

import re

# Classes of `keras.metrics`, without capitals.
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
# What else functions and losses of Keras are called that serve as metrics. As
# a loss, similarity is negative.
_LOSSES = """
    bce binaryfocalcrossentropy categoricalfocalcrossentropy
    categoricalgeneralizedcrossentropy circle cosinesimilarity crossentropy ctc
    dice huber kld logcosh mae mape mse msle rmse tversky
""".split()


def compiled_metrics(model):
    """Returns the metrics of a compiled model by name.

    Args:
        model: A compiled `keras.Model`.

    Returns:
        Dict from names, as they stand in logs behind an output's, to
        `keras.metrics.Metric`s. Before Keras has built them it is empty.
    """
    return {
        metric.name: metric
        for one in model.metrics
        for metric in getattr(one, "metrics", ())
    }


def direction(name, metric=None):
    """Returns whether larger or smaller values of a metric are better.

    Keras' own metrics and losses are known. Others are told by their name:
    it has "accuracy" in it, or "loss" or "error".

    Args:
        name: String, the metric's name.
        metric: The `keras.metrics.Metric`, or `None` if only its name is known.

    Returns:
        `"max"` or `"min"`; `None` if it cannot be told.
    """
    for kind in type(metric).__mro__:
        if kind.__module__.split(".")[0] == "keras":
            found = _known(kind.__name__, _LARGER, _SMALLER)
            if found:
                return found
    # Keras numbers metrics of one name in a process, as in `auc_1`.
    plain = re.sub(r"_\d+$", "", name.removeprefix("weighted_"))
    smaller = [*_SMALLER, *_LOSSES]
    larger = [one for one in _LARGER if one not in smaller]
    parts = set(name.lower().split("_"))
    told = {
        way
        for way, words in (
            ("max", {"accuracy", "acc"}),
            ("min", {"loss", "error", "err"}),
        )
        if words & parts
    }
    return _known(plain, larger, smaller) or (
        told.pop() if len(told) == 1 else None
    )


def _known(name, larger, smaller):
    plain = name.lower().replace("_", "")
    if plain in larger:
        return "max"
    return "min" if plain in smaller else None
