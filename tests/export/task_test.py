"""Networks whose answers are no choice of a class, on a device."""

import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.callbacks.nets import dense_net
from tests.export.inputs_nets import examples
from tests.export.inputs_nets import exported
from tests.testing import digits

BINARY = keras.losses.BinaryCrossentropy(from_logits=True)


def _exported(path, classes, loss):
    model = dense_net(3, classes=classes)
    if loss is not None:
        model.compile("sgd", loss)
    ka.export.tflite(model, path, subnets=False)
    return model


def test_one_logit_stops_where_yes_or_no_is_sure(tmp_path):
    path = tmp_path / "model.tflite"
    model = _exported(path, 1, BINARY)
    image = digits(1)[0][0]
    chances = [
        1 / (1 + np.exp(-abs(float(logits[0, 0]))))
        for logits in model.predict(image[None], verbose=0)
    ]
    with ka.runtime.AnytimePredictor(path) as predictor:
        assert predictor.manifest.task == "binary"
        for threshold in (*chances, 0.99):
            below = threshold - 1e-3
            first = next(
                (k for k in (1, 2) if chances[k - 1] > below),
                3,
            )
            assert predictor.predict(image, confidence=below).stage == first


def test_a_regression_has_no_confidence_on_a_device(tmp_path):
    path = tmp_path / "model.tflite"
    model = _exported(path, 1, "mse")
    image = digits(1)[0][0]
    with ka.runtime.AnytimePredictor(path) as predictor:
        assert predictor.manifest.task == "regression"
        assert predictor.predict(image).stage == 3
        with pytest.raises(ValueError, match="task='regression'"):
            predictor.predict(image, confidence=0.5)
    with pytest.raises(ValueError, match="task='regression'"):
        ka.export.tflite(model, path, thresholds=(0.5, 0.5))
    with pytest.raises(ValueError, match="no class names"):
        ka.export.tflite(model, path, class_names=["size"])
    with pytest.raises(ValueError, match="no accuracy to lose"):
        ka.export.export_verified(
            model, {"float32": path}, digits(4), max_accuracy_drop=1.0
        )


def test_several_labels_stop_where_the_least_certain_is_sure(tmp_path):
    path = tmp_path / "model.tflite"
    model = _exported(path, 5, BINARY)
    images = digits(3)[0]
    chances = [
        1 / (1 + np.exp(-np.abs(logits).min(axis=-1)))
        for logits in model.predict(images, verbose=0)
    ]
    with ka.runtime.AnytimePredictor(path) as predictor:
        assert predictor.manifest.task == "multi_label"
        for image, *of_stages in zip(images, *chances, strict=True):
            for threshold in (*of_stages, 0.99):
                below = threshold - 1e-3
                first = next((k for k in (1, 2) if of_stages[k - 1] > below), 3)
                assert predictor.predict(image, confidence=below).stage == first


def test_a_segmentation_stops_where_its_positions_are_sure_on_average(
    made_once,
):
    model, path = exported(made_once, "segmentation")
    images = examples(model)
    logits = model.predict(images, verbose=0)[0].astype("float64")
    chances = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    chances = chances.max(-1).mean((1, 2))
    with ka.runtime.AnytimePredictor(path) as predictor:
        for image, chance in zip(images, chances, strict=True):
            for threshold, stage in ((chance - 1e-3, 1), (chance + 1e-3, 2)):
                answer = predictor.predict(image, confidence=threshold)
                assert answer.stage == stage
                assert answer.logits.shape == (8, 8, 3)


def test_tasks_of_label_sets_are_in_the_manifest(tmp_path):
    image = keras.Input((8, 8, 1))
    x = keras.layers.Flatten()(image)
    model = ka.AnytimeModel(
        image,
        [
            keras.layers.Dense(3, name="stage_1_kind")(x),
            keras.layers.Dense(1, name="stage_1_depth")(x),
        ],
        task={
            "kind": ka.tasks.Classification(3),
            "depth": ka.tasks.Regression(),
        },
    )
    path = tmp_path / "model.tflite"
    names = ["cat", "dog", "horse"]
    ka.export.tflite(model, path, class_names={"kind": names})
    manifest = ka.manifest.read_manifest(path)
    assert manifest.task == {"kind": None, "depth": "regression"}
    assert manifest.tasks == manifest.task
    assert manifest.class_names == {"kind": tuple(names), "depth": ()}
    with ka.runtime.AnytimePredictor(path) as predictor:
        # The first label set decides.
        answer = predictor.predict(digits(1)[0][0], confidence=0.0)
    assert {name: found.shape for name, found in answer.logits.items()} == {
        "kind": (3,),
        "depth": (1,),
    }


@pytest.mark.parametrize("count", [1, 2])
def test_a_binary_answer_has_names_for_no_and_yes(count, tmp_path):
    path = tmp_path / "model.tflite"
    names = ("cat", "dog")[:count]
    model = dense_net(2, classes=1)
    model.compile("sgd", BINARY)
    ka.export.saved_model(model, path, class_names=names)
    assert ka.manifest.read_manifest(path).class_names == names
    with pytest.raises(ValueError, match="3 class_names"):
        ka.export.saved_model(model, path, class_names=["a", "b", "c"])
