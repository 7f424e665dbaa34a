"""Measures of choices of one class: by each stage alone, and by products."""

from collections.abc import Sequence

import numpy as np

from keras_anytime.confidence import log_softmax
from keras_anytime.confidence import product_answers


def measures_of_logits(
    logits: Sequence[np.ndarray], labels: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns what is measured of the answers of each stage alone.

    Args:
        logits: Sequence of K arrays `(examples, classes)`.
        labels: Integer array `(examples,)`.

    Returns:
        Dict of the arrays `top5`, `losses` and `confidences` of `Predictions`.
    """
    stacked = np.stack(logits)
    log_probabilities = log_softmax(stacked)
    return {
        "top5": _top5(stacked, labels),
        "losses": -log_probabilities[_of_label(labels)].T,
        "confidences": np.exp(log_probabilities.max(axis=2)).T,
    }


def measures_of_products(
    logits: Sequence[np.ndarray], labels: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns what is measured of product answers.

    Args:
        logits: Sequence of K arrays `(examples, classes)`.
        labels: Integer array `(examples,)`.

    Returns:
        Dict of the arrays `errors`, `top5`, `losses` and `confidences` of
        `Predictions`. The loss is infinite where the label has the
        probability 0.
    """
    probabilities = product_answers(logits)
    of_label = probabilities[_of_label(labels)]
    losses = np.full(of_label.shape, np.inf)
    np.log(of_label, out=losses, where=of_label > 0)
    as_large = np.sum(probabilities >= of_label[:, :, None], axis=2)
    return {
        "errors": (as_large > 1).astype("float64").T,
        "top5": _top5(probabilities, labels),
        "losses": np.abs(losses).T,
        "confidences": probabilities.max(axis=2).T,
    }


def _of_label(labels: np.ndarray) -> tuple[slice, np.ndarray, np.ndarray]:
    """Returns the index of the labels' entries in arrays of all stages."""
    return slice(None), np.arange(len(labels)), labels


def _top5(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns whether fewer than five others are as large as the label's."""
    of_label = scores[_of_label(labels)][:, :, None]
    return (np.sum(scores >= of_label, axis=2) <= 5).T
