"""Batches of other sizes than a file declares."""

import json

import keras
import numpy as np
import pytest
from keras import layers

import keras_anytime as ka
from keras_anytime.manifest import Manifest
from keras_anytime.manifest import read_manifest
from keras_anytime.runtime import AnytimePredictor
from keras_anytime.runtime import backends
from tests.export.nets import two_stage_net
from tests.testing import digits
from tests.testing import sampled
from tests.testing import scramble
from tests.testing import tiny_net


def _mixing(b):
    """Works on all of a batch of one as if it were one image's: no error."""
    tokens = layers.Reshape((36, 16))(b)
    tokens = layers.Attention()([tokens, tokens])
    return layers.Reshape((6, 6, 16))(tokens)


def _grouped(b):
    return layers.GroupNormalization(4)(b)


def _excited(b):
    gates = layers.GlobalAveragePooling2D(keepdims=True)(b)
    return layers.Multiply()([b, layers.Dense(16, activation="sigmoid")(gates)])


@pytest.fixture(scope="module", name="model")
def _model():
    return two_stage_net()


@pytest.fixture(scope="module", name="images")
def _images():
    return digits(5)[0]


def _check(path, model, images):
    """Compares the answers of a file to batches of any size with Keras'."""
    want = [np.asarray(logits) for logits in model(images)]
    with AnytimePredictor(path) as predictor:
        for count in (2, 1, 5, 3):
            results = list(predictor.stream(images[:count]))
            assert [result.stage for result in results] == [1, 2]
            for result in results:
                np.testing.assert_allclose(
                    result.logits,
                    want[result.stage - 1][:count],
                    rtol=1e-4,
                    atol=1e-5,
                )


@pytest.mark.parametrize(
    ("form", "batch_size"),
    sampled(
        [
            (form, batch_size)
            for form in ("tflite", "saved_model")
            for batch_size in (1, 2, None)
        ],
        [("tflite", 1), ("saved_model", 2)],
    ),
)
def test_a_network_that_flattens_takes_any_number_of_images(
    form, batch_size, model, images, tmp_path
):
    path = tmp_path / f"net.{form}"
    getattr(ka.export, form)(model, path, batch_size=batch_size)
    assert not read_manifest(path).resizable
    _check(path, model, images)


@pytest.mark.slow
@pytest.mark.parametrize(
    "mid", sampled([_mixing, _grouped, _excited], [_grouped])
)
def test_operators_that_know_the_batch_size_are_run_in_such_batches(
    mid, images, tmp_path
):
    model = two_stage_net(mid=mid)
    path = tmp_path / "net.tflite"
    ka.export.tflite(model, path)
    assert not read_manifest(path).resizable
    _check(path, model, images)


def test_features_stay_with_their_images(model, images, tmp_path):
    path = tmp_path / "net.tflite"
    ka.export.tflite(model, path)
    manifest = read_manifest(path)
    programs = backends.load_programs(manifest, path)
    together = programs["step_1"]({"image": images})
    for index in range(len(images)):
        alone = programs["step_1"]({"image": images[index : index + 1]})
        for name, value in alone.items():
            np.testing.assert_allclose(
                together[name][index], value[0], atol=1e-6
            )


def test_networks_of_convolutions_are_resized(tiny_file):
    assert read_manifest(tiny_file).resizable
    images, _ = digits(3)
    want = scramble(tiny_net())(images)
    with AnytimePredictor(tiny_file) as predictor:
        for result in predictor.stream(images):
            logits = keras.ops.convert_to_numpy(want[result.stage - 1])
            np.testing.assert_allclose(
                result.logits, logits, atol=1e-5 * np.abs(logits).max()
            )


def test_manifests_that_do_not_say_so_are_not_resized(tiny_file):
    fields = json.loads(read_manifest(tiny_file).to_json())
    del fields["resizable"], fields["checksum"]
    assert not Manifest.from_fields(fields).resizable
