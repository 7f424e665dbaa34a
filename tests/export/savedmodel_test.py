import shutil

import numpy as np
import pytest
import tensorflow as tf

import keras_anytime as ka
from keras_anytime import manifest as manifest_lib
from tests.testing import digits
from tests.testing import tiny_net


def test_each_variable_is_in_the_saved_model_once(tiny_folder):
    model = tiny_net()
    reader = tf.train.load_checkpoint(str(tiny_folder / "variables/variables"))
    shapes = [
        shape
        for name, shape in reader.get_variable_to_shape_map().items()
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH"
    ]
    assert sorted(map(tuple, shapes)) == sorted(
        tuple(v.shape) for v in model.weights
    )


def test_the_manifest_describes_the_export(tmp_path):
    model = tiny_net("w1-w2")
    data = digits(32)
    curve = ka.evaluation.anytime_curve(model, data)
    about = ka.data.info("digits")
    ka.export.saved_model(
        model,
        tmp_path / "export",
        curve=curve,
        class_names=about.class_names,
        preprocessing=about.preprocessing,
    )
    manifest = manifest_lib.read_manifest(tmp_path / "export")
    assert manifest.kind == "saved_model"
    assert manifest.class_names == tuple("0123456789")
    assert manifest.preprocessing == about.preprocessing
    assert manifest.sha256 == manifest_lib.checksum(tmp_path / "export")
    assert {"keras", "tensorflow", "keras_anytime"} <= set(manifest.versions)
    for record, cost, point in zip(
        manifest.stages,
        ka.evaluation.stage_costs(model),
        curve.points,
        strict=True,
    ):
        assert record.macs == cost.macs
        assert record.step_parameters == cost.step_parameters
        assert record.top1_error == point.top1_error
    loaded = tf.saved_model.load(tmp_path / "export")
    for name, signature in manifest.signatures.items():
        function = loaded.signatures[name]
        for specs, reality in (
            (signature.inputs, function.structured_input_signature[1]),
            (signature.outputs, function.structured_outputs),
        ):
            assert {spec.name for spec in specs} == set(reality)
            for spec in specs:
                assert list(spec.shape) == reality[spec.name].shape.as_list()
                assert spec.dtype == reality[spec.name].dtype.name


def test_an_export_replaces_an_export_and_nothing_else(tiny_folder, tmp_path):
    folder = tmp_path / "export"
    shutil.copytree(tiny_folder, folder)
    before = manifest_lib.read_manifest(folder).sha256
    ka.export.saved_model(tiny_net("w1-w2"), folder)
    assert manifest_lib.read_manifest(folder).sha256 != before
    assert manifest_lib.read_manifest(folder).num_stages == 2
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
    # Not even a file that somebody put in an export is lost.
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="something else"):
        ka.export.saved_model(tiny_net(), folder)
    assert (folder / "notes.txt").read_text() == "mine"
    empty = tmp_path / "empty"
    empty.mkdir()
    ka.export.saved_model(tiny_net("w1"), empty)
    assert manifest_lib.read_manifest(empty).num_stages == 1
    other = tmp_path / "photos"
    other.mkdir()
    (other / "cat.png").write_text("cat")
    with pytest.raises(ValueError, match="something else"):
        ka.export.saved_model(tiny_net(), other)
    assert (other / "cat.png").read_text() == "cat"


def test_a_network_trained_in_mixed_precision_is_exported_in_float32(tmp_path):
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = tiny_net("w1-w2")
    finally:
        keras.config.set_dtype_policy("float32")
    exact = tiny_net("w1-w2")
    exact.set_weights(model.get_weights())
    ka.export.saved_model(model, tmp_path / "export")
    manifest = manifest_lib.read_manifest(tmp_path / "export")
    for signature in manifest.signatures.values():
        for spec in (*signature.inputs, *signature.outputs):
            assert spec.dtype == "float32"
    x, _ = digits(4)
    loaded = tf.saved_model.load(tmp_path / "export")
    got = loaded.signatures["subnet_2"](image=tf.constant(x))["logits"]
    np.testing.assert_allclose(got, exact.stage(2)(x), rtol=1e-4, atol=1e-5)


def test_what_belongs_to_another_network_is_refused(tmp_path):
    model = tiny_net()
    other = ka.evaluation.anytime_curve(tiny_net("w1-w2"), digits(8))
    with pytest.raises(ValueError, match="curve of 2 stages"):
        ka.export.saved_model(model, tmp_path / "export", curve=other)
    with pytest.raises(ValueError, match="2 class_names"):
        ka.export.saved_model(
            model, tmp_path / "export", class_names=("a", "b")
        )
    with pytest.raises(ValueError, match="one, or 2 for the stages"):
        ka.export.saved_model(model, tmp_path / "export", thresholds=(0.5,))
    for temperatures in ((1, 1), (1, 1, 0), (1, 1, True), (1, 1, np.inf), 1):
        with pytest.raises(ValueError, match="must be 3 finite.*Received"):
            ka.export.saved_model(
                model, tmp_path / "export", temperatures=temperatures
            )
    assert not list(tmp_path.iterdir())
