import math

import numpy as np
import pytest

from keras_anytime.evaluation import hoeffding_bound
from keras_anytime.evaluation import win_percentage


def test_a_tie_is_half_a_win():
    assert win_percentage([1, 2, 3, 4], [2, 2, 2, 2]) == 37.5
    assert win_percentage([0.1 + 0.2], [0.3]) == 50
    rng = np.random.default_rng(0)
    errors, others = rng.integers(0, 4, (2, 39))
    brute = sum(
        1.0 if ours < theirs else 0.5 if ours == theirs else 0.0
        for ours, theirs in zip(errors, others, strict=True)
    )
    assert win_percentage(errors, others) == pytest.approx(100 * brute / 39)
    assert win_percentage(others, errors) == pytest.approx(
        100 - 100 * brute / 39
    )


def test_the_bound_holds_for_the_binomial_distribution():
    # The exact probability of 26 wins or more of 39 fair coins, and others.
    for wins in (20, 26, 30, 39):
        exact = sum(math.comb(39, k) for k in range(wins, 40)) / 2**39
        assert exact <= hoeffding_bound(100 * wins / 39, 39)
    assert hoeffding_bound(50, 39) == hoeffding_bound(10, 39) == 1


def test_the_thresholds_of_the_paper_come_from_the_relative_deviation():
    # Hu 2017, Section 4.4: 0.05 from 0.598 on, and 0.001 from 0.65 on.
    assert hoeffding_bound(59.8, 39, relative=True) == pytest.approx(
        0.05, abs=1e-4
    )
    assert 5e-4 < hoeffding_bound(65, 39, relative=True) < 1e-3
    # It is no bound: the exact probability of 26 wins of 39 is larger.
    exact = sum(math.comb(39, k) for k in range(26, 40)) / 2**39
    assert hoeffding_bound(100 * 26 / 39, 39, relative=True) < exact


def test_errors_name_what_is_missing():
    with pytest.raises(ValueError, match=r"Received: 0 errors and 0"):
        win_percentage([], [])
    with pytest.raises(ValueError, match=r"Received: 1 errors and 2"):
        win_percentage([1], [1, 2])
    with pytest.raises(ValueError, match=r"Received: percentage=101"):
        hoeffding_bound(101, 3)
    with pytest.raises(ValueError, match=r"experiments=0"):
        hoeffding_bound(60, 0)
