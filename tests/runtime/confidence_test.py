import dataclasses

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime import manifest as manifest_lib
from keras_anytime.evaluation import Predictions
from keras_anytime.evaluation import confidence_thresholds
from keras_anytime.evaluation import dynamic_evaluation
from keras_anytime.evaluation import stage_costs
from keras_anytime.runtime import AnytimePredictor
from tests.testing import digits
from tests.testing import hierarchical_net
from tests.testing import scramble
from tests.testing import tiny_net


@pytest.fixture(scope="module", name="exported")
def _exported(tmp_path_factory):
    """A network that was exported with thresholds, and what it was made of."""
    folder = tmp_path_factory.mktemp("exports")
    model = scramble(tiny_net())
    for head in map(model.get_layer, ("stage_1", "stage_2", "stage_3")):
        # Not so sure that all images are the same.
        head.set_weights([0.01 * weight for weight in head.get_weights()])
    images, labels = digits(64)
    costs = stage_costs(model)
    predictions = ka.evaluation.predict_stages(model, (images, labels))
    budget = sum(cost.step_macs for cost in costs) / 2
    thresholds = confidence_thresholds(predictions, costs, budget)
    ka.export.tflite(model, folder / "net.tflite", thresholds=thresholds)
    return folder / "net.tflite", images, predictions, costs, thresholds


def test_thresholds_travel_in_the_manifest(exported):
    path, *_, thresholds = exported
    assert manifest_lib.read_manifest(path).thresholds == thresholds


def test_a_device_stops_where_dynamic_evaluation_does(exported):
    path, images, predictions, costs, thresholds = exported
    with AnytimePredictor(path) as predictor:
        results = [
            predictor.predict(image, confidence="manifest") for image in images
        ]
        given = [
            predictor.predict(image, confidence=thresholds).stage
            for image in images
        ]
    stages = [result.stage for result in results]
    assert given == stages
    expected = dynamic_evaluation(predictions, costs, thresholds)
    shares = [stages.count(k) / len(stages) for k in (1, 2, 3)]
    assert min(expected.shares) > 0
    assert shares == pytest.approx(expected.shares)
    answers = [result.logits.argmax() for result in results]
    wrong = np.mean(np.array(answers) != predictions.labels)
    assert wrong == pytest.approx(expected.top1_error)


def test_above_0_every_answer_is_final_and_above_1_none(exported):
    path, images, *_ = exported
    with AnytimePredictor(path) as predictor:
        ran = []
        for name, step in predictor._executor.steps.items():
            predictor._executor.steps[name] = (
                lambda inputs, name=name, step=step: (
                    ran.append(name) or step(inputs)
                )
            )
        assert predictor.predict(images[0], confidence=0).stage == 1
        # No later step was even begun.
        predictor.predict(images[0], confidence=0)
        assert ran == ["step_1", "step_1"]
        assert predictor.predict(images[0], confidence=1).stage == 3
        assert predictor.predict(images[0], confidence=(1, 0)).stage == 2
        assert predictor.predict(images[0]).stage == 3


def test_a_batch_is_as_sure_as_the_least_sure_image(exported):
    path, images, predictions, *_ = exported
    first = predictions.confidences[:, 0]
    between = float(np.median(first))
    sure = images[first > between][:4]
    with AnytimePredictor(path) as predictor:
        confidence = (between, 1)
        assert predictor.predict(sure, confidence=confidence).stage == 1
        mixed = np.concatenate([sure, images[first < between][:1]])
        assert predictor.predict(mixed, confidence=confidence).stage == 3


def test_a_deadline_comes_before_confidence(exported):
    path, images, *_ = exported
    with AnytimePredictor(path) as predictor:
        result = predictor.predict(images[0], deadline_ms=0, confidence=0)
        assert not result.ready
        result = predictor.predict(images[0], deadline_ms=1e6, confidence=0)
        assert result.stage == 1


def test_of_label_sets_the_first_is_to_be_sure_of(hierarchical_file):
    model = scramble(hierarchical_net())
    images, _ = digits(8)
    fine, coarse = (
        Predictions.from_logits(
            np.stack(model.predict(images, verbose=0)[index::2]),
            np.zeros(8, "int64"),
        ).confidences[:, 0]
        for index in (0, 1)
    )
    between = float((fine[0] + coarse[0]) / 2)
    assert fine[0] != coarse[0]
    with AnytimePredictor(hierarchical_file) as predictor:
        result = predictor.predict(images[0], confidence=(between, 1))
    assert (result.stage == 1) == (fine[0] > between)


def test_a_manifest_without_thresholds_says_so(exported, tmp_path):
    path, images, *_ = exported
    copy = tmp_path / "net.tflite"
    copy.write_bytes(path.read_bytes())
    manifest = dataclasses.replace(
        manifest_lib.read_manifest(path), thresholds=None
    )
    manifest_lib.manifest_path(copy).write_text(manifest.to_json())
    with AnytimePredictor(copy) as predictor:
        with pytest.raises(ValueError, match="no confidence thresholds"):
            predictor.predict(images[0], confidence="manifest")


def test_temperatures_divide_the_logits_of_confidences_alone(
    exported, tmp_path
):
    path, images, predictions, costs, _ = exported
    temperatures = (0.01, 4.0, 0.5)
    with AnytimePredictor(path) as predictor:
        logits = np.stack(
            [
                [result.logits for result in predictor.stream(image)]
                for image in images
            ],
            axis=1,
        )
    calibrated = Predictions.from_logits(
        logits / np.reshape(temperatures, (3, 1, 1)), predictions.labels
    )
    budget = sum(cost.step_macs for cost in costs) / 2
    thresholds = confidence_thresholds(calibrated, costs, budget)
    copy = tmp_path / "net.tflite"
    copy.write_bytes(path.read_bytes())
    manifest = dataclasses.replace(
        manifest_lib.read_manifest(path),
        thresholds=thresholds,
        temperatures=temperatures,
    )
    manifest_lib.manifest_path(copy).write_text(manifest.to_json())
    with AnytimePredictor(copy) as predictor:
        assert predictor.manifest.temperatures == temperatures
        results = [
            predictor.predict(image, confidence="manifest") for image in images
        ]
    expected = dynamic_evaluation(calibrated, costs, thresholds)
    stages = [result.stage for result in results]
    shares = [stages.count(k) / len(stages) for k in (1, 2, 3)]
    assert min(expected.shares) > 0
    assert shares == pytest.approx(expected.shares)
    for index, result in enumerate(results):
        np.testing.assert_array_equal(
            result.logits, logits[result.stage - 1, index]
        )
