import math

import numpy as np
import pytest

from keras_anytime.evaluation import ensemble_cost_inflation


def _measured(base, networks, samples):
    """The ratio of costs by its definition, on a grid of interruptions.

    Networks of depth 1, b, b^2, ... run one after another. At depth z of one
    of them the answer is as good as the optimal of that depth, if z is deeper
    than the network before; else that network's last answer stands.
    """
    ratios = []
    weights = []
    spent = 1.0
    for index in range(1, networks):
        depth, before = base**index, base ** (index - 1)
        z = (np.arange(samples) + 0.5) / samples * depth
        ratios.append((spent + z) / np.maximum(z, before))
        weights.append(np.full(samples, depth / samples))
        spent += depth
    ratios, weights = np.concatenate(ratios), np.concatenate(weights)
    return ratios.max(), np.average(ratios, weights=weights)


def test_the_published_value():
    # Hu 2019, footnote 6: E[C] is about 2.44 for b = 2; Proposition 4.1: the
    # supremum is 3 there.
    inflation = ensemble_cost_inflation(2)
    assert inflation.supremum == 3
    assert inflation.mean == pytest.approx(2.44, abs=0.005)


@pytest.mark.parametrize("base", [1.5, 2, 3, 8])
def test_it_bounds_what_ensembles_cost(base):
    networks = 1 + math.ceil(14 / math.log2(base))
    supremum, mean = _measured(base, networks, 20_000)
    inflation = ensemble_cost_inflation(base)
    assert supremum <= inflation.supremum
    assert supremum == pytest.approx(inflation.supremum, rel=0.01)
    assert mean <= inflation.mean
    assert mean == pytest.approx(inflation.mean, rel=0.01)


def _scheduled(base, networks, workers, count, samples):
    """The ratios at a grid of interruptions, by running the schedule.

    Whenever a worker is free it takes the next network. `networks` tells
    whether an answer comes at any depth that is competitive, or at the end.
    The last network's end is the last interruption, as in the proof.
    """
    depths = base ** np.arange(count, dtype=float)
    free = np.zeros(workers)
    starts = np.empty(count)
    for index, depth in enumerate(depths):
        worker = free.argmin()
        starts[index] = free[worker]
        free[worker] += depth
    ends = starts + depths
    # Time before the first answer has no ratio.
    times = np.linspace(ends[0], ends[-1], samples, endpoint=False)
    best = np.zeros(samples)
    for start, depth in zip(starts, depths, strict=True):
        reached = np.clip(times - start, 0, depth)
        competitive = reached > depth / base
        if networks == "regular":
            competitive = reached == depth
        best = np.maximum(best, np.where(competitive, reached, 0))
    return times / best


@pytest.mark.parametrize("base", [1.5, 2, 3])
@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("networks", ["anytime", "regular"])
def test_it_bounds_what_parallel_workers_take(base, workers, networks):
    count = 1 + math.ceil(14 / math.log2(base))
    ratios = _scheduled(base, networks, workers, count, 200_000)
    inflation = ensemble_cost_inflation(base, networks, workers)
    assert ratios.max() <= inflation.supremum * (1 + 1e-9)
    assert ratios.mean() <= inflation.mean * (1 + 1e-3)
    if networks == "regular" or workers == 1:
        # The formulas are those of the schedule, and not only its bounds.
        assert ratios.max() == pytest.approx(inflation.supremum, rel=0.01)
        assert ratios.mean() == pytest.approx(inflation.mean, rel=0.01)


def test_regular_networks_are_never_below_the_published_bounds():
    # Hu 2019, Section 4: at least 4, and on average 1.5 + sqrt(2).
    for base in np.linspace(1.1, 9, 80).tolist():
        inflation = ensemble_cost_inflation(base, "regular")
        mean = 1.5 + (base - 1) / 2 + 1 / (base - 1)
        assert inflation.supremum == pytest.approx(base**2 / (base - 1))
        assert inflation.mean == pytest.approx(mean)
        assert inflation.supremum >= 4 - 1e-9
        assert inflation.mean >= 1.5 + math.sqrt(2) - 1e-9
    assert ensemble_cost_inflation(2, "regular").supremum == 4
    least = ensemble_cost_inflation(1 + math.sqrt(2), "regular").mean
    assert least == pytest.approx(1.5 + math.sqrt(2))


def test_workers_increase_the_base():
    # Hu 2019, Section 4: "we effectively increase the constant b to b^M".
    parallel = ensemble_cost_inflation(1.5, workers=3)
    assert parallel.supremum == pytest.approx(
        ensemble_cost_inflation(1.5**3).supremum
    )
    assert parallel.mean == pytest.approx(ensemble_cost_inflation(1.5**3).mean)
    many = ensemble_cost_inflation(2, workers=10**6)
    assert (many.supremum, many.mean) == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"networks": "plain"}, "networks='plain'"),
        ({"workers": 0}, "workers=0"),
        ({"workers": 1.5}, "workers=1.5"),
    ],
)
def test_other_ensembles_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ensemble_cost_inflation(2, **arguments)


@pytest.mark.parametrize("base", [1, 0.5, -2, math.nan, math.inf])
def test_a_base_of_one_or_less_is_refused(base):
    with pytest.raises(ValueError, match="above 1"):
        ensemble_cost_inflation(base)
