"""Users' own data: inputs of any rank, tokens, several inputs, all tasks."""

import functools

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.training.tokens import token_limits
from tests.testing import sampled

RNG = np.random.default_rng(0)
COUNT = 96
# Tracing takes longer than the few steps of most tests.
EAGER = keras.backend.backend() == "tensorflow"


def _stages(features, size, pool=None, task=None, inputs=None):
    """A network of two stages from the features of both."""
    outputs = []
    for k, x in enumerate(features, start=1):
        x = x if pool is None else pool()(x)
        outputs.append(keras.layers.Dense(size, name=f"stage_{k}")(x))
    return ka.AnytimeModel(inputs, outputs, task=task)


def _table():
    keras.utils.set_random_seed(0)
    table = keras.Input((4,), name="table")
    a = keras.layers.Dense(8, "tanh")(table)
    b = keras.layers.Dense(8, "tanh")(a)
    return _stages((a, b), 1, task=ka.tasks.Regression(), inputs=table)


def _series():
    keras.utils.set_random_seed(0)
    series = keras.Input((12, 2), name="series")
    a = keras.layers.Conv1D(8, 3, activation="relu")(series)
    b = keras.layers.Conv1D(8, 3, activation="relu")(a)
    pool = keras.layers.GlobalMaxPooling1D
    return _stages((a, b), 3, pool, inputs=series)


def _tokens():
    keras.utils.set_random_seed(0)
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    a = keras.layers.Embedding(11, 8)(tokens)
    b = keras.layers.Dense(8, "relu")(a)
    pool = keras.layers.GlobalAveragePooling1D
    return _stages((a, b), 2, pool, inputs=tokens)


def _two_inputs(order=list):
    keras.utils.set_random_seed(0)
    image = keras.Input((4, 4, 1), name="photo")
    table = keras.Input((3,), name="facts")
    a = keras.layers.Dense(8, "relu")(keras.layers.Flatten()(image))
    b = keras.layers.Concatenate()([a, table])
    inputs = {"photo": image, "facts": table}
    return _stages(
        (a, keras.layers.Dense(8, "relu")(b)),
        2,
        inputs=inputs if order is dict else order([image, table]),
    )


def _masks():
    keras.utils.set_random_seed(0)
    image = keras.Input((6, 6, 1), name="image")
    a = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    b = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(a)
    return _stages((a, b), 2, inputs=image)


def _data(kind):
    rng = np.random.default_rng(1)
    if kind == "table":
        x = rng.normal(size=(COUNT, 4)).astype("float32")
        return x, (x @ [3, -2, 1, 0] + 5).astype("float32")
    if kind == "series":
        y = rng.integers(0, 3, COUNT)
        x = rng.normal(size=(COUNT, 12, 2)) + np.sin(
            np.arange(12)[None, :, None] * (1 + y[:, None, None])
        )
        return x.astype("float32"), y
    if kind == "tokens":
        x = rng.integers(0, 11, (COUNT, 6))
        return x, (x.max(axis=1) > 8).astype("int64")
    if kind == "two_inputs":
        x = {
            "photo": rng.normal(size=(COUNT, 4, 4, 1)).astype("float32"),
            "facts": rng.normal(size=(COUNT, 3)).astype("float32"),
        }
        return x, (x["facts"].sum(axis=1) > 0).astype("int64")
    x = rng.normal(size=(COUNT, 6, 6, 1)).astype("float32")
    return x, (x[..., 0] > 0).astype("int64")


LOSS = functools.partial(
    keras.losses.SparseCategoricalCrossentropy, from_logits=True
)
NETWORKS = {
    "table": (_table, keras.losses.MeanSquaredError),
    "series": (_series, LOSS),
    "tokens": (_tokens, LOSS),
    "two_inputs": (_two_inputs, LOSS),
    "masks": (_masks, LOSS),
}


def _compiled(kind, run_eagerly=EAGER):
    build, loss = NETWORKS[kind]
    model = build()
    model.compile(
        keras.optimizers.Adam(0.03),
        loss(),
        gradients=ka.gradients.Orthogonal(),
        run_eagerly=run_eagerly,
    )
    return model


@pytest.mark.parametrize("kind", sampled(list(NETWORKS), ["table"]))
def test_it_learns_more_than_a_guess(kind):
    x, y = _data(kind)
    model = _compiled(kind, run_eagerly=False)
    history = model.fit(x, y, batch_size=32, epochs=25, verbose=0).history
    logits = model.predict(x, verbose=0)
    (task,) = model.tasks.values()
    guess = task.guess_error(y)
    first, last = (task.errors(values, y).mean() for values in logits)
    # The first stage of two inputs does not see what the label is of.
    assert last < 0.5 * guess
    assert kind == "two_inputs" or first < 0.8 * guess
    losses = model.evaluate(x, y, batch_size=32, verbose=0, return_dict=True)
    assert losses["loss"] < history["loss"][0]
    # Keras' own loss of the answers of the last stage.
    own = float(model.loss(y, logits[-1]))
    np.testing.assert_allclose(losses["stage_2_loss"], own, rtol=1e-4)


