"""Networks with several label sets (Lee and Shin, 2018, Section 3.3)."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_anytime as ka
from tests.gradients.references import osgd
from tests.gradients.references import padded
from tests.testing import compiled
from tests.testing import digits
from tests.testing import hierarchical_digits
from tests.testing import hierarchical_net
from tests.testing import sampled
from tests.testing import scramble

SETS = ("fine", "coarse")


def _cross_entropies(logits, labels):
    logits = logits.astype("float64")
    shifted = logits - logits.max(1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(1))
    return log_sums - shifted[np.arange(len(labels)), labels]


def _answers(model, x):
    """A list of K dicts of logits, from Keras' flat list of outputs."""
    flat = iter(model.predict(x, verbose=0))
    return [{name: next(flat) for name in SETS} for _ in range(3)]


def test_outputs_make_up_stages():
    model = scramble(hierarchical_net())
    assert model.label_sets == SETS
    assert model.num_stages == 3
    x, _ = hierarchical_digits(4)
    features = {"image": x}
    for k, want in enumerate(_answers(model, x), start=1):
        alone = model.stage(k)(x)
        features |= model.step(k)(features)
        assert set(alone) == set(SETS)
        names = {operation.name for operation in model.stage_operations(k)}
        for name in SETS:
            assert f"stage_{k}_{name}" in names
            assert alone[name].shape == want[name].shape
            np.testing.assert_allclose(alone[name], want[name], atol=1e-5)
            np.testing.assert_allclose(
                features[f"logits_{name}"], want[name], atol=1e-5
            )
        heads = [name for name in names if name.startswith("stage_")]
        assert len(heads) == 2
        assert "logits" not in features


def test_logs_are_sums_of_cross_entropies_and_metrics_by_label_set():
    model = compiled(scramble(hierarchical_net()))
    x, y = hierarchical_digits(60)
    logs = model.evaluate(x, y, batch_size=32, return_dict=True, verbose=0)
    losses = []
    for k, answer in enumerate(_answers(model, x), start=1):
        losses.append(
            sum(_cross_entropies(answer[name], y[name]).mean() for name in SETS)
        )
        assert logs.pop(f"stage_{k}_loss") == pytest.approx(
            losses[-1], rel=1e-4
        )
        for name in SETS:
            accuracy = np.mean(answer[name].argmax(1) == y[name])
            assert logs.pop(f"stage_{k}_{name}_accuracy") == pytest.approx(
                accuracy
            )
    assert logs.pop("loss") == pytest.approx(np.mean(losses), rel=1e-4)
    assert not logs


@pytest.mark.parametrize("by_set", sampled([False, True], [True]))
@pytest.mark.parametrize("as_dataset", [False, True])
def test_sample_weights_weigh_losses_and_weighted_metrics(by_set, as_dataset):
    model = compiled(
        scramble(hierarchical_net()), weighted_metrics=[_accuracy()]
    )
    x, y = hierarchical_digits(16)
    rng = np.random.default_rng(0)
    weights = {name: rng.random(16).astype("float32") for name in SETS}
    given = weights
    if not by_set:
        given = weights["coarse"] = weights["fine"]
    if as_dataset:
        data = tf.data.Dataset.from_tensor_slices((x, y, given)).batch(8)
        logs = model.evaluate(data, return_dict=True, verbose=0)
    else:
        logs = model.evaluate(
            x, y, sample_weight=given, return_dict=True, verbose=0
        )
    for k, answer in enumerate(_answers(model, x), start=1):
        loss = 0
        for name in SETS:
            own = weights[name]
            loss += np.mean(own * _cross_entropies(answer[name], y[name]))
            right = answer[name].argmax(1) == y[name]
            assert logs[f"stage_{k}_{name}_weighted"] == pytest.approx(
                np.average(right, weights=own), rel=1e-4
            )
        assert logs[f"stage_{k}_loss"] == pytest.approx(loss, rel=1e-4)


def _accuracy():
    return keras.metrics.SparseCategoricalAccuracy(name="weighted")


def _stage_gradients(model, x, y, weights):
    """The gradients of the weighted sums of equation 2, written out."""
    gradients = []
    for index, weight in enumerate(weights):
        with tf.GradientTape() as tape:
            fine, coarse = model(x, training=True)[2 * index : 2 * index + 2]
            loss = weight * (
                tf.reduce_mean(
                    tf.nn.sparse_softmax_cross_entropy_with_logits(
                        y["fine"], fine
                    )
                )
                + tf.reduce_mean(
                    tf.nn.sparse_softmax_cross_entropy_with_logits(
                        y["coarse"], coarse
                    )
                )
            )
        gradients.append(
            tape.gradient(loss, [v.value for v in model.trainable_variables])
        )
    return gradients


