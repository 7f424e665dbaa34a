"""Tasks and inputs of models: given, saved, kept by parts, and refused."""

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.stages.subset import subset


def _dense_model(size, task=None, stages=2):
    inputs = keras.Input((5,), name="table")
    x, outputs = inputs, []
    for k in range(1, stages + 1):
        x = keras.layers.Dense(4, "tanh")(x)
        outputs.append(keras.layers.Dense(size, name=f"stage_{k}")(x))
    return ka.AnytimeModel(inputs, outputs, task=task)


def _two_inputs(order=list):
    image = keras.Input((4, 4, 1), name="picture")
    table = keras.Input((3,), name="table")
    x = keras.layers.Flatten()(image)
    first = keras.layers.Dense(2, name="stage_1")(x)
    y = keras.layers.Concatenate()([keras.layers.Dense(4)(x), table])
    second = keras.layers.Dense(2, name="stage_2")(y)
    inputs = [image, table]
    if order is dict:
        inputs = {"picture": image, "table": table}
    return ka.AnytimeModel(inputs, [first, second])


def test_a_given_task_is_saved_and_kept_by_parts(tmp_path):
    model = _dense_model(1, ka.tasks.Regression())
    model.save(tmp_path / "model.keras")
    restored = ka.load_model(tmp_path / "model.keras")
    part, _ = subset(model, [1])
    for other in (model, restored, part):
        assert other.tasks == {None: ka.tasks.Regression()}
        assert other.task == ka.tasks.Regression()


def test_tasks_follow_the_loss_where_none_is_given():
    model = _dense_model(1)
    assert model.task is None
    assert model.tasks[None].name == "undeclared"
    model.compile("sgd", "mse")
    assert model.tasks == {None: ka.tasks.Regression()}
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    assert model.tasks == {None: ka.tasks.Binary()}


def test_builders_take_tasks_beside_numbers_of_classes():
    build = ka.nets.width_nested_resnet
    options = {"nesting": "w1-w2", "units": (1,), "filters": (4,)}
    model = build((8, 8, 1), ka.tasks.Regression(2), **options)
    assert model.tasks == {None: ka.tasks.Regression(2)}
    assert [output.shape for output in model.outputs] == [(None, 2)] * 2
    classes = {"kind": 5, "depth": ka.tasks.Regression()}
    model = build((8, 8, 1), classes, **options)
    assert model.tasks == {
        "kind": ka.tasks.Classification(5),
        "depth": ka.tasks.Regression(),
    }
    with pytest.raises(ValueError, match="pool all positions"):
        build((8, 8, 1), ka.tasks.Segmentation(2), **options)


@pytest.mark.parametrize(
    ("size", "task", "message"),
    [
        (3, ka.tasks.Classification(4), r"shape \(batch, 4\)"),
        (3, ka.tasks.Segmentation(3), "height, width, 3"),
        (3, {"a": ka.tasks.Binary()}, "A task is one of"),
        (1, "regression", "A task is one of"),
    ],
)
def test_outputs_that_do_not_fit_a_task_are_refused(size, task, message):
    with pytest.raises(ValueError, match=message):
        _dense_model(size, task)


@pytest.mark.parametrize("order", [list, dict])
def test_steps_of_several_inputs_take_only_what_they_need(order, tmp_path):
    model = _two_inputs(order)
    rng = np.random.default_rng(0)
    x = {
        "picture": rng.normal(size=(2, 4, 4, 1)).astype("float32"),
        "table": rng.normal(size=(2, 3)).astype("float32"),
    }
    assert list(model.feature_inputs) == ["picture", "table"]
    assert set(model.step(1).input) == {"picture"}
    assert "table" in model.step(2).input and model.interruptible
    want = model.predict(x, verbose=0)
    features = dict(x)
    for k in (1, 2):
        features |= model.step(k)(features)
        np.testing.assert_allclose(
            features["logits"], want[k - 1], rtol=1e-5, atol=1e-6
        )
    model.save(tmp_path / "model.keras")
    restored = ka.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(restored.predict(x, verbose=0)[1], want[1])
    costs = ka.evaluation.stage_costs(model)
    assert costs[1].macs == 16 * 4 + 7 * 2
    assert sum(cost.step_macs for cost in costs) == 16 * 2 + costs[1].macs


def test_a_late_input_is_no_sign_of_a_wrong_order():
    model = _two_inputs()
    layers = [layer.name for layer in model.stage_operations(2)]
    assert {"picture", "table"} <= set(layers)
    part, _ = subset(model, [1])
    assert len(part.inputs) == 2


def test_an_input_named_as_an_answer_is_refused():
    a = keras.Input((3,), name="logits")
    b = keras.Input((3,), name="other")
    x = keras.layers.Concatenate()([a, b])
    y = keras.layers.Dense(4)(x)
    outputs = [
        keras.layers.Dense(2, name=f"stage_{k}")(z) for k, z in ((1, x), (2, y))
    ]
    model = ka.AnytimeModel([a, b], outputs)
    with pytest.raises(ValueError, match="no other input or layer"):
        model.step(1)
