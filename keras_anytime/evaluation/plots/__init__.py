"""Plots of several results or of a training, as PNG or SVG files.

A single result draws itself with its method `plot`. The plots read results by
their attributes, and never import their classes.
"""

from keras_anytime.evaluation.plots.cosines import plot_cosines
from keras_anytime.evaluation.plots.curves import plot_curves
from keras_anytime.evaluation.plots.history import plot_history
from keras_anytime.evaluation.plots.latencies import plot_latencies
from keras_anytime.evaluation.plots.loss_weights import plot_loss_weights
from keras_anytime.evaluation.plots.priorities import plot_priorities
from keras_anytime.evaluation.plots.relative_increase import (
    plot_relative_increase,
)
from keras_anytime.evaluation.plots.sampler_probabilities import (
    plot_sampler_probabilities,
)

__all__ = [
    "plot_cosines",
    "plot_curves",
    "plot_history",
    "plot_latencies",
    "plot_loss_weights",
    "plot_priorities",
    "plot_relative_increase",
    "plot_sampler_probabilities",
]
