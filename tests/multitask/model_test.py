"""Multi-task models in all that Keras and callbacks do with a model."""

import csv
import itertools

import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.multitask.networks import compiled
from tests.multitask.networks import examples
from tests.multitask.networks import losses
from tests.multitask.networks import network
from tests.testing import sampled

MISSING = {"pose": -1, "age": float("nan")}


def _with_gaps(count=40):
    x, y = examples(count)
    pose = np.where(np.arange(count) % 4 == 0, -1, y["pose"])
    age = np.where(np.arange(count) % 3 == 0, np.nan, y["age"])
    return x, {"pose": pose, "age": age.astype("float32")}


def _trained(model):
    return compiled(
        model,
        optimizer=keras.optimizers.Adam(0.01),
        weighting=ka.weighting.FAMO(),
        gradients=ka.gradients.UPGrad(refresh_every=2),
        metrics={"age": ["mae"], "pose": ["accuracy"]},
        missing=MISSING,
    )


def _state(model):
    model.optimizer.build(model.trainable_variables)
    return [
        np.array(variable)
        for variable in [*model.variables, *model.optimizer.variables]
    ]


def _equal(first, second):
    for value, want in zip(_state(first), _state(second), strict=True):
        np.testing.assert_array_equal(value, want)


def test_a_saved_model_continues_to_the_last_bit(tmp_path):
    x, y = _with_gaps()
    options = {"batch_size": 10, "verbose": 0, "shuffle": False}
    model = _trained(network())
    model.fit(x, y, **options)
    model.save(tmp_path / "model.keras")
    loaded = ka.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, ka.MultitaskModel)
    assert loaded.task_names == ("pose", "age")
    assert np.isnan(loaded.compile_arguments["missing"]["age"])
    _equal(model, loaded)
    for each in (model, loaded):
        each.fit(x, y, **options)
    _equal(model, loaded)
    answers = loaded.predict(x, verbose=0)
    assert {name: value.shape for name, value in answers.items()} == {
        "pose": (40, 3),
        "age": (40, 1),
    }


def test_an_interrupted_training_resumes_to_the_last_bit(tmp_path):
    x, y = _with_gaps()
    options = {"batch_size": 10, "verbose": 0, "shuffle": False}
    whole = _trained(network())
    whole.fit(x, y, epochs=2, **options)
    for epochs in (1, 2):
        model = _trained(network(seed=epochs - 1))
        resume = ka.callbacks.Resume(tmp_path / "state")
        model.fit(x, y, epochs=epochs, callbacks=[resume], **options)
    _equal(whole, model)


def test_a_checkpoint_of_another_order_of_tasks_is_refused(tmp_path):
    x, y = examples()
    resume = ka.callbacks.Resume(tmp_path)
    model = compiled(network())
    model.fit(x, y, verbose=0, callbacks=[resume])
    tensors = dict(reversed(model.output.items()))
    other = compiled(ka.MultitaskModel(model.input, tensors))
    with pytest.raises(ValueError, match="its network differs"):
        ka.callbacks.Resume(tmp_path).restore(other)


def test_files_name_the_tasks(tmp_path):
    x, y = examples()
    cosines = ka.callbacks.GradientCosines(tmp_path / "cosines.csv")
    weights = ka.callbacks.LossWeights(tmp_path / "weights.csv")
    log = ka.callbacks.EpochLog(tmp_path / "log.csv")
    model = compiled(
        network(),
        gradients="orthogonal",
        weighting=ka.weighting.Constant([1.0, 2.0]),
    )
    model.fit(x, y, verbose=0, callbacks=[cosines, weights, log])
    rows = {}
    for name in ("cosines", "weights", "log"):
        with open(tmp_path / f"{name}.csv", newline="") as file:
            (rows[name],) = csv.DictReader(file)
    assert list(rows["cosines"]) == ["epoch", "cosine_pose_age"]
    assert -1 <= float(rows["cosines"]["cosine_pose_age"]) <= 1
    assert rows["weights"]["weight_pose"] == "1"
    assert rows["weights"]["weight_age"] == "2"
    assert {"loss", "pose_loss", "age_loss"} <= set(rows["log"])


