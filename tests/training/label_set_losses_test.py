"""Losses and metrics of label sets of different tasks."""

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.callbacks.chance import chance_loss
from tests.testing import digits
from tests.testing import hierarchical_net
from tests.testing import sampled

TASKS = {"class": ka.tasks.Classification(10), "depth": ka.tasks.Regression()}


def _classes():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _model(declared=True):
    """A network of three stages that answers with a class and a number."""
    model = hierarchical_net({"class": 10, "depth": 1})
    if not declared:
        return model
    return ka.AnytimeModel(model.input, model.outputs, task=TASKS)


def _data(count=16):
    x, y = digits(count)
    return x, {"class": y, "depth": (y / 10).astype("float32")}


def _compile(model, **changes):
    model.compile(
        **{
            "optimizer": keras.optimizers.SGD(0.05),
            "loss": {"class": _classes(), "depth": "mse"},
            "metrics": {"class": ["accuracy"], "depth": ["mae"]},
            "run_eagerly": keras.backend.backend() == "tensorflow",
            **changes,
        }
    )
    return model


def test_a_stage_has_the_sum_of_its_label_sets_losses():
    x, y = _data()
    model = _compile(_model())
    outputs = [keras.ops.convert_to_numpy(z) for z in model(x)]
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    for k in (1, 2, 3):
        logits, depths = outputs[2 * k - 2 : 2 * k]
        logits = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        cross = -np.take_along_axis(logits, y["class"][:, None], -1).mean()
        errors = depths[:, 0] - y["depth"]
        np.testing.assert_allclose(
            logs[f"stage_{k}_loss"], cross + np.mean(errors**2), rtol=1e-4
        )
        np.testing.assert_allclose(
            logs[f"stage_{k}_depth_mean_absolute_error"],
            np.abs(errors).mean(),
            rtol=1e-4,
        )
        assert f"stage_{k}_class_accuracy" in logs
        assert f"stage_{k}_class_mean_absolute_error" not in logs
        assert f"stage_{k}_depth_accuracy" not in logs


def test_one_loss_for_each_set_trains_as_one_for_all():
    x, y = digits(16)
    y = {"fine": y, "coarse": y % 2}
    models = [
        _compile(hierarchical_net(), loss=loss, metrics=["accuracy"])
        for loss in (_classes(), {"coarse": _classes(), "fine": _classes()})
    ]
    for model in models:
        model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    for ours, theirs in zip(*(m.weights for m in models), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("declared", sampled([True, False], [False]))
def test_losses_and_metrics_are_saved_with_the_model(declared, tmp_path):
    x, y = _data()
    model = _compile(
        _model(declared), gradients="orthogonal", distillation="from_last_stage"
    )
    model.save(tmp_path / "model.keras")
    again = ka.load_model(tmp_path / "model.keras")
    assert again.tasks == model.tasks == TASKS
    assert {name: loss.name for name, loss in again.loss.items()} == {
        "class": "sparse_categorical_crossentropy",
        "depth": "mean_squared_error",
    }
    logs = [
        network.fit(x, y, batch_size=8, shuffle=False, verbose=0).history
        for network in (model, again)
    ]
    assert logs[0].keys() == logs[1].keys()
    np.testing.assert_allclose(
        list(logs[0].values()), list(logs[1].values()), rtol=1e-6
    )


def test_parts_are_trained_with_the_losses_of_label_sets():
    x, y = _data()
    model = _compile(_model(), distillation="from_last_stage")
    history = ka.training.fit_heads(model, x, y, epochs=1, verbose=0)
    assert "stage_1_depth_mean_absolute_error" in history.history
    _compile(model, distillation=None)
    ka.training.fit_greedy(model, x, y, epochs=1, verbose=0)


def test_sample_weights_may_differ_between_label_sets():
    x, y = _data()
    model = _compile(_model())
    before = {v.path: np.array(v) for v in model.trainable_variables}
    weights = {"class": np.ones(16), "depth": np.zeros(16)}
    model.fit(x, y, sample_weight=weights, verbose=0)
    for variable in model.trainable_variables:
        same = np.array_equal(np.array(variable), before[variable.path])
        assert same == ("_depth" in variable.path), variable.path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": {"class": _classes()}}, r"dict from \['class', 'depth'\]"),
        (
            {"loss": {"class": _classes(), "depth": "mse", "more": "mse"}},
            "as a dict of .*'more'",
        ),
        ({"loss": {"class": _classes(), "depth": None}}, "loss=None"),
        (
            {
                "loss": {
                    "class": _classes(),
                    "depth": keras.losses.MeanSquaredError(reduction="sum"),
                }
            },
            "reduce the examples in the same way",
        ),
        ({"loss": _classes()}, r"Regression\(1\) for 'depth' takes a loss"),
        ({"loss": "mse"}, r"Classification\(10\) for 'class' takes a loss"),
        (
            {"metrics": {"stage_1": ["mae"]}},
            r"a dict from \['class', 'depth'\]",
        ),
        ({"metrics": {"depth": "mae"}}, "one flat list"),
        ({"metrics": {"depth": ["accuracy"]}}, "have errors and no accuracy"),
        ({"metrics": ["accuracy"]}, "have errors and no accuracy"),
        (
            {"metrics": {"depth": [keras.metrics.BinaryAccuracy(threshold=0)]}},
            "metric is one of classes",
        ),
        (
            {"metrics": {"class": [keras.metrics.AUC()]}},
            "from_logits=True",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        _compile(_model(), **changes)


def test_a_dict_needs_label_sets():
    model = hierarchical_net()
    single = ka.AnytimeModel(
        model.input,
        [keras.layers.Dense(3, name="stage_1")(model.outputs[0])],
    )
    with pytest.raises(ValueError, match="there is one set of labels"):
        single.compile("sgd", {"fine": _classes()})
    with pytest.raises(ValueError, match="`metrics` must be one flat list"):
        single.compile("sgd", _classes(), metrics={"fine": ["accuracy"]})


def test_names_of_losses_that_users_gave_do_not_count():
    model = _model()
    with pytest.raises(ValueError, match="loss='mean_squared_error'"):
        _compile(
            model,
            loss={
                "class": keras.losses.MeanSquaredError(name="cross_entropy"),
                "depth": "mse",
            },
        )
    named = keras.losses.Huber(name="sparse_distance")
    _compile(model, loss={"class": _classes(), "depth": named})
    assert model.fit(*_data(), verbose=0).history


def test_labels_are_checked_by_the_task_and_the_loss_of_their_set():
    model = _compile(_model())
    x, y = _data()
    for name, labels, message in (
        ("class", y["class"] + 7, "labels 'class' must be 0 to 9"),
        ("depth", np.full(16, np.nan), "must be finite numbers"),
        ("depth", np.zeros((16, 3)), "numbers of the outputs' shape"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(x, {**y, name: labels}, verbose=0)


def test_the_loss_of_guessing_is_that_of_the_tasks():
    with pytest.raises(ValueError, match="give `chance`"):
        chance_loss(_compile(_model()))
    several = hierarchical_net({"class": 10, "tags": 5})
    _compile(
        several,
        loss={
            "class": _classes(),
            "tags": keras.losses.BinaryCrossentropy(from_logits=True),
        },
        metrics=None,
    )
    np.testing.assert_allclose(chance_loss(several), np.log(10) + np.log(2))