@pytest.mark.parametrize("combiner", ["sum", "orthogonal"])
def test_a_step_is_that_of_a_loss_written_out(combiner):
    weights = [1.0, 2.0, 0.5]
    model = scramble(hierarchical_net())
    x, y = hierarchical_digits(32)
    vectors = padded(_stage_gradients(model, x, y, weights))
    want = vectors.sum(0) / sum(weights)
    if combiner == "orthogonal":
        want = osgd(vectors, [0, 1, 2])
    compiled(
        model,
        combiner,
        ka.weighting.Constant(weights),
        keras.optimizers.SGD(1.0),
    )
    before = [v.numpy() for v in model.trainable_variables]
    model.train_on_batch(x, y)
    got = np.concatenate(
        [
            (old - new.numpy()).ravel()
            for old, new in zip(before, model.trainable_variables, strict=True)
        ]
    )
    np.testing.assert_allclose(
        got, want, rtol=1e-3, atol=1e-4 * np.abs(want).max()
    )


@pytest.mark.parametrize(
    ("gradients", "policy"),
    sampled(
        list(
            itertools.product(
                ("sum", "orthogonal"), ("float32", "mixed_float16")
            )
        ),
        [("orthogonal", "float32")],
    ),
)
def test_it_learns_from_arrays_and_data_sets(policy, gradients):
    keras.config.set_dtype_policy(policy)
    try:
        model = hierarchical_net()
    finally:
        keras.config.set_dtype_policy("float32")
    optimizer = keras.optimizers.Adam(0.02)
    compiled(model, gradients, "adaloss", optimizer, run_eagerly=False)
    x, y = hierarchical_digits(128)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(32)
    first = model.fit(x, y, validation_data=(x, y), batch_size=32, verbose=0)
    last = model.fit(data, validation_data=data, epochs=8, verbose=0)
    for k in (1, 2, 3):
        name = f"val_stage_{k}_loss"
        assert last.history[name][-1] < 0.9 * first.history[name][0]
    stages = {
        f"stage_{k}_{what}"
        for k in (1, 2, 3)
        for what in ("loss", "fine_accuracy", "coarse_accuracy")
    }
    expected = {"loss", *stages}
    assert set(last.history) == expected | {f"val_{name}" for name in expected}


@pytest.mark.slow
def test_a_loaded_model_trains_on(tmp_path):
    model = compiled(hierarchical_net(), "orthogonal", "adaloss")
    x, y = hierarchical_digits(32)
    model.fit(x, y, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    again = ka.load_model(tmp_path / "model.keras")
    assert again.label_sets == SETS
    for network in (model, again):
        network.fit(x, y, shuffle=False, verbose=0)
    for ours, theirs in zip(model.variables, again.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_one_label_set_of_one_stage_is_logged_like_several():
    image = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Flatten()(image)
    head = keras.layers.Dense(10, name="stage_1_fine")
    model = compiled(ka.AnytimeModel(image, [head(x)]))
    assert (model.num_stages, model.label_sets) == (1, ("fine",))
    x, y = digits(16)
    history = model.fit(x, {"fine": y}, verbose=0).history
    assert set(history) == {"loss", "stage_1_loss", "stage_1_fine_accuracy"}
    assert set(model.stage(1)(x)) == {"fine"}


@pytest.mark.parametrize("as_dataset", [False, True])
def test_labels_that_do_not_fit_are_refused_before_training(as_dataset):
    model = compiled(hierarchical_net())
    x, y = hierarchical_digits(16)
    for labels, message in (
        (y["fine"], r"dict of \['coarse', 'fine'\]"),
        ({"fine": y["fine"]}, "Received: labels as a dict of"),
        ({**y, "other": y["fine"]}, "'other'"),
        ({**y, "coarse": y["coarse"] + 1}, "labels 'coarse' must be 0 to 1"),
        ({**y, "fine": y["fine"] - 4}, "labels 'fine' from -4"),
    ):
        data = (x, labels)
        if as_dataset:
            data = (tf.data.Dataset.from_tensor_slices(data).batch(16),)
        with pytest.raises(ValueError, match=message):
            model.fit(*data, verbose=0)
    assert model.optimizer.iterations == 0
    # Elsewhere they are not looked at beforehand, but refused all the same.
    with pytest.raises(ValueError, match="dict of"):
        model.evaluate(x, y["fine"], verbose=0)


def test_stages_that_differ_in_label_sets_are_refused():
    image = keras.Input((4,), name="image")
    for names in (
        ["stage_1_fine", "stage_1_coarse", "stage_2_coarse", "stage_2_fine"],
        ["stage_1_fine", "stage_1_coarse", "stage_2_fine"],
    ):
        model = ka.AnytimeModel(
            image, [keras.layers.Dense(3, name=name)(image) for name in names]
        )
        with pytest.raises(ValueError, match="'stage_2_coarse'"):
            compiled(model)
