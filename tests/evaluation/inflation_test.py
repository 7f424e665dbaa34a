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


@pytest.mark.parametrize("base", [1, 0.5, -2, math.nan, math.inf])
def test_a_base_of_one_or_less_is_refused(base):
    with pytest.raises(ValueError, match="above 1"):
        ensemble_cost_inflation(base)
