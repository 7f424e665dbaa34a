"""Training of all stages by `fit`, of one after the other, and of heads."""

from keras_anytime.backend import make_deterministic
from keras_anytime.training.greedy import fit_greedy
from keras_anytime.training.heads import fit_heads

__all__ = ["fit_greedy", "fit_heads", "make_deterministic"]
