"""The recipe that measures how far answers can be trusted."""

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.evaluation.metrics import calibration_error
from keras_anytime.evaluation.risk_control import early_losses
from keras_anytime.experiments import trust
from keras_anytime.experiments.trust_settings import TrustSettings
from tests.evaluation.examples import costs
from tests.evaluation.examples import random_predictions

_COSTS = costs(10, 20, 70)


def test_differences_are_those_of_the_same_images():
    predictions = random_predictions(examples=400, skill=1.5)
    alone, product = trust.compare_answers(predictions, _COSTS)
    for k in (1, 2, 3):
        name = f"stage_{k}_difference"
        assert product[name] == pytest.approx(
            product[f"stage_{k}_error"] - alone[f"stage_{k}_error"]
        )
        assert product[f"{name}_low"] <= product[name]
        assert product[name] <= product[f"{name}_high"]
    assert list(alone) == list(product)


def test_one_repetition_by_hand():
    predictions = random_predictions(examples=200, skill=2.0)
    found = trust.repeat(predictions, _COSTS, [0.1, 0.3], 0.8, 1, seed=5)
    rng = np.random.default_rng(5)
    order = rng.permutation(200)
    fit, choose, rest = (
        predictions.part(order[part])
        for part in (slice(50), slice(50, 100), slice(100, None))
    )
    temperatures = ka.evaluation.fit_temperatures(fit)
    calibrated = rest.calibrated(temperatures)
    for k, row in enumerate(found["calibration"]):
        assert row["temperature"] == temperatures[k] == row["temperature_low"]
        assert row["calibration_error_after"] == calibration_error(
            calibrated.confidences[:, k], calibrated.correct[:, k]
        )
    cases = {
        (row["answers"], row["bound"], row["risk"]): row
        for row in found["risk_control"]
    }
    assert len(cases) == 8
    row = cases["each stage alone", "wsr", 0.3]
    control = ka.evaluation.risk_controlled_thresholds(
        choose.calibrated(temperatures), 0.3, 0.8
    )
    assert row["threshold"] == control.thresholds[0] < 1
    loss = early_losses(calibrated, control.thresholds[0]).mean()
    assert row["loss"] == pytest.approx(loss)
    assert row["kept_in_divisions"] == (loss <= 0.3)
    # The sample's loss is that of all images.
    sample = predictions.part(rng.integers(0, 200, 50)).product()
    control = ka.evaluation.risk_controlled_thresholds(
        sample, 0.1, 0.8, "hoeffding_bentkus"
    )
    everything = predictions.product()
    risk = early_losses(everything, control.thresholds[0]).mean()
    row = cases["product", "hoeffding_bentkus", 0.1]
    assert row["kept_in_samples"] == (risk <= 0.1)


@pytest.mark.parametrize("risks", [[], ["a"], ["0.1", "1"]])
def test_wrong_risks_are_refused_before_there_is_work(risks):
    with pytest.raises(ValueError, match="Received"):
        trust.measure_trust(TrustSettings(risks=risks))
