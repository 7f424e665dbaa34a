"""Training of all stages together by `fit`, and of one after the other."""

from keras_anytime.backend import make_deterministic
from keras_anytime.training.greedy import fit_greedy

__all__ = ["fit_greedy", "make_deterministic"]
