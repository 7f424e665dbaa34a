import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

import keras_anytime as ka
from keras_anytime import manifest as manifest_lib
from tests.testing import passes_net
from tests.testing import scramble
from tests.testing import tiny_net


def _whole_network_alone(model):
    """The last stage, converted by TensorFlow's own converter."""
    return tf.lite.TFLiteConverter.from_keras_model(
        model.stage(model.num_stages)
    ).convert()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("units", "filters"), [((1, 1, 1), (24, 48, 96)), ((2, 2, 2), (16, 32, 64))]
)
def test_all_signatures_hardly_take_more_than_the_whole_network(
    tmp_path, units, filters
):
    model = tiny_net(input_shape=(32, 32, 3), units=units, filters=filters)
    weights = 4 * sum(int(np.prod(v.shape)) for v in model.weights)
    assert weights > 0.4e6
    ka.export.tflite(model, tmp_path / "anytime.tflite")
    size = (tmp_path / "anytime.tflite").stat().st_size
    assert size <= 1.05 * len(_whole_network_alone(model))


def test_each_weight_is_in_the_file_once(tiny_file):
    model = tiny_net()
    content = tiny_file.read_bytes()
    file = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    buffers = [
        bytes(buffer.data) for buffer in file.buffers if buffer.data is not None
    ]
    large = [buffer for buffer in buffers if len(buffer) > 64]
    assert len(large) == len(set(large))
    kernels = sum(
        4 * int(np.prod(layer.kernel.shape))
        for layer in model.layers
        if hasattr(layer, "kernel")
    )
    assert sum(map(len, buffers)) < 1.3 * kernels


def test_the_manifest_describes_the_file(tiny_file):
    path = tiny_file
    manifest = manifest_lib.read_manifest(path)
    assert manifest.kind == "tflite"
    assert manifest.sha256 == manifest_lib.checksum(path)
    interpreter = Interpreter(str(path))
    assert set(manifest.signatures) == set(interpreter.get_signature_list())
    for name, signature in manifest.signatures.items():
        runner = interpreter.get_signature_runner(name)
        for specs, reality in (
            (signature.inputs, runner.get_input_details()),
            (signature.outputs, runner.get_output_details()),
        ):
            assert {spec.name for spec in specs} == set(reality)
            for spec in specs:
                assert tuple(reality[spec.name]["shape"]) == spec.shape
                assert np.dtype(reality[spec.name]["dtype"]) == spec.dtype


@pytest.mark.slow
def test_batches_of_any_size(tmp_path):
    path = tmp_path / "anytime.tflite"
    model = tiny_net("w1-w2")
    ka.export.tflite(model, path, batch_size=None)
    manifest = manifest_lib.read_manifest(path)
    assert manifest.signatures["step_1"].inputs[0].shape == (None, 8, 8, 1)
    x = np.random.default_rng(0).standard_normal((3, 8, 8, 1)).astype("f")
    runner = Interpreter(str(path)).get_signature_runner("subnet_2")
    np.testing.assert_allclose(
        runner(image=x)["logits"], model.stage(2)(x), rtol=1e-4, atol=1e-5
    )


def test_names_are_kept_if_asked_for(tiny_file, tmp_path):
    path = tmp_path / "anytime.tflite"
    ka.export.tflite(tiny_net("w1"), path, keep_names=True)
    assert b"/Relu" in path.read_bytes()
    assert b"/Relu" not in tiny_file.read_bytes()


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(ValueError, match="anytime.bin"):
        ka.export.tflite(tiny_net(), tmp_path / "anytime.bin")
    assert not list(tmp_path.iterdir())


def test_a_file_may_do_without_subnetworks(steps_file):
    model, path = scramble(tiny_net("w1-w2")), steps_file
    names = ["step_1", "step_2"]
    assert list(manifest_lib.read_manifest(path).signatures) == names
    assert sorted(Interpreter(str(path)).get_signature_list()) == names
    x = np.random.default_rng(0).standard_normal((8, 8, 1)).astype("f")
    with ka.runtime.AnytimePredictor(path) as predictor:
        for result in predictor.stream(x):
            np.testing.assert_allclose(
                result.logits,
                model.stage(result.stage)(x[None])[0],
                rtol=1e-4,
                atol=1e-5,
            )


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (tiny_net, {"dense_subnets": True}, "dense_subnets=True"),
        (passes_net, {}, "no steps"),
    ],
)
def test_a_file_without_any_programs_is_refused(
    tmp_path, model, arguments, message
):
    with pytest.raises(ValueError, match=message):
        ka.export.tflite(
            model(), tmp_path / "net.tflite", subnets=False, **arguments
        )
    assert not list(tmp_path.iterdir())
