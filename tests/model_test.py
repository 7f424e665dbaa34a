import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import scramble
from tests.testing import tiny_net


def test_logs_have_every_stages_loss_and_metrics():
    model = compiled(dense_net(3))
    x, y = digits()
    history = model.fit(x, y, validation_data=(x, y), verbose=0).history
    stages = {
        f"stage_{k}_{what}" for k in (1, 2, 3) for what in ("loss", "accuracy")
    }
    expected = {"loss", *stages}
    assert set(history) == expected | {f"val_{name}" for name in expected}


def test_one_stage_is_logged_like_several():
    model = compiled(dense_net(1))
    x, y = digits()
    history = model.fit(x, y, verbose=0).history
    assert set(history) == {"loss", "stage_1_loss", "stage_1_accuracy"}


def test_evaluation_measures_each_stage_against_the_one_target():
    model = compiled(scramble(tiny_net(l2=0.01)))
    x, y = digits(60)
    # Batches of 32 and 28: a small last batch must not count for more.
    logs = model.evaluate(x, y, batch_size=32, return_dict=True, verbose=0)
    losses = []
    for k, logits in enumerate(model.predict(x, verbose=0), start=1):
        logits = logits.astype("float64")
        log_sum = np.log(
            np.exp(logits - logits.max(1, keepdims=True)).sum(1)
        ) + logits.max(1)
        losses.append(np.mean(log_sum - logits[np.arange(len(y)), y]))
        accuracy = np.mean(logits.argmax(1) == y)
        assert logs[f"stage_{k}_loss"] == pytest.approx(losses[-1], rel=1e-4)
        assert logs[f"stage_{k}_accuracy"] == pytest.approx(accuracy)
    penalty = 0.01 * sum(
        float((layer.kernel.numpy() ** 2).sum())
        for layer in model.layers
        if hasattr(layer, "kernel")
    )
    assert logs["loss"] == pytest.approx(np.mean(losses) + penalty, rel=1e-4)


def test_sample_weights_weigh_every_stage():
    model = compiled(scramble(tiny_net(l2=0)))
    x, y = digits(16)
    half = np.array([1.0] * 8 + [0.0] * 8, "float32")
    weighted = model.evaluate(
        x, y, sample_weight=half, return_dict=True, verbose=0
    )
    plain = model.evaluate(x[:8], y[:8], return_dict=True, verbose=0)
    for k in (1, 2, 3):
        # Keras divides by the batch, zeros included.
        assert 2 * weighted[f"stage_{k}_loss"] == pytest.approx(
            plain[f"stage_{k}_loss"], rel=1e-4
        )


def test_metric_objects_and_weighted_metrics_serve_all_stages():
    model = dense_net(3)
    model.compile(
        "sgd",
        loss="sparse_categorical_crossentropy",
        metrics=[keras.metrics.SparseTopKCategoricalAccuracy(3, name="top3")],
        weighted_metrics=["accuracy"],
    )
    x, y = digits()
    logs = model.evaluate(x, y, return_dict=True, verbose=0)
    for k in (1, 2, 3):
        assert 0 <= logs[f"stage_{k}_accuracy"] <= logs[f"stage_{k}_top3"] <= 1


def test_compiling_again_replaces_loss_weighting_and_combiner():
    model = compiled(dense_net(3), "orthogonal", "adaloss")
    x, y = digits()
    model.fit(x, y, verbose=0)
    compiled(model, "sum", "constant")
    assert isinstance(model.gradient_combiner, ka.gradients.Sum)
    history = model.fit(x, y, verbose=0).history
    assert sum("stage_1_loss" in name for name in history) == 1
    assert len(model.variables) == len(model.weights)


def test_training_state_is_in_variables_but_no_weight_of_the_network():
    plain, trained = dense_net(3), compiled(dense_net(3), weighting="adaloss")
    assert len(trained.variables) == len(plain.variables) + 4
    assert len(trained.weights) == len(plain.weights)
    plain.set_weights(trained.get_weights())


def test_weights_go_between_compiled_and_plain_models(tmp_path):
    plain, trained = tiny_net(), compiled(tiny_net(), weighting="adaloss")
    path = tmp_path / "model.weights.h5"
    scramble(plain).save_weights(path)
    trained.load_weights(path)
    np.testing.assert_array_equal(
        trained.get_weights()[0], plain.get_weights()[0]
    )
    scramble(trained, seed=1).save_weights(path)
    plain.load_weights(path)
    np.testing.assert_array_equal(
        trained.get_weights()[0], plain.get_weights()[0]
    )


class Counting(ka.gradients.Sum):
    """A combiner with state."""

    single_backward = False

    def build(self, input_shape):
        self.calls = self.add_weight(name="calls", initializer="zeros")
        super().build(input_shape)

    def coefficients(self, gram, sizes):
        self.calls.assign_add(1.0)
        return super().coefficients(gram, sizes)