def test_a_loss_that_is_not_finite_stops_and_names_the_task():
    x, y = examples()
    model = compiled(network(), optimizer=keras.optimizers.SGD(1e30))
    with pytest.raises(FloatingPointError, match=r"loss of '(age|pose)'"):
        model.fit(x, y, epochs=5, verbose=0)


@pytest.mark.parametrize("gaps", [False, True])
def test_16_bits_train_with_a_stable_scale(gaps):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = network()
    finally:
        keras.config.set_dtype_policy("float32")
    x, y = examples()
    if gaps:
        y["age"] = np.full(12, np.nan, "float32")
    compiled(
        model,
        optimizer=keras.optimizers.SGD(0.1),
        gradients="orthogonal",
        missing=MISSING if gaps else None,
    )
    logs = model.fit(x, y, epochs=5, verbose=0).history
    assert logs["pose_loss"][-1] < logs["pose_loss"][0]
    scale = np.array(model.optimizer.dynamic_scale)
    assert scale == model.optimizer.initial_scale


def test_several_inputs_are_taken_by_name():
    left, right = (
        keras.Input((2,), name="left"),
        keras.Input((3,), name="right"),
    )
    joined = keras.layers.Concatenate()([left, right])
    model = ka.MultitaskModel(
        [left, right],
        {
            "pose": keras.layers.Dense(3)(joined),
            "age": keras.layers.Dense(1)(left),
        },
    )
    x, y = examples()
    data = {"right": x[:, 2:], "left": x[:, :2]}
    compiled(model).fit(data, y, verbose=0)
    assert [len(model.loss_variables(k)) for k in (0, 1)] == [2, 2]
    assert set(model.predict(data, verbose=0)) == {"pose", "age"}


def test_an_inner_model_is_a_shared_layer():
    x, y = examples()
    inputs = keras.Input((x.shape[1],))
    inner = keras.Sequential([keras.layers.Dense(4), keras.layers.ReLU()])
    shared = inner(inputs)
    model = ka.MultitaskModel(
        inputs,
        {
            "pose": keras.layers.Dense(3)(shared),
            "age": keras.layers.Dense(1)(shared),
        },
    )
    compiled(model, gradients="orthogonal").fit(x, y, verbose=0)
    assert [len(model.loss_variables(k)) for k in (0, 1)] == [4, 4]


def test_a_single_task_is_trained():
    x, y = examples()
    inputs = keras.Input((x.shape[1],))
    model = ka.MultitaskModel(inputs, {"age": keras.layers.Dense(1)(inputs)})
    compiled(model, loss="mse", metrics=["mae"], gradients="orthogonal")
    logs = model.fit(x, {"age": y["age"]}, verbose=0).history
    assert set(logs) == {"loss", "age_loss", "age_mae"}


def test_a_user_s_function_compares_each_label_with_its_output():
    x, y = examples()
    model = compiled(
        network(),
        loss={**losses(), "age": lambda y, p: keras.ops.square(y - p)},
    )
    same = compiled(network())
    values = [
        each.evaluate(x, y, verbose=0, return_dict=True)["age_loss"]
        for each in (model, same)
    ]
    np.testing.assert_allclose(*values, rtol=1e-5)


COMBINERS, WEIGHTINGS = ka.gradients.names(), ka.weighting.names()
PAIRS = list(itertools.product(COMBINERS, WEIGHTINGS))
# Each combiner and each weighting at least once.
ONCE = [
    (COMBINERS[i % len(COMBINERS)], WEIGHTINGS[i % len(WEIGHTINGS)])
    for i in range(max(len(COMBINERS), len(WEIGHTINGS)))
]
OPTIMIZERS = [
    lambda: keras.optimizers.SGD(1e-3, momentum=0.9),
    lambda: keras.optimizers.Adam(1e-3),
    lambda: keras.optimizers.RMSprop(1e-3),
]


