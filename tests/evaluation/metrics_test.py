import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_anytime.evaluation import metrics as metrics_lib


def _answers(seed, examples, stages):
    return np.random.default_rng(seed).random((examples, stages)) < 0.6


@hypothesis.given(st.integers(0, 999), st.integers(1, 30), st.integers(1, 6))
def test_what_gets_worse_was_right_and_is_wrong_later(seed, examples, stages):
    correct = _answers(seed, examples, stages)
    expected = [
        any(
            row[i] and not row[j]
            for i in range(stages)
            for j in range(i + 1, stages)
        )
        for row in correct
    ]
    assert metrics_lib.overthinking(~correct).tolist() == expected


@hypothesis.given(
    st.lists(
        st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60
    ),
    st.integers(1, 20),
)
def test_calibration_error_by_its_definition(answers, bins):
    expected = 0
    for m in range(bins):
        low, high = m / bins, (m + 1) / bins
        inside = [
            (p, right)
            for p, right in answers
            # The ends as floats, as near as the definition can be held to.
            if low < p <= high or (m == 0 and p == 0)
        ]
        if inside:
            accuracy = np.mean([right for _, right in inside])
            mean = np.mean([p for p, _ in inside])
            expected += len(inside) / len(answers) * abs(accuracy - mean)
    hypothesis.assume(
        not any(abs(p * bins - round(p * bins)) < 1e-9 for p, _ in answers)
    )
    got = metrics_lib.calibration_error(
        *map(np.array, zip(*answers, strict=True))
    )
    if bins == 15:
        assert got == pytest.approx(expected)
    got = metrics_lib.calibration_error(
        *map(np.array, zip(*answers, strict=True)), bins=bins
    )
    assert got == pytest.approx(expected)


def test_calibration_at_the_ends_of_bins():
    # (0.5, 1] holds 1, and (0, 0.5] holds 0.5 and, of necessity, 0.
    error = metrics_lib.calibration_error([0.5, 1.0, 0.0], [1, 1, 0], bins=2)
    assert error == pytest.approx((abs(1 - 0.5) + 0) / 3)
    assert metrics_lib.calibration_error([1.0, 1.0], [1, 1]) == 0
    assert metrics_lib.calibration_error([1.0, 1.0], [0, 1]) == 0.5


def test_intervals_are_those_of_resampled_examples():
    rng = np.random.default_rng(1)
    values = np.column_stack(
        [rng.random(300) < 0.3, rng.random(300) < 0.05, rng.random(300)]
    ).astype(float)
    got = metrics_lib.bootstrap_intervals(values, num_resamples=4000, seed=3)
    drawn = rng.integers(0, 300, (4000, 300))
    expected = np.percentile(values[drawn].mean(1), [2.5, 97.5], axis=0).T
    np.testing.assert_allclose(got, expected, atol=0.008)
    # Columns are resampled together: that of a sum is not that of parts.
    both = np.column_stack([values[:, :1], 1 - values[:, :1]])
    ends = metrics_lib.bootstrap_intervals(both)
    np.testing.assert_allclose(ends[0], 1 - ends[1, ::-1])


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        sample = (rng.random((250, 1)) < 0.3).astype(float)
        ((low, high),) = metrics_lib.bootstrap_intervals(
            sample, confidence_level=0.9, seed=seed
        )
        held += low <= 0.3 <= high
    # Within four standard deviations of 90%.
    assert abs(held - 180) < 4 * np.sqrt(200 * 0.9 * 0.1)


def test_the_same_seed_draws_the_same():
    values = _answers(0, 50, 2)
    first, same, other = (
        metrics_lib.bootstrap_intervals(values, seed=seed) for seed in (1, 1, 2)
    )
    assert (first == same).all()
    assert (first != other).any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_resamples": 0},
        {"confidence_level": 0},
        {"confidence_level": 1},
        {"confidence_level": 95},
    ],
)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match="Received"):
        metrics_lib.bootstrap_intervals(np.ones((3, 1)), **wrong)
