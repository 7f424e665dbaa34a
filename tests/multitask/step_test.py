"""One training step of a multi-task model beside references."""

import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.gradients.references import osgd
from tests.multitask.networks import compiled
from tests.multitask.networks import examples
from tests.multitask.networks import losses
from tests.multitask.networks import move
from tests.multitask.networks import network
from tests.multitask.networks import reference_gradients
from tests.multitask.networks import reference_losses
from tests.multitask.networks import weights_in_order


def _vectors(model, x, y):
    return reference_gradients(model, {"pose": x, "age": x}, y)


def _close(value, want):
    np.testing.assert_allclose(
        value, want, rtol=1e-3, atol=2e-4 * np.abs(want).max()
    )


def test_a_step_of_sum_adds_the_weighted_gradients():
    x, y = examples()
    model = network()
    pose, age = _vectors(model, x, y)
    compiled(
        model,
        loss_weights={"age": 2.0, "pose": 0.5},
        weighting=ka.weighting.Constant([1.0, 3.0]),
    )
    _close(move(model, x, y), 0.5 * pose + 3 * 2.0 * age)


@pytest.mark.parametrize("priority", [None, [2, 1]])
def test_a_step_is_osgd_in_the_order_of_the_outputs(priority):
    x, y = examples()
    model = network()
    vectors = _vectors(model, x, y) * np.array([[0.5], [2.0]])
    compiled(
        model,
        loss_weights={"age": 2.0, "pose": 0.5},
        gradients=ka.gradients.Orthogonal(priority=priority),
    )
    order = [0, 1] if priority is None else [1, 0]
    _close(move(model, x, y), osgd(vectors, order))


def test_the_gradient_of_a_task_covers_what_its_output_reaches():
    model = network()
    names = [
        {variable.path.split("/")[0] for variable in model.loss_variables(k)}
        for k in (0, 1)
    ]
    assert names == [{"shared", "own", "pose_logits"}, {"shared", "age_value"}]


def test_tasks_that_share_nothing_are_trained_as_if_alone():
    x, y = examples()
    inputs = keras.Input((x.shape[1],))
    first, second = keras.layers.Dense(3), keras.layers.Dense(1)
    model = ka.MultitaskModel(
        inputs, {"pose": first(inputs), "age": second(inputs)}
    )
    alone = keras.Model(inputs, first(inputs))
    start = alone.get_weights()
    optimizer = keras.optimizers.SGD(0.1)
    compiled(model, optimizer=optimizer, gradients="orthogonal")
    model.fit(x, y, batch_size=12, verbose=0)
    found = alone.get_weights()
    alone.set_weights(start)
    alone.compile(keras.optimizers.SGD(0.1), losses()["pose"])
    alone.fit(x, y["pose"], batch_size=12, verbose=0)
    for value, want in zip(found, alone.get_weights(), strict=True):
        np.testing.assert_allclose(value, want, rtol=1e-5, atol=1e-6)


def test_training_is_that_of_keras_with_loss_weights():
    x, y = examples(40)
    weights = {
        "pose": np.linspace(0.5, 1.5, 40, dtype="float32"),
        "age": np.linspace(2, 0.1, 40, dtype="float32"),
    }
    found = []
    for kind in (ka.MultitaskModel, keras.Model):
        ours = network(l2=0.01)
        model = ours
        if kind is keras.Model:
            model = keras.Model(ours.inputs, ours.output)
        model.compile(
            keras.optimizers.SGD(0.1, momentum=0.9),
            loss=losses(),
            loss_weights={"pose": 0.7, "age": 2.0},
            metrics={"pose": ["accuracy"], "age": ["mae"]},
            weighted_metrics={"age": ["mse"]},
        )
        history = model.fit(
            x,
            y,
            sample_weight=weights,
            # Keras counts all batches alike, also smaller ones.
            batch_size=10,
            epochs=2,
            shuffle=False,
            validation_data=(x, y),
            verbose=0,
        ).history
        found.append((weights_in_order(ours), history))
    (values, logs), (wanted, theirs) = found
    for value, want in zip(values, wanted, strict=True):
        np.testing.assert_allclose(value, want, rtol=1e-4, atol=1e-5)
    assert set(logs) == set(theirs)
    for name, want in theirs.items():
        np.testing.assert_allclose(logs[name], want, rtol=1e-4, err_msg=name)


