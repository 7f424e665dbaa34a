import numpy as np
import pytest

from keras_anytime.confidence import check_has_confidence
from keras_anytime.confidence import check_thresholds
from keras_anytime.confidence import confidence
from keras_anytime.confidence import log_softmax


def test_it_is_the_largest_probability_of_a_softmax():
    logits = np.random.default_rng(0).standard_normal((7, 5, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(log_softmax(logits), np.log(probabilities))
    np.testing.assert_allclose(confidence(logits), probabilities.max(-1))


def test_large_logits_do_not_overflow_and_stay_apart():
    # In float32 both would be 1.
    sure, surer = confidence(np.array([[20.0, 0.0], [30.0, 0.0]], "float32"))
    assert sure < surer < 1
    assert confidence([1e4, -1e4]) == 1
    assert confidence([0.0, 0.0]) == 0.5


def test_that_of_one_logit_is_of_the_likelier_of_yes_and_no():
    logits = np.array([[-2.0], [0.0], [3.0]])
    yes = 1 / (1 + np.exp(-logits[:, 0]))
    np.testing.assert_allclose(confidence(logits), np.maximum(yes, 1 - yes))


@pytest.mark.parametrize(
    ("task", "classes"), [("regression", 5), (None, 1), ("regression", 1)]
)
def test_numbers_have_none(task, classes):
    check_has_confidence(None, 2)
    check_has_confidence("binary", 1)
    check_has_confidence("multi_label", 1)
    with pytest.raises(
        ValueError, match=f"{classes} outputs and task={task!r}"
    ):
        check_has_confidence(task, classes)


def test_one_threshold_serves_all_stages_but_the_last():
    assert check_thresholds(0.9, 4) == (0.9, 0.9, 0.9)
    assert check_thresholds([0.9, 0.5], 3) == (0.9, 0.5)
    assert check_thresholds(np.array([1.0]), 2) == (1.0,)
    assert check_thresholds((), 1) == ()


@pytest.mark.parametrize(
    "thresholds",
    [
        *(1.1, -0.1, np.nan, "high", "0.9", None, True, 1j),
        *([0.5], [0.5] * 3, [[0.5]], [0.5, "0.5"], [0.5, [0.5]]),
    ],
)
def test_others_are_refused(thresholds):
    with pytest.raises(ValueError, match=r"in \[0, 1\]: one, or 2.*Received"):
        check_thresholds(thresholds, 3)
