"""Training: the step of `fit`, losses and metrics, greedy, resuming."""

from keras_anytime.training.greedy import fit_greedy

__all__ = ["fit_greedy"]
