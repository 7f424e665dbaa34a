"""Functions for anytime models explain what to do with another model."""

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.experiments.step_parts import training_step_parts
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits

DATA = (np.zeros((4, 8, 8, 1), "float32"), np.zeros(4, "int32"))
CALLS = {
    "stage_costs": lambda model: ka.evaluation.stage_costs(model),
    "anytime_curve": lambda model: ka.evaluation.anytime_curve(model, DATA),
    "predict_stages": lambda model: ka.evaluation.predict_stages(model, DATA),
    "hierarchical_curve": lambda model: ka.evaluation.hierarchical_curve(
        model, DATA
    ),
    "fit_greedy": lambda model: ka.training.fit_greedy(model, *DATA, epochs=1),
    "structure": lambda model: ka.nets.plot_structure(model, "a.png"),
    "ensemble": lambda model: ka.nets.ensemble([model], [None]),
    "training_step_parts": lambda model: training_step_parts(model, *DATA),
    "StageProgress": lambda model: _fit(model, ka.callbacks.StageProgress()),
    "StageCheckpoint": lambda model: _fit(
        model, ka.callbacks.StageCheckpoint("a.keras")
    ),
    "AnytimeCurve": lambda model: _fit(model, ka.callbacks.CurveLogger(DATA)),
    "GradientCosines": lambda model: _fit(
        model, ka.callbacks.GradientCosines("a.csv")
    ),
    "LossWeights": lambda model: _fit(model, ka.callbacks.LossWeights("a.csv")),
}
# What needs TensorFlow.
EXPORTS = {
    "tflite": lambda model: ka.export.tflite(model, "a.tflite"),
    "saved_model": lambda model: ka.export.saved_model(model, "a"),
    "quantization_aware": lambda model: ka.export.quantization_aware(
        model, DATA
    ),
    "prune": lambda model: ka.export.prune(model, DATA),
    "cluster": lambda model: ka.export.cluster(model, DATA),
    "verify": lambda model: ka.export.verify("a.tflite", model, DATA),
    "export_verified": lambda model: ka.export.export_verified(
        model, {"float32": "a.tflite"}, DATA
    ),
}
if keras.backend.backend() == "tensorflow":
    CALLS |= EXPORTS


def _fit(model, callback):
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(*DATA, callbacks=[callback], verbose=0)


@pytest.mark.parametrize("name", CALLS)
def test_a_plain_keras_model_is_told_how_to_become_one(
    name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]
    )
    with pytest.raises(
        ValueError, match=r"AnytimeModel\(inputs, outputs\).*a Sequential"
    ):
        CALLS[name](model)
    assert not list(tmp_path.iterdir())


def test_an_anytime_model_is_taken():
    x, y = digits(8)
    model = compiled(dense_net(2))
    model.fit(x, y, callbacks=[ka.callbacks.CurveLogger((x, y))], verbose=0)
    assert len(ka.evaluation.anytime_curve(model, (x, y)).points) == 2