@pytest.mark.parametrize("order", sampled([list, tuple, dict], [dict]))
def test_several_inputs_come_in_any_structure(order):
    x, y = _data("two_inputs")
    in_order = [x[tensor.name] for tensor in _two_inputs(order).inputs]
    given = {
        "dict": x,
        "reversed": dict(reversed(x.items())),
        "tuple": tuple(in_order),
        "list": in_order,
    }
    model = _two_inputs(order)
    model.compile("sgd", LOSS(), gradients="orthogonal", run_eagerly=EAGER)
    start = model.get_weights()
    weights, answers = {}, {}
    for name, data in given.items():
        model.set_weights(start)
        model.fit(
            data,
            y,
            validation_data=(data, y),
            shuffle=False,
            batch_size=COUNT,
            sample_weight=np.linspace(0, 1, COUNT, dtype="float32"),
            verbose=0,
        )
        weights[name] = model.get_weights()
        answers[name] = [
            model.predict(data, verbose=0)[1],
            keras.ops.convert_to_numpy(model(data)[1]),
        ]
    for name in given:
        for ours, theirs in zip(weights[name], weights["dict"], strict=True):
            np.testing.assert_array_equal(ours, theirs)
        for values in answers[name]:
            np.testing.assert_allclose(
                values, answers["dict"][0], rtol=1e-5, atol=1e-6
            )


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            {"photo": 0},
            r"inputs \['photo', 'facts'\]:.*dict with \['photo'\]",
        ),
        ({"photo": 0, "fact": 1}, r"Received: x as a dict with \['fact', "),
        ({"photo": 0, "facts": 1, "more": 1}, "'more'"),
        ((0,), "takes the inputs.*a tuple of 1"),
        (0, r"takes the inputs.*one array of shape \(96, 4, 4, 1\)"),
        ((1, 0), r"takes 'photo' of shape.*x\['photo'\] of shape \(96, 3\)"),
    ],
)
def test_inputs_of_other_names_or_numbers_are_refused(x, message):
    arrays = list(_data("two_inputs")[0].values())
    x = keras.tree.map_structure(lambda index: arrays[index], x)
    y = _data("two_inputs")[1]
    model = _two_inputs()
    model.compile("sgd", LOSS())
    for call in (
        lambda: model.fit(x, y, verbose=0),
        lambda: model.evaluate(x, y, verbose=0),
        lambda: model.predict(x, verbose=0),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert model.optimizer.iterations == 0


def test_one_input_takes_one_array():
    x, y = (values[:8] for values in _data("table"))
    model = _compiled("table")
    for given in ({"table": x}, {"image": x}, [x]):
        model.fit(given, y, verbose=0)
    assert model.predict([x], verbose=0)[0].shape == (8, 1)
    for given in ({"other": x}, (x, x)):
        with pytest.raises(ValueError, match="has one input, 'table'"):
            model.fit(given, y, verbose=0)
    with pytest.raises(ValueError, match=r"examples of shape \(None, 4\)"):
        model.fit(x[:, :3], y, verbose=0)


def test_more_of_one_input_than_of_another_is_refused():
    x, y = _data("two_inputs")
    model = _compiled("two_inputs")
    short = {**x, "facts": x["facts"][:-1]}
    for data, labels in ((short, y), (x, y[:-1])):
        with pytest.raises(ValueError, match="same number of.*95"):
            model.fit(data, labels, verbose=0)
    with pytest.raises(ValueError, match="same number of.*95"):
        model.predict(short, verbose=0)
    with pytest.raises(ValueError, match=r"x\['facts'\].*nan at \[5, 1\]"):
        x["facts"][5, 1] = np.nan
        model.fit(x, y, verbose=0)


@pytest.mark.parametrize("wrong", [11, -1, 2.5])
def test_tokens_outside_the_vocabulary_are_refused(wrong):
    x, y = _data("tokens")
    model = _compiled("tokens")
    assert model.token_limits == {"image": 11}
    x = x.astype(type(wrong))
    x[7, 3] = wrong
    for call in (
        lambda: model.fit(x, y, verbose=0),
        lambda: model.fit(x * 0, y, validation_data=(x, y), verbose=0),
        lambda: model.evaluate(x, y, verbose=0),
        lambda: model.predict(x, verbose=0),
    ):
        with pytest.raises(ValueError, match="tokens 0 to 10, whole numbers"):
            call()
    assert model.optimizer.iterations == 0


class _LateToken(keras.utils.PyDataset):
    """Batches of which the third has a token that is none."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        x, y = _data("tokens")
        x[0, 0] += 20 * (index == 2)
        return x, y


def test_an_unknown_token_of_a_later_batch_ends_the_training():
    """TensorFlow on a CPU raises an error of its own; JAX and GPUs do not."""
    model = _compiled("tokens")
    with pytest.raises(Exception, match="tokens from 0 to|not in"):
        model.fit(_LateToken(), shuffle=False, verbose=0)


def test_limits_are_of_inputs_that_embeddings_read():
    a = keras.Input((3,), dtype="int32", name="a")
    b = keras.Input((3,), name="b")
    first = keras.layers.Embedding(7, 2)(a)
    second = keras.layers.Embedding(5, 2)(a)
    x = keras.layers.Concatenate()([first, second])
    x = keras.layers.Flatten()(x)
    y = keras.layers.Concatenate()([x, b])
    outputs = [
        keras.layers.Dense(2, name=f"stage_{k}")(z) for k, z in ((1, x), (2, y))
    ]
    assert token_limits(ka.AnytimeModel([a, b], outputs)) == {"a": 5}
    assert token_limits(_series()) == {}


def _labels(*shape, dtype="float32", high=2):
    return RNG.integers(0, high, shape).astype(dtype)


CATEGORICAL = functools.partial(
    keras.losses.CategoricalCrossentropy, from_logits=True
)
BINARY = functools.partial(keras.losses.BinaryCrossentropy, from_logits=True)


@pytest.mark.parametrize(
    ("kind", "loss", "labels", "message"),
    [
        ("masks", LOSS, _labels(COUNT, 6, 6, dtype="int32"), None),
        ("masks", LOSS, _labels(COUNT, 6, 6, 1, dtype="uint8"), None),
        ("masks", LOSS, _labels(COUNT, 6, 5), "one integer label per position"),
        ("masks", LOSS, _labels(COUNT, dtype="int32"), "per position"),
        ("masks", LOSS, _labels(COUNT, 6, 6, high=9), "must be 0 to 1"),
        (
            "masks",
            functools.partial(LOSS, ignore_class=255),
            np.where(_labels(COUNT, 6, 6) > 0, 255, 1),
            None,
        ),
        (
            "masks",
            CATEGORICAL,
            np.eye(2)[_labels(COUNT, 6, 6).astype(int)],
            None,
        ),
        ("masks", CATEGORICAL, _labels(COUNT, 6, 6), r"\(None, 6, 6, 2\)"),
        (
            "series",
            CATEGORICAL,
            np.eye(3)[_labels(COUNT, high=3).astype(int)],
            None,
        ),
        ("series", CATEGORICAL, np.full((COUNT, 3), 1 / 3), None),
        ("series", CATEGORICAL, _labels(COUNT), "a probability of each class"),
        ("series", CATEGORICAL, np.full((COUNT, 3), np.nan), "must be finite"),
        ("series", BINARY, _labels(COUNT, 3), None),
        ("series", BINARY, _labels(COUNT, 2), r"outputs' shape \(None, 3\)"),
        ("series", BINARY, _labels(COUNT, 3, high=5), "from 0 to 1"),
        (
            "series",
            keras.losses.MeanSquaredError,
            RNG.normal(size=(COUNT, 3)),
            None,
        ),
        (
            "series",
            keras.losses.MeanSquaredError,
            _labels(COUNT),
            "numbers of the",
        ),
        (
            "table",
            keras.losses.MeanSquaredError,
            RNG.normal(size=(COUNT, 1)),
            None,
        ),
        (
            "table",
            keras.losses.Huber,
            RNG.normal(size=(COUNT, 2)),
            "numbers of the",
        ),
        ("table", keras.losses.Huber, np.full(COUNT, np.inf), "finite numbers"),
    ],
)
def test_labels_are_checked_for_the_loss(kind, loss, labels, message):
    model = NETWORKS[kind][0]()
    model.compile("sgd", loss(), run_eagerly=EAGER)
    x, _ = _data(kind)
    if message is None:
        assert np.isfinite(
            model.evaluate(x, labels, batch_size=COUNT, verbose=0)
        ).all()
        return
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=message) as refused:
            call(x, labels, verbose=0)
        assert "Received: x with labels" in str(refused.value)


def test_class_weights_of_what_is_no_class_are_refused():
    for kind in ("table", "masks"):
        x, y = _data(kind)
        with pytest.raises(ValueError, match="one class per example"):
            _compiled(kind).fit(x, y, class_weight={0: 1, 1: 2}, verbose=0)
    x, y = _data("two_inputs")
    weighted = _compiled("two_inputs")
    by_sample = _compiled("two_inputs")
    whole = {"batch_size": COUNT, "shuffle": False, "verbose": 0}
    weighted.fit(x, y, class_weight={0: 1.0, 1: 3.0}, **whole)
    weights = np.where(y == 1, 3.0, 1.0).astype("float32")
    by_sample.fit(x, y, sample_weight=weights, **whole)
    for ours, theirs in zip(
        weighted.get_weights(), by_sample.get_weights(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_several_steps_at_a_time_and_accumulation_take_several_inputs():
    x, y = _data("two_inputs")
    models = []
    for steps in (1, 3):
        model = _two_inputs()
        model.compile(
            keras.optimizers.SGD(0.1, gradient_accumulation_steps=2),
            LOSS(),
            gradients="orthogonal",
            steps_per_execution=steps,
        )
        model.fit(x, y, batch_size=16, shuffle=False, epochs=2, verbose=0)
        models.append(model.get_weights())
    for ours, theirs in zip(*models, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_parts_and_checkpoints_of_several_inputs(tmp_path):
    x, y = _data("two_inputs")
    model = _compiled("two_inputs")
    options = {"epochs": 1, "verbose": 0, "validation_data": (x, y)}
    ka.training.fit_heads(model, x, y, **options)
    ka.training.fit_greedy(model, x, y, workdir=tmp_path / "greedy", **options)
    resume = ka.callbacks.Resume(tmp_path / "run")
    model.fit(x, y, callbacks=[resume], verbose=0)
    again = _compiled("two_inputs")
    ka.callbacks.Resume(tmp_path / "run").restore(again)
    for ours, theirs in zip(
        again.get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def _masks(task, ignored, metric="accuracy"):
    keras.utils.set_random_seed(0)
    image = keras.Input((4, 4, 1))
    a = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    model = _stages((a, a), 3, task=task, inputs=image)
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=ignored
    )
    model.compile("sgd", loss, metrics=[metric], run_eagerly=EAGER)
    return model


# Keras takes names of metrics in any case.
@pytest.mark.parametrize(
    ("given", "metric"),
    [(True, "accuracy"), (False, "accuracy"), (True, "Accuracy")],
)
def test_positions_that_are_left_out_are_so_in_the_accuracy(given, metric):
    task = ka.tasks.Segmentation(3, ignore_class=255)
    model = _masks(task if given else None, 255, metric)
    assert model.tasks[None].get_config() == task.get_config()
    x = RNG.normal(size=(8, 4, 4, 1)).astype("float32")
    masks = RNG.integers(0, 3, (8, 4, 4))
    masks[:, :2, 1:] = 255
    weights = RNG.uniform(0.5, 2, 8).astype("float32")
    found = model.evaluate(
        x, masks, sample_weight=weights, verbose=0, return_dict=True
    )
    for k, logits in enumerate(model.predict(x, verbose=0), start=1):
        right = np.mean((logits.argmax(-1) == masks)[masks != 255])
        assert found[f"stage_{k}_{metric}"] == pytest.approx(right, abs=1e-6)


@pytest.mark.parametrize(("in_task", "in_loss"), [(None, 255), (255, None)])
def test_task_and_loss_leave_out_the_same(in_task, in_loss):
    task = ka.tasks.Segmentation(3, ignore_class=in_task)
    with pytest.raises(ValueError, match="the same `ignore_class`. Received"):
        _masks(task, in_loss)


@pytest.mark.parametrize("kind", [str, object, "complex64"])
def test_what_is_no_number_is_refused_before_training(kind):
    model = _table()
    model.compile("sgd", "mse", run_eagerly=EAGER)
    x, y = np.zeros((8, 4), "float32"), np.zeros(8, "float32")
    for data in ((x.astype(kind), y), (x, y.astype(kind))):
        with pytest.raises(ValueError, match=r"must be numbers.*of type"):
            model.fit(*data, verbose=0)


def test_lists_are_refused_in_one_sentence():
    model = _table()
    model.compile("sgd", "mse", run_eagerly=EAGER)
    x, y = np.zeros((99, 4), "float32"), np.zeros(99, "float32")
    for data in ((x.tolist(), y), (x, y.tolist())):
        with pytest.raises(ValueError, match=r"asarray.*values \(float\)") as e:
            model.fit(*data, verbose=0)
        assert len(str(e.value)) < 200
