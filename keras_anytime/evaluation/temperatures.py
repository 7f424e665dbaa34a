"""Temperatures: one number per stage that calibrates its confidences."""

from collections.abc import Sequence

import numpy as np

from keras_anytime import tasks
from keras_anytime.confidence import log_softmax
from keras_anytime.evaluation.label_set_answers import refuse_label_sets
from keras_anytime.evaluation.predictions import Predictions

# Temperatures are sought between these ends. Where all answers are right, or
# no better than guesses, the best one would be 0 or infinite.
SMALLEST, LARGEST = 0.05, 20.0
# Kinds of NumPy types; bfloat16 is one of "V".
_NUMBERS = "iufV"


def fit_temperatures(
    logits: Predictions | np.ndarray | Sequence[np.ndarray],
    labels: np.ndarray | None = None,
) -> tuple[float, ...]:
    """Chooses the temperature of each stage with the smallest cross entropy.

    A stage's probabilities are `softmax(logits / temperature)`. A temperature
    changes no answer, only how sure it is. Networks are often too sure, which
    a temperature above 1 corrects.

    ```python
    predictions = ka.evaluation.predict_stages(
        model, (images, labels), keep_logits=True
    )
    temperatures = ka.evaluation.fit_temperatures(predictions)
    calibrated = predictions.calibrated(temperatures)
    ```

    Args:
        logits: `Predictions` that keep their logits, of one label set; or an
            array `(num_stages, examples, classes)`, or a sequence of K arrays
            `(examples, classes)`. They are of validation data: on its training
            data, a network is too confident. Of calibrated predictions, the
            temperatures are those of the logits as they were before.
        labels: Integer array `(examples,)`, if there are no `Predictions`.

    Returns:
        Tuple of K floats in [0.05, 20]. Store them in an export
        (`temperatures=`), and the device's confidences follow them.

    Raises:
        ValueError: If logits are no choices of one class, are not kept or not
            finite, or labels do not fit them.

    Reference:
        [Guo et al., 2017, Section 4.2](https://arxiv.org/abs/1706.04599)
    """
    refuse_label_sets(logits)
    if isinstance(logits, Predictions):
        if labels is not None:
            raise ValueError(
                "Predictions have labels of their own: leave `labels` out. "
                f"Received: labels={type(labels).__name__}"
            )
        labels = logits.labels
        logits = logits.logits_of_stages("Temperatures")
    given = [np.asarray(of_stage) for of_stage in logits]
    kinds = {of_stage.dtype for of_stage in given}
    if any(dtype.kind not in _NUMBERS for dtype in kinds):
        raise ValueError(
            "Logits must be real numbers. Received: logits of type "
            + " and ".join(sorted(map(str, kinds)))
        )
    stages = [of_stage.astype("float64") for of_stage in given]
    labels = np.asarray(labels)
    shapes = {of_stage.shape for of_stage in stages}
    shape = next(iter(shapes), ())
    if len(shapes) != 1 or len(shape) != 2 or shape[0] < 1 or shape[1] < 2:
        raise ValueError(
            "Temperatures are fitted to the choice of one class: the logits of "
            "all stages must be of one shape `(examples, classes)`. Received: "
            f"logits of shapes {sorted(shapes)}"
        )
    tasks.Classification(shape[1]).check_labels(labels, shape)
    if not all(np.isfinite(of_stage).all() for of_stage in stages):
        raise ValueError(
            "Logits must be finite. Received: logits with infinities or NaN"
        )
    return tuple(_fit(of_stage, labels) for of_stage in stages)


def _fit(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns the temperature of one stage.

    The cross entropy is convex in 1 / temperature, so that its derivative
    changes sign once, and can be bisected.
    """
    of_labels = np.take_along_axis(logits, labels.reshape(-1, 1), axis=1).mean()
    low, high = np.log(SMALLEST), np.log(LARGEST)
    for _ in range(60):
        middle = (low + high) / 2
        probabilities = np.exp(log_softmax(logits / np.exp(middle)))
        expected = (probabilities * logits).sum(axis=1).mean()
        # The mean logit that probabilities expect, less that of the labels.
        if expected > of_labels:
            low = middle
        else:
            high = middle
    return float(np.exp((low + high) / 2))