def test_a_loaded_model_trains_on_as_if_it_had_never_been_saved(tmp_path):
    keras.saving.register_keras_serializable("test")(Counting)
    x, y = digits(96)
    model = compiled(
        dense_net(3),
        Counting(),
        ka.weighting.AdaLoss(update_every=2),
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(0.01, 100)
        ),
    )
    model.fit(x, y, batch_size=32, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    again = ka.load_model(tmp_path / "model.keras")
    assert float(again.gradient_combiner.calls) == 3
    np.testing.assert_array_equal(again.weighting.means, model.weighting.means)
    for network in (model, again):
        network.fit(x, y, batch_size=32, shuffle=False, epochs=2, verbose=0)
    for ours, theirs in zip(
        [*model.variables, *model.optimizer.variables],
        [*again.variables, *again.optimizer.variables],
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    dense_net(3).save(path)
    before = path.read_bytes()

    def fail(self, filepath, **kwargs):
        filepath.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(keras.Model, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        dense_net(3).save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_other_models_are_not_loaded(tmp_path):
    image = keras.Input((3,))
    model = keras.Model(image, keras.layers.Dense(2)(image))
    model.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="not an anytime model"):
        ka.load_model(tmp_path / "other.keras")


@pytest.mark.parametrize(
    "loss",
    [
        "sparse_categorical_crossentropy",
        keras.losses.sparse_categorical_crossentropy,
    ],
)
def test_a_loss_by_name_is_taken_on_logits(loss):
    by_name, by_object = (
        scramble(dense_net(3)),
        compiled(scramble(dense_net(3))),
    )
    by_name.compile("sgd", loss=loss)
    x, y = digits()
    logs = by_name.evaluate(x, y, return_dict=True, verbose=0)
    expected = by_object.evaluate(x, y, return_dict=True, verbose=0)
    for name, value in logs.items():
        assert value == pytest.approx(expected[name], rel=1e-5)


def test_a_loss_function_serves_all_stages(tmp_path):
    model = dense_net(3)
    model.compile("sgd", loss=keras.losses.mean_squared_error)
    x, y = digits()
    one_hot = np.eye(10)[y]
    model.fit(x, one_hot, verbose=0)
    model.save(tmp_path / "model.keras")
    again = ka.load_model(tmp_path / "model.keras")
    assert again.evaluate(x, one_hot, verbose=0) == pytest.approx(
        model.evaluate(x, one_hot, verbose=0)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": None}, "loss=None"),
        ({"loss": ["mse", "mse", "mse"]}, "one Keras loss"),
        (
            {"loss": keras.losses.SparseCategoricalCrossentropy()},
            "from_logits=True",
        ),
        (
            {"loss": keras.losses.BinaryCrossentropy()},
            "from_logits=True",
        ),
        (
            {
                "loss": keras.losses.SparseCategoricalCrossentropy(
                    from_logits=True, reduction="none"
                )
            },
            "reduction='none'",
        ),
        ({"metrics": "accuracy"}, "metrics=accuracy"),
        ({"metrics": [["accuracy"]]}, "one flat list"),
        ({"weighting": "heavy"}, "weighting='heavy'"),
        ({"gradients": "steep"}, "gradients='steep'"),
        (
            {"gradients": ka.gradients.Orthogonal(priority=[1, 2])},
            "stages 1 to 3",
        ),
        ({"weighting": ka.weighting.Constant([1, 2])}, "each of 3 stages"),
    ],
)
def test_compile_refuses_what_does_not_fit(arguments, message):
    settings = {"loss": "sparse_categorical_crossentropy", **arguments}
    with pytest.raises(ValueError, match=message):
        dense_net(3).compile("sgd", **settings)


def test_state_of_another_network_is_refused():
    weighting = ka.weighting.AdaLoss()
    compiled(dense_net(2), weighting=weighting)
    with pytest.raises(ValueError, match="of 2 stages.*of 3 stages"):
        compiled(dense_net(3), weighting=weighting)


def test_outputs_go_by_the_names_of_stages():
    image = keras.Input((4,))
    model = ka.AnytimeModel(image, [keras.layers.Dense(3, name="a")(image)])
    with pytest.raises(ValueError, match="stage_1"):
        compiled(model)


def test_arguments_of_fit_by_position():
    model = compiled(dense_net(3))
    x, y = digits(32)
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(epoch)
    )
    model.fit(x, y, 16, 2, 0, watch)
    assert seen == [0, 1]
    assert model.optimizer.iterations == 4


@pytest.mark.parametrize("k", [0, 4, -1])
def test_there_are_only_the_models_stages(k):
    model = tiny_net()
    for method in (model.stage, model.step, model.stage_variables):
        with pytest.raises(ValueError, match=f"1 to 3. Received: k={k}"):
            method(k)


def test_a_step_says_which_features_it_lacks():
    model = tiny_net()
    with pytest.raises(ValueError, match="pool_stage1"):
        model.step(2)({"image": digits()[0]})


def test_any_nested_graph_is_an_anytime_model():
    image = keras.Input((4,), name="image")
    a = keras.layers.Dense(8, activation="relu", name="a")(image)
    b = keras.layers.Dense(8, activation="relu", name="b")(image)
    both = keras.ops.concatenate([a, 0.5 * b[:, 2:]], axis=-1)
    model = compiled(
        ka.AnytimeModel(
            image,
            [
                keras.layers.Dense(3, name="stage_1")(a),
                keras.layers.Dense(3, name="stage_2")(both),
            ],
        ),
        "orthogonal",
        "adaloss",
    )
    x = np.random.default_rng(0).standard_normal((32, 4)).astype("float32")
    model.fit(x, np.arange(32) % 3, verbose=0)
    features = {"image": x}
    for k in (1, 2):
        features |= model.step(k)(features)
        np.testing.assert_allclose(
            features["logits"], model.stage(k)(x), atol=1e-6
        )


def test_passes_over_the_data_follow_the_epochs_of_fit():
    seen = []
    train, test = ka.data.load(
        "digits", splits=("train[:64]", "train[-16:]"), batch_size=32
    )
    model = compiled(dense_net(3))
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(train.epochs.next - 1)
    )
    next(iter(train))  # Looking changes nothing.
    model.fit(train, epochs=2, callbacks=[watch], verbose=0)
    model.fit(train, epochs=1, callbacks=[watch], verbose=0)
    model.fit(
        train,
        validation_data=test,
        initial_epoch=7,
        epochs=9,
        callbacks=[watch],
        verbose=0,
    )
    assert seen == [0, 1, 2, 7, 8]
