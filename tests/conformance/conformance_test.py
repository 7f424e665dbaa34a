"""What every network promises, checked for every network."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_anytime as ka
from tests.conformance.catalogue import NETWORKS
from tests.testing import compiled
from tests.testing import scramble


@pytest.fixture(name="model", params=NETWORKS)
def _model(request):
    keras.utils.set_random_seed(0)
    return scramble(NETWORKS[request.param]())


@pytest.fixture(name="images")
def _images(model):
    """Real digits, brought to the network's input size."""
    data = ka.data.load("digits", batch_size=4)[1]
    digits = next(iter(data))[0]
    height, width, channels = model.input_shape[1:]
    images = tf.image.resize(digits, (height, width)).numpy()
    return np.repeat(images, channels, axis=-1)


def _assert_close(got, want):
    """Equal to 1e-5 of the largest logit."""
    np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())


def _all_logits(model, images):
    return keras.tree.flatten(model.predict(images, verbose=0))


def test_outputs_are_named_float32_logits(model, images):
    assert model.output_names == [
        f"stage_{k}" for k in range(1, model.num_stages + 1)
    ]
    for logits in _all_logits(model, images):
        assert logits.dtype == "float32"
        assert logits.shape == (len(images), model.outputs[0].shape[-1])


def test_stages_contain_one_another(model):
    # Heads apart: each stage has one of its own.
    variables = [
        {
            v.path
            for v in model.stage_variables(k)
            if not v.path.startswith("stage_")
        }
        for k in range(1, model.num_stages + 1)
    ]
    assert all(a < b for a, b in zip(variables, variables[1:], strict=False))
    assert variables[-1] == {
        v.path
        for v in model.trainable_variables
        if not v.path.startswith("stage_")
    }


def test_no_weight_outside_a_stage_changes_it(model, images):
    before = _all_logits(model, images)
    for k in range(1, model.num_stages):
        inside = {v.path for v in model.stage(k).variables}
        for variable in model.variables:
            if variable.path not in inside:
                variable.assign(variable + 1.0)
        after = _all_logits(model, images)
        np.testing.assert_array_equal(after[k - 1], before[k - 1])
        assert not np.allclose(after[-1], before[-1])
        before = after


def test_every_weight_of_a_stage_counts(model):
    # A dead variable would be exported and trained for nothing.
    x = np.random.default_rng(0).standard_normal((8, *model.input_shape[1:]))
    for k in range(1, model.num_stages + 1):
        variables = model.stage_variables(k)
        with tf.GradientTape() as tape:
            logits = model.stage(k)(x.astype("float32"), training=True)
            loss = tf.reduce_sum(tf.nn.softmax(logits / 100)[:, 0])
        gradients = tape.gradient(loss, [v.value for v in variables])
        for variable, gradient in zip(variables, gradients, strict=True):
            assert gradient is not None, variable.path
            assert np.any(gradient), variable.path


def test_a_stage_alone_and_chained_steps_equal_the_outputs(model, images):
    features = {"image": images}
    for k, want in enumerate(_all_logits(model, images), start=1):
        features |= model.step(k)(features)
        _assert_close(features["logits"], want)
        _assert_close(model.stage(k)(images), want)


def test_steps_add_up_to_the_whole_network(model):
    costs = ka.evaluation.stage_costs(model)
    heads = [
        ka.evaluation.cost.macs(model.get_layer(cost_name))
        for cost_name in model.output_names
    ]
    total = 0
    for cost, head in zip(costs, heads, strict=True):
        total += cost.step_macs - head
        assert cost.macs == total + head
        assert cost.parameters == sum(
            int(np.prod(v.shape)) for v in model.stage_variables(cost.stage)
        )


def test_it_is_made_again_from_its_config(model, images):
    again = ka.AnytimeModel.from_config(
        json.loads(json.dumps(model.get_config()))
    )
    again.set_weights(model.get_weights())
    for got, want in zip(
        _all_logits(again, images), _all_logits(model, images), strict=True
    ):
        np.testing.assert_array_equal(got, want)


def test_a_saved_model_is_the_same(model, images, tmp_path):
    model.save(tmp_path / "model.keras")
    again = ka.load_model(tmp_path / "model.keras")
    for got, want in zip(
        _all_logits(again, images), _all_logits(model, images), strict=True
    ):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("gradients", ["sum", "orthogonal"])
def test_a_training_step_moves_every_stage(model, images, gradients):
    compiled(model, gradients, "adaloss", keras.optimizers.SGD(0.01))
    before = [v.numpy() for v in model.trainable_variables]
    logs = model.train_on_batch(
        images, np.arange(len(images)), return_dict=True
    )
    assert all(np.isfinite(value) for value in logs.values())
    moved = [
        not np.array_equal(old, new)
        for old, new in zip(before, model.trainable_variables, strict=True)
    ]
    assert all(moved)


@pytest.mark.parametrize("name", NETWORKS)
def test_mixed_precision_gives_float32_logits(name):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = NETWORKS[name]()
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("stage_1").compute_dtype == "float32"
    assert model.layers[2].compute_dtype == "bfloat16"
    x = np.ones((2, *model.input_shape[1:]), "float32")
    compiled(model, "orthogonal").train_on_batch(x, np.array([0, 1]))
    for logits in _all_logits(model, x):
        assert logits.dtype == "float32"
        assert np.all(np.isfinite(logits))


def test_saved_model_signatures_equal_keras(model, images, tmp_path):
    ka.export.saved_model(model, tmp_path / "export")
    loaded = tf.saved_model.load(tmp_path / "export")
    features = {"image": tf.constant(images)}
    for k, want in enumerate(_all_logits(model, images), start=1):
        step = loaded.signatures[f"step_{k}"]
        features |= step(
            **{
                name: features[name]
                for name in step.structured_input_signature[1]
            }
        )
        alone = loaded.signatures[f"subnet_{k}"](image=tf.constant(images))
        _assert_close(features["logits"], want)
        _assert_close(alone["logits"], want)


def test_tflite_signatures_equal_keras(model, images, tmp_path):
    ka.export.tflite(model, tmp_path / "anytime.tflite")
    interpreter = Interpreter(str(tmp_path / "anytime.tflite"))
    wanted = _all_logits(model, images)
    for index, image in enumerate(images):
        features = {"image": image[None]}
        for k, want in enumerate(wanted, start=1):
            step = interpreter.get_signature_runner(f"step_{k}")
            features |= step(
                **{name: features[name] for name in step.get_input_details()}
            )
            alone = interpreter.get_signature_runner(f"subnet_{k}")
            _assert_close(features["logits"][0], want[index])
            _assert_close(alone(image=image[None])["logits"][0], want[index])
