"""Networks of `keras.applications`, converted and exported."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_anytime as ka
from keras_anytime.experiments.conversion_table import NETWORKS
from tests.convert import nets
from tests.testing import run_script
from tests.testing import scramble

pytestmark = pytest.mark.slow


def _converted(name):
    network = getattr(keras.applications, name)(
        input_shape=(64, 64, 3), weights=None, classes=10
    )
    return network, ka.convert.add_heads(network, 10, at=(0.25, 0.5))


def _close(got, want):
    np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_applications_go_the_whole_way(name, tmp_path):
    network, model = _converted(name)
    points = {p.layer: p for p in ka.convert.cut_points(network)}
    for k, wanted in ((2, 0.25), (3, 0.5)):
        (layer,) = model.step(k).input
        shares = [abs(point.share - wanted) for point in points.values()]
        assert abs(points[layer].share - wanted) == min(shares) < 0.1
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3))
    images = images.astype("float32")
    answers = model.predict(images, verbose=0)
    np.testing.assert_allclose(
        keras.ops.softmax(answers[-1]),
        network.predict(images, verbose=0),
        rtol=1e-4,
        atol=1e-6,
    )
    costs = ka.evaluation.stage_costs(model)
    assert costs[-1].macs == ka.convert.cut_points(network).macs
    ka.export.saved_model(model, tmp_path / "saved_model")
    loaded = tf.saved_model.load(tmp_path / "saved_model")
    ka.export.tflite(model, tmp_path / "net.tflite", subnets=False)
    interpreter = Interpreter(str(tmp_path / "net.tflite"))
    features = {"image": tf.constant(images)}
    on_device = {"image": images[:1]}
    for k, want in enumerate(answers, start=1):
        step = loaded.signatures[f"step_{k}"]
        names = step.structured_input_signature[1]
        features |= step(**{key: features[key] for key in names})
        _close(features["logits"], want)
        runner = interpreter.get_signature_runner(f"step_{k}")
        names = runner.get_input_details()
        on_device |= runner(**{key: on_device[key] for key in names})
        _close(on_device["logits"], want[:1])


def test_the_tool_converts_a_saved_model(repository, tmp_path):
    model = scramble(nets.nested())
    model.save(tmp_path / "my.keras")
    arguments = [
        f"--model={tmp_path / 'my.keras'}",
        f"--output={tmp_path / 'anytime.keras'}",
        f"--cuts={tmp_path / 'cuts.csv'}",
        "--at=inner_add0,0.9",
        "--max_head_share=0.5",
    ]
    run = run_script(repository, "tools/add_heads.py", *arguments)
    assert run.returncode == 1
    assert "--classes is the number" in run.stderr
    run = run_script(
        repository, "tools/add_heads.py", "--classes=5", *arguments
    )
    assert run.returncode == 0, run.stderr
    assert "Written:" in run.stdout
    anytime = ka.load_model(tmp_path / "anytime.keras")
    images = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3))
    logits = anytime.predict(images, verbose=0)[-1]
    np.testing.assert_allclose(
        keras.ops.softmax(logits), model.predict(images, verbose=0), rtol=1e-4
    )
    run = run_script(
        repository,
        "tools/add_heads.py",
        "--classes=5",
        f"--model={tmp_path / 'anytime.keras'}",
        f"--output={tmp_path / 'again.keras'}",
    )
    assert run.returncode == 1
    assert "has its stages already" in run.stderr
    assert "Traceback" not in run.stderr
