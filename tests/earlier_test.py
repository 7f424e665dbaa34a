"""Files of earlier versions are read, and answer the same."""

import pathlib
import re

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.manifest.manifest import read_manifest

FOLDER = pathlib.Path(__file__).parent / "earlier"


@pytest.fixture(scope="module", name="answers")
def _answers():
    with np.load(FOLDER / "answers.npz") as answers:
        return dict(answers)


@pytest.fixture(name="model")
def _model():
    return ka.load_model(FOLDER / "model.keras")


def test_a_model_answers_the_same(model, answers):
    for k in (1, 2):
        logits = model.stage(k)(answers["images"])
        np.testing.assert_allclose(
            logits, answers[f"logits_{k}"], rtol=1e-5, atol=1e-6
        )


def test_the_state_of_training_is_found(model, answers):
    for part in (model.weighting, model.gradient_combiner):
        for variable in part.variables:
            # Keras numbers objects of a class in one process.
            path = re.sub(r"_\d+/", "/", variable.path)
            saved = answers[f"state_{path.replace('/', '_')}"]
            np.testing.assert_array_equal(variable, saved, path)


def test_training_goes_on_as_it_did(model, answers):
    model.fit(
        answers["images"],
        answers["labels"],
        batch_size=4,
        shuffle=False,
        verbose=0,
    )
    with np.load(FOLDER / "after.npz") as after:
        for variable, name in zip(
            model.trainable_variables, after.files, strict=True
        ):
            np.testing.assert_allclose(
                variable, after[name], rtol=1e-4, atol=1e-5
            )


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="needs LiteRT"
)
def test_an_exported_file_answers_the_same(answers):
    predictor = ka.runtime.AnytimePredictor(FOLDER / "model.tflite")
    for result in predictor.stream(answers["images"][:1]):
        np.testing.assert_allclose(
            result.logits,
            answers[f"device_{result.stage}"],
            rtol=1e-5,
            atol=1e-6,
        )
    manifest = read_manifest(FOLDER / "model.tflite")
    assert [stage.stage for stage in manifest.stages] == [1, 2]


def test_a_curve_has_its_measures_under_their_new_names():
    curve = ka.evaluation.AnytimeCurve.from_json(FOLDER / "curve.json")
    assert curve.overthinking_rate is not None
    assert curve.points[0].top1_error == 0.6875
