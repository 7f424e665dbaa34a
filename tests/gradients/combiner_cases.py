"""Combiners of multi-task training, and gradients to combine."""

import numpy as np

from keras_anytime.gradients import IMTLG
from keras_anytime.gradients import MGDA
from keras_anytime.gradients import AlignedMTL
from keras_anytime.gradients import CAGrad
from keras_anytime.gradients import DualProj
from keras_anytime.gradients import FairGrad
from keras_anytime.gradients import GradVac
from keras_anytime.gradients import NashMTL
from keras_anytime.gradients import PCGrad
from keras_anytime.gradients import UPGrad
from tests.gradients.references import near_equal_gradients

# No argument has its default value.
ARGUMENTS = {
    AlignedMTL: {
        "preference": [0.5, 0.2, 0.3],
        "scale_mode": "median",
        "refresh_every": 2,
    },
    CAGrad: {"c": 0.3, "norm_eps": 1e-6, "refresh_every": 2},
    DualProj: {
        "preference": [0.5, 0.2, 0.3],
        "reg_eps": 1e-6,
        "norm_eps": 1e-9,
        "refresh_every": 2,
    },
    FairGrad: {"alpha": 0.5, "refresh_every": 2},
    GradVac: {"beta": 0.2, "order": [3, 1, 2], "seed": 3},
    IMTLG: {"refresh_every": 2},
    MGDA: {"refresh_every": 2},
    NashMTL: {"max_norm": 0.0, "refresh_every": 2},
    PCGrad: {"order": [3, 1, 2], "seed": 3},
    UPGrad: {
        "preference": [0.5, 0.2, 0.3],
        "reg_eps": 1e-6,
        "norm_eps": 1e-9,
        "refresh_every": 2,
    },
}
KINDS = list(ARGUMENTS)
NUMBERS = (2, 4, 9)
WITH_ORDER = (GradVac, PCGrad)


def make(kind, num_gradients=None):
    """One without random draws."""
    if kind in WITH_ORDER:
        return kind(order=range(1, num_gradients + 1))
    return kind()


def coefficients(combiner, vectors):
    gram = np.asarray(vectors, "float64")
    gram = gram @ gram.T
    return np.asarray(combiner.coefficients(gram, [1] * len(gram)))


def update(combiner, vectors):
    return coefficients(combiner, vectors) @ vectors


def conflicting(num_gradients=4, seed=0):
    """Gradients at odds, of different length, with a common direction."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((num_gradients, 20))
    rows -= 0.95 * rows.mean(axis=0)
    rows[:, 0] += 0.7
    return rows * 10.0 ** rng.uniform(-1, 1, (num_gradients, 1))


def direction(vector):
    return vector / np.linalg.norm(vector)


HARD = {
    **{f"size_{size}": size * conflicting(3) for size in (1e-18, 1e18)},
    "zeros": np.zeros((3, 4)),
    "a_zero": np.diag([1.0, 0.0, 2.0]),
    "parallel": np.outer([1.0, 3.0, 7e5, 1e-6], np.arange(5.0)),
    "opposed": np.outer([1.0, -1.0], np.arange(5.0)),
    "opposed_of_others": np.vstack([np.eye(3), [[-1.0, 0, 0], [0, -3.0, 0]]]),
    "sum_to_zero": np.array([[1.0, 0], [-0.5, 0.8], [-0.5, -0.8]]),
    "a_span": np.array([[1.0, 0, 0], [0, 1, 0], [3, -7, 0], [1, 1, 1]]),
    "a_chain": np.array(
        [
            [1, 0, 0, 0],
            [7, 2.0**-18, 0, 0],
            [0, 1, 3 * 2.0**-18, 0],
            [0, 0, 1, 0],
        ]
    ),
    "near_equal": near_equal_gradients(5, 1e-7),
    "equal": near_equal_gradients(5, 0),
    "far_apart": conflicting(4) * np.array([[1e-18], [1], [1e-9], [1e17]]),
    "single": np.array([[1.0, 2.0]]),
}
