"""All pictures. They read results by their attributes."""

from keras_anytime.evaluation.plots.curves import plot_budget
from keras_anytime.evaluation.plots.curves import plot_curve
from keras_anytime.evaluation.plots.curves import plot_curves
from keras_anytime.evaluation.plots.curves import plot_deadlines
from keras_anytime.evaluation.plots.curves import plot_label_sets
from keras_anytime.evaluation.plots.curves import plot_latencies
from keras_anytime.evaluation.plots.curves import plot_priorities
from keras_anytime.evaluation.plots.curves import plot_relative_increase
from keras_anytime.evaluation.plots.training import plot_cosines
from keras_anytime.evaluation.plots.training import plot_history
from keras_anytime.evaluation.plots.training import plot_loss_weights

__all__ = [
    "plot_budget",
    "plot_cosines",
    "plot_curve",
    "plot_curves",
    "plot_deadlines",
    "plot_history",
    "plot_label_sets",
    "plot_latencies",
    "plot_loss_weights",
    "plot_priorities",
    "plot_relative_increase",
]