def _partly_labeled(count=24):
    """Labels that some examples lack, and the examples that have them."""
    x, y = examples(count, seed=3)
    lacks = {"pose": np.arange(count) % 3 == 0, "age": np.arange(count) > 15}
    has = {name: ~lack for name, lack in lacks.items()}
    given = {
        "pose": np.where(lacks["pose"], -1, y["pose"]),
        "age": np.where(lacks["age"], np.nan, y["age"]).astype("float32"),
    }
    return (
        (x, given),
        {name: x[rows] for name, rows in has.items()},
        {name: y[name][rows] for name, rows in has.items()},
    )


MISSING = {"pose": -1, "age": float("nan")}


@pytest.mark.parametrize("name", ["sum", "orthogonal"])
def test_examples_without_a_label_do_not_count(name):
    (x, y), inputs, labels = _partly_labeled()
    model = network()
    vectors = reference_gradients(model, inputs, labels)
    want = vectors.sum(0) if name == "sum" else osgd(vectors, [0, 1])
    combiner = ka.gradients.Sum("sum") if name == "sum" else name
    compiled(model, missing=MISSING, gradients=combiner)
    _close(move(model, x, y), want)


def test_logs_count_the_labels_that_there_are():
    (x, y), inputs, labels = _partly_labeled()
    model = compiled(
        network(),
        missing=MISSING,
        loss_weights={"pose": 1.0, "age": 3.0},
        metrics={"pose": ["accuracy"], "age": [keras.metrics.R2Score()]},
        weighted_metrics={"age": ["mae"]},
    )
    # The batches have different numbers of labels, and the last has no age.
    logs = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    pose, age = reference_losses(weights_in_order(model), inputs, labels)
    logits = model.predict(inputs["pose"], verbose=0)["pose"]
    ages = model.predict(inputs["age"], verbose=0)["age"][:, 0]
    residual = np.square(ages - labels["age"]).sum()
    spread = np.square(labels["age"] - labels["age"].mean()).sum()
    want = {
        "loss": pose + 3 * age,
        "pose_loss": pose,
        "age_loss": age,
        "pose_accuracy": (logits.argmax(-1) == labels["pose"]).mean(),
        "age_r2_score": 1 - residual / spread,
        "age_mae": np.abs(ages - labels["age"]).mean(),
    }
    assert set(logs) == set(want)
    for name, value in want.items():
        np.testing.assert_allclose(logs[name], value, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("combiner", ["sum", "mgda", "cagrad", "orthogonal"])
def test_a_batch_without_a_label_leaves_the_task_out(combiner):
    x, y = examples()
    lacks = {**y, "age": np.full(len(x), np.nan, "float32")}
    model = compiled(
        network(),
        optimizer=keras.optimizers.SGD(0.05),
        missing=MISSING,
        gradients=combiner,
        weighting="adaloss",
    )
    model.fit(x, y, batch_size=12, verbose=0)
    known = np.array(model.last_losses.losses_seen)
    # Now only the labels of one task remain.
    want, _ = _vectors(model, x, y)
    took = move(model, x, lacks)
    cosine = took @ want / np.linalg.norm(took) / np.linalg.norm(want)
    assert cosine > 1 - 1e-5
    np.testing.assert_array_equal(
        np.array(model.last_losses.losses_seen)[1], known[1]
    )
    assert np.array(model.weighting(known)).min() > 0.04


def test_a_step_without_any_label_changes_nothing():
    x, _ = examples()
    y = {"pose": np.full(12, -1), "age": np.full(12, np.nan, "float32")}
    model = compiled(network(), missing=MISSING, gradients="orthogonal")
    assert not move(model, x, y).any()


@pytest.mark.parametrize(
    ("labels", "missing", "has"),
    [
        ([3, -1, 0], -1, [1, 0, 1]),
        (np.array([3, 255, 0], "uint8"), -1, [1, 1, 1]),
        (np.array([3, 255, 0], "uint8"), 255, [1, 0, 1]),
        ([[1.0, np.nan], [np.nan, np.nan]], float("nan"), [1, 0]),
        ([[1.0, -1.0], [-1.0, -1.0]], -1, [1, 0]),
        ([1, 2], float("nan"), [1, 1]),
        ([True, False], 0, [1, 1]),
    ],
)
def test_a_label_is_missing_if_all_of_it_is_the_mark(labels, missing, has):
    from keras_anytime.training import missing as missing_lib

    labels = np.asarray(labels)
    for found in (
        missing_lib.present(labels, missing),
        missing_lib.present_labels(labels, missing),
    ):
        np.testing.assert_array_equal(np.asarray(found), np.array(has, bool))