@pytest.mark.parametrize(("combiner", "weighting"), sampled(PAIRS, ONCE))
def test_any_combiner_and_weighting_train_with_and_without_labels(
    combiner, weighting
):
    x, y = examples()
    lacks = {**y, "age": np.full(12, np.nan, "float32")}
    number = PAIRS.index((combiner, weighting))
    model = compiled(
        network(),
        optimizer=OPTIMIZERS[number % len(OPTIMIZERS)](),
        gradients=combiner,
        weighting=weighting,
        missing=MISSING,
    )
    assert model.weighting.built
    before = model.get_weights()
    for labels in (y, lacks, y):
        model.train_on_batch(x, labels)
    for old, new in zip(before, model.get_weights(), strict=True):
        assert np.isfinite(new).all()
        assert not np.array_equal(old, new)


def _two_outputs(x):
    inner = keras.Model(x, [keras.layers.Dense(2)(x), keras.layers.Dense(2)(x)])
    first, second = inner(x)
    return ka.MultitaskModel(x, {"a": first, "b": second})


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda x: ka.MultitaskModel(x, [x]), "dict from names of tasks"),
        (lambda x: ka.MultitaskModel(x, {}), "dict from names of tasks"),
        (lambda x: ka.MultitaskModel(x, {"a/b": x}), "letters, digits"),
        (lambda x: ka.MultitaskModel(x, {"val_a": x}), "begin with `val_`"),
        (lambda x: ka.MultitaskModel(x, {"a": x[:, 0]}), r"\(batch, 1\)"),
        (_two_outputs, "a model of several outputs|A model of several"),
    ],
)
def test_other_outputs_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build(keras.Input((2,)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": None}, "must be one Keras loss"),
        ({"loss": ["mse", "mse"]}, "must be one Keras loss"),
        ({"loss": {"age": "mse"}}, "Each task needs a loss"),
        (
            {"loss": keras.losses.MeanSquaredError(reduction=None)},
            "reduce all examples",
        ),
        ({"loss_weights": [1.0, 2.0]}, "`loss_weights` must be a dict"),
        ({"loss_weights": {"age": 1.0}}, "`loss_weights` must be a dict"),
        ({"loss_weights": {"age": 1, "pose": -1}}, "`loss_weights` must be"),
        ({"missing": {"ages": -1}}, "`missing` must be the number"),
        ({"missing": "none"}, "`missing` must be the number"),
        ({"metrics": {"ages": ["mae"]}}, "`metrics` must be one flat list"),
        ({"metrics": [["mae"], ["mae"]]}, "`metrics` must be one flat list"),
        (
            {"weighting": ka.weighting.Constant([1, 2, 3])},
            "one weight for each of 2",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message) as raised:
        compiled(network(), **arguments)
    assert "Received" in str(raised.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: y["age"], "dict with an entry for each task"),
        (lambda y: {"age": y["age"]}, "dict with an entry for each task"),
        (lambda y: {**y, "pose": y["pose"] + 1}, "must be 0 to 2"),
        (lambda y: {**y, "pose": y["pose"] - 1}, "must be 0 to 2"),
        (lambda y: {**y, "age": y["age"] * np.nan}, "finite numbers"),
        (lambda y: {**y, "age": np.zeros((12, 2))}, "outputs' shape"),
        (lambda y: {**y, "age": y["age"][:5]}, "same number of examples"),
        (lambda y: {**y, "age": list(y["age"])}, "must be arrays"),
    ],
)
def test_labels_that_do_not_fit_are_refused(change, message):
    x, y = examples()
    with pytest.raises(ValueError, match=message) as raised:
        compiled(network()).fit(x, change(y), verbose=0)
    assert "Received" in str(raised.value)


def test_other_weights_and_callbacks_are_refused():
    x, y = examples()
    model = compiled(network())
    with pytest.raises(ValueError, match="`sample_weight` must be"):
        model.fit(x, y, sample_weight={"ages": np.ones(12)}, verbose=0)
    with pytest.raises(ValueError, match="`class_weight` is for"):
        model.fit(x, y, class_weight={0: 2.0}, verbose=0)
    with pytest.raises(ValueError, match="takes an `AnytimeModel`"):
        progress = ka.callbacks.StageProgress()
        model.fit(x, y, callbacks=[progress], verbose=0)
