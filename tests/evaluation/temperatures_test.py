import numpy as np
import pytest
from scipy import optimize
from scipy import special

import keras_anytime as ka
from keras_anytime.evaluation.temperatures import LARGEST
from keras_anytime.evaluation.temperatures import SMALLEST


def _answers(scale, examples=4000, classes=5, seed=0):
    """Returns logits that are `scale` times too large, and labels of them."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.standard_normal((examples, classes))
    labels = np.array(
        [rng.choice(classes, p=p) for p in special.softmax(logits, 1)]
    )
    return scale * logits, labels


def _cross_entropy(log_temperature, logits, labels):
    scaled = special.log_softmax(logits / np.exp(log_temperature), axis=1)
    return -np.take_along_axis(scaled, labels[:, None], axis=1).mean()


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_it_has_the_smallest_cross_entropy(scale):
    logits, labels = _answers(scale)
    (temperature,) = ka.evaluation.fit_temperatures(logits[None], labels)
    best = optimize.minimize_scalar(
        _cross_entropy, args=(logits, labels), bounds=(-3, 3), method="bounded"
    )
    assert temperature == pytest.approx(np.exp(best.x), rel=1e-3)
    # The logits were scaled from calibrated ones.
    assert temperature == pytest.approx(scale, rel=0.1)


def test_stages_have_temperatures_of_their_own_and_keep_their_answers():
    logits, labels = _answers(1.0)
    stages = np.stack([0.5 * logits, 3 * logits])
    temperatures = ka.evaluation.fit_temperatures(stages, labels[:, None])
    assert temperatures[1] == pytest.approx(6 * temperatures[0])
    calibrated = ka.evaluation.Predictions.from_logits(
        stages / np.reshape(temperatures, (-1, 1, 1)), labels
    )
    np.testing.assert_allclose(*calibrated.confidences.T, rtol=1e-6)
    as_they_were = ka.evaluation.Predictions.from_logits(stages, labels)
    np.testing.assert_array_equal(calibrated.errors, as_they_were.errors)


def test_where_no_temperature_is_best_it_stays_between_the_ends():
    right = 4.0 * np.eye(3)[None]
    labels = np.arange(3)
    (sure,) = ka.evaluation.fit_temperatures(right, labels)
    (unsure,) = ka.evaluation.fit_temperatures(-right, labels)
    assert sure == pytest.approx(SMALLEST)
    assert unsure == pytest.approx(LARGEST)


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (np.zeros((2, 4, 1)), np.zeros(4, int), "choice of one class"),
        (np.zeros((2, 4, 4, 3)), np.zeros(4, int), "choice of one class"),
        (np.zeros((0, 4, 3)), np.zeros(4, int), "choice of one class"),
        (np.zeros((1, 0, 3)), np.zeros(0, int), "choice of one class"),
        ([np.zeros((4, 3)), np.zeros((5, 3))], np.zeros(4, int), "one shape"),
        (np.zeros((1, 4, 3)), np.zeros(5, int), "Received"),
        (np.zeros((1, 4, 3)), np.full(4, 3), "Received"),
        (np.zeros((1, 4, 3)), np.zeros((4, 3)), "Received"),
        (np.full((1, 4, 3), np.nan), np.zeros(4, int), "finite.*Received"),
    ],
)
def test_what_has_no_temperature_is_refused(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        ka.evaluation.fit_temperatures(logits, labels)
