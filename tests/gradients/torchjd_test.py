"""Combiners beside TorchJD's aggregators on the same gradients.

`record_torchjd.py` recorded the weights that TorchJD 0.18 gives to 63 sets of 2
to 10 gradients. Updates are compared, not weights: those of dependent gradients
are not unique.
"""

import functools
import pathlib

import numpy as np
import pytest

from keras_anytime import gradients
from tests.gradients.record_torchjd import KINDS
from tests.gradients.record_torchjd import NUM_GRADIENTS
from tests.testing import sampled

pytestmark = pytest.mark.usefixtures("float64")

SETS = [(kind, k) for k in NUM_GRADIENTS for kind in KINDS]
# No update improves all losses, so that there is no fair one.
UNFAIR = {
    ("dependent", 4),
    *(("parallel", k) for k in NUM_GRADIENTS if k > 7),
    *(("zeros", k) for k in NUM_GRADIENTS),
}


def _preference(num_gradients):
    return range(1, num_gradients + 1)


# How each is made, and to which relative error it agrees.
AGGREGATORS = {
    "pcgrad": (lambda k: gradients.PCGrad(range(1, k + 1)), 1e-9),
    # The tolerance of TorchJD's solver; combiner_updates_test certifies ours.
    "cagrad": (lambda k: gradients.CAGrad(0.5), 1e-4),
    "cagrad_wide": (lambda k: gradients.CAGrad(1.5), 1e-4),
    "upgrad": (lambda k: gradients.UPGrad(), 1e-8),
    "upgrad_preference": (lambda k: gradients.UPGrad(_preference(k)), 1e-8),
    "upgrad_exact": (lambda k: gradients.UPGrad(reg_eps=1e-8), 1e-5),
    "dual_proj": (lambda k: gradients.DualProj(), 1e-8),
    "dual_proj_preference": (
        lambda k: gradients.DualProj(_preference(k)),
        1e-8,
    ),
    "imtlg": (lambda k: gradients.IMTLG(), 1e-5),
    "aligned_mtl": (lambda k: gradients.AlignedMTL(), 1e-5),
    "aligned_mtl_median": (
        lambda k: gradients.AlignedMTL(_preference(k), "median"),
        1e-5,
    ),
    "aligned_mtl_rmse": (
        lambda k: gradients.AlignedMTL(scale_mode="rmse"),
        1e-5,
    ),
    "fairgrad_half": (lambda k: gradients.FairGrad(0.5), 1e-5),
    "fairgrad_1": (lambda k: gradients.FairGrad(1.0), 1e-5),
    "fairgrad_2": (lambda k: gradients.FairGrad(2.0), 1e-5),
}


@functools.cache
def _recorded():
    path = pathlib.Path(__file__).with_name("torchjd.npz")
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def _vectors(place):
    return _recorded()["gradients"][place][: SETS[place][1]].astype("float64")


def _theirs(name, place):
    """The update that TorchJD made."""
    weights = _recorded()[name][place][: SETS[place][1]]
    return weights @ _vectors(place)


def _ours(combiner, place):
    vectors = _vectors(place)
    coefficients = combiner.coefficients(
        vectors @ vectors.T, [vectors.shape[1]] * len(vectors)
    )
    return np.asarray(coefficients) @ vectors


def test_the_recorded_gradients_are_hard_enough():
    assert "torchjd 0.18.0" in _recorded()["versions"]
    assert len(SETS) == len(_recorded()["gradients"]) == 63
    conflicts = parallel = zeros = far_apart = 0
    for place in range(len(SETS)):
        gram = _vectors(place) @ _vectors(place).T
        lengths = np.sqrt(np.diag(gram))
        conflicts += np.any(gram < 0)
        zeros += np.any(lengths == 0)
        pairs = np.abs(gram)[np.triu_indices(len(gram), 1)]
        products = np.outer(lengths, lengths)[np.triu_indices(len(gram), 1)]
        parallel += np.any((pairs > 0.999999 * products) & (products > 0))
        far_apart += lengths.max() > 30 * lengths[lengths > 0].min()
    assert conflicts > 45
    assert min(parallel, zeros) >= 9
    assert far_apart > 9


@pytest.mark.parametrize("name", AGGREGATORS)
def test_updates_are_those_of_torchjd(name):
    _compare(name, [5])


@pytest.mark.slow
@pytest.mark.parametrize("name", AGGREGATORS)
def test_all_updates_are_those_of_torchjd(name):
    assert _compare(name, NUM_GRADIENTS) >= 50


def _compare(name, numbers):
    """Compares the sets of some numbers of gradients; returns how many."""
    make, tolerance = AGGREGATORS[name]
    compared = 0
    for place, (kind, num_gradients) in enumerate(SETS):
        if num_gradients not in numbers:
            continue
        if name.startswith("fairgrad") and (kind, num_gradients) in UNFAIR:
            continue
        got = _ours(make(num_gradients), place)
        want = _theirs(name, place)
        # Where an update is next to zero, beside the gradients.
        least = 1e-3 * tolerance * np.linalg.norm(_vectors(place))
        assert np.linalg.norm(got - want) <= (
            tolerance * np.linalg.norm(want) + least
        ), (kind, num_gradients)
        compared += 1
    return compared


@pytest.mark.slow
def test_mgda_is_the_minimum_that_their_steps_approach():
    # The distance to the vector of least norm is bounded by what the square of
    # the norm exceeds the least by.
    for place in range(len(SETS)):
        ours, theirs = _ours(gradients.MGDA(), place), _theirs("mgda", place)
        size = np.sum(_vectors(place) ** 2)
        excess = theirs @ theirs - ours @ ours
        assert excess >= -1e-10 * size
        assert np.sum((ours - theirs) ** 2) <= excess + 1e-10 * size


@pytest.mark.slow
def test_nash_mtl_where_their_programs_reach_the_solution():
    compared = 0
    for place in range(len(SETS)):
        vectors, found = _vectors(place), _theirs("nash_mtl_unlimited", place)
        weights = _recorded()["nash_mtl_unlimited"][place][: len(vectors)]
        if np.abs(weights * (vectors @ found) - 1).max() > 1e-6:
            continue
        for name, limit in (("nash_mtl", 1.0), ("nash_mtl_unlimited", 0.0)):
            got = _ours(gradients.NashMTL(limit), place)
            want = _theirs(name, place)
            error = np.linalg.norm(got - want)
            assert error <= 1e-5 * np.linalg.norm(want), SETS[place]
        compared += 1
    assert compared >= 30


@pytest.mark.parametrize("num_gradients", sampled(list(NUM_GRADIENTS), [3, 6]))
def test_gradvac_with_its_moving_averages(num_gradients):
    combiner = gradients.GradVac(order=range(1, num_gradients + 1))
    for place, (kind, count) in enumerate(SETS):
        if count != num_gradients:
            continue
        if kind == "zeros":
            # TorchJD moves the averages with a zero gradient, too.
            break
        got, want = _ours(combiner, place), _theirs("gradvac", place)
        # The averages are float32.
        error = np.linalg.norm(got - want)
        assert error <= 1e-5 * np.linalg.norm(want), kind
