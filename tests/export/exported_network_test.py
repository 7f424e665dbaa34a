"""Exports of some stages, of other weights, and of networks fed pixels."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_anytime as ka
from keras_anytime import manifest as manifest_lib
from keras_anytime.export.exported_network import ExportedNetwork
from keras_anytime.export.preprocessing import pixel_input
from keras_anytime.export.preprocessing import to_pixels
from keras_anytime.runtime import AnytimePredictor
from tests.testing import digits
from tests.testing import hierarchical_net
from tests.testing import passes_net
from tests.testing import sampled
from tests.testing import scramble
from tests.testing import tiny_net

PREPROCESSING = {"scale": 255.0, "mean": [0.3], "std": [0.4]}


def _export(model, folder, form, **kwargs):
    path = folder / f"net.{form}"
    getattr(ka.export, form)(model, path, **kwargs)
    return path


@pytest.mark.parametrize(
    ("form", "stages"),
    sampled(
        [
            (form, stages)
            for form in ("tflite", "saved_model")
            for stages in ((1, 3), [2], (1, 2, 3))
        ],
        [("tflite", (1, 3))],
    ),
)
def test_chosen_stages_answer_under_their_numbers(form, stages, tmp_path):
    model = scramble(tiny_net())
    images, labels = digits(16)
    curve = ka.evaluation.anytime_curve(model, (images, labels))
    costs = ka.evaluation.stage_costs(model)
    path = _export(model, tmp_path, form, stages=stages, curve=curve)
    manifest = manifest_lib.read_manifest(path)
    assert set(manifest.signatures) == {
        f"{kind}_{k}" for kind in ("step", "subnet") for k in stages
    }
    for record in manifest.stages:
        k = record.stage - 1
        assert record.top1_error == curve.points[k].top1_error
        assert record.macs == costs[k].macs
    # Each step goes on from the one before.
    total = sum(stage.step_parameters for stage in manifest.stages)
    assert total >= manifest.stages[-1].parameters
    with AnytimePredictor(path) as predictor:
        results = list(predictor.stream(images[0]))
    assert [result.stage for result in results] == list(stages)
    for result in results:
        want = model.stage(result.stage)(images[:1])[0]
        np.testing.assert_allclose(
            result.logits, want, atol=1e-5 * np.abs(want).max()
        )


@pytest.mark.parametrize("parts", sampled([[(1,)], [(1,), (1, 2)]], [[(1,)]]))
def test_chosen_stages_hold_no_later_weights(tiny_file, tmp_path, parts):
    model = scramble(tiny_net())
    sizes = []
    for stages in parts:
        path = _export(model, tmp_path, "tflite", stages=stages)
        sizes.append(path.stat().st_size)
    sizes.append(tiny_file.stat().st_size)
    assert all(a < b for a, b in itertools.pairwise(sizes))


@pytest.mark.parametrize(
    "build", sampled([hierarchical_net, passes_net], [hierarchical_net])
)
def test_chosen_stages_of_other_networks(tmp_path, build):
    images, _ = digits(1)
    model = scramble(build())
    path = _export(model, tmp_path, "tflite", stages=[2])
    with AnytimePredictor(path) as predictor:
        (result,) = predictor.stream(images[0])
    want = model.stage(2)(images)
    got = result.logits
    if not isinstance(want, dict):
        want, got = {None: want}, {None: got}
    for name, logits in want.items():
        np.testing.assert_allclose(
            got[name], logits[0], atol=1e-5 * np.abs(logits).max()
        )


def test_an_export_takes_the_weights_of_another_model():
    model, trained = tiny_net("w1-w2"), scramble(tiny_net("w1-w2"))
    images, _ = digits(2)
    network = ExportedNetwork(model, stages=[2])
    for source, export in (
        (model, network),
        (trained, network.with_weights_of(trained)),
        (model, network),
    ):
        assert list(export.programs) == ["step_2", "subnet_2"]
        np.testing.assert_allclose(
            export.programs["subnet_2"]({"image": images})["logits"],
            source.stage(2)(images),
            rtol=1e-4,
            atol=1e-5,
        )
    assert network.programs is network.programs


@pytest.mark.parametrize("stages", [[], [0], [4], [2, 1], [1, 1], ["1"]])
def test_stages_that_are_none_are_refused(stages, tmp_path):
    with pytest.raises(ValueError, match=r"some of \[1, 2, 3\]"):
        _export(tiny_net(), tmp_path, "tflite", stages=stages)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("form", "size"),
    sampled(
        list(itertools.product(("tflite", "saved_model"), (True, (12, 10)))),
        [("tflite", (12, 10))],
    ),
)
def test_a_network_fed_pixels_prepares_them(form, size, tmp_path):
    model = scramble(tiny_net("w1-w2", input_shape=(8, 8, 3)))
    preprocessing = {
        "scale": 255.0,
        "mean": [0.3, 0.4, 0.5],
        "std": [0.4, 0.5, 0.6],
    }
    path = _export(
        model, tmp_path, form, pixels=size, preprocessing=preprocessing
    )
    height, width = (8, 8) if size is True else size
    pixels = np.random.default_rng(0).integers(
        0, 256, (3, height, width, 3), "uint8"
    )
    prepared = tf.image.resize(pixels.astype("float32"), (8, 8)).numpy()
    prepared = (prepared / 255.0 - preprocessing["mean"]) / np.array(
        preprocessing["std"]
    )
    want = model.predict(prepared.astype("float32"), verbose=0)
    manifest = manifest_lib.read_manifest(path)
    assert manifest.preprocessing is None
    assert manifest.pixels == {"size": [height, width], **preprocessing}
    with AnytimePredictor(path) as predictor:
        for result in predictor.stream(pixels):
            logits = want[result.stage - 1]
            np.testing.assert_allclose(
                result.logits, logits, atol=1e-4 * np.abs(logits).max()
            )
        assert predictor.predict(pixels[0]).logits.shape == (10,)
        for wrong in (prepared[0], pixels[0].astype("int32")):
            if wrong.shape == pixels[0].shape:
                with pytest.raises(ValueError, match="pixels from 0 to 255"):
                    predictor.predict(wrong)


@pytest.mark.parametrize(
    "form", sampled(["saved_model", "tflite"], ["saved_model"])
)
def test_the_network_itself_is_left_as_it_was(tmp_path, form):
    model = scramble(tiny_net())
    before = model.get_weights()
    names = [layer.name for layer in model.layers]
    _export(
        model,
        tmp_path,
        form,
        pixels=True,
        preprocessing=PREPROCESSING,
        stages=(1, 2),
    )
    assert names == [layer.name for layer in model.layers]
    for weight, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, now)
    assert model.input.dtype == "float32"
    assert len(model(digits(2)[0])) == 3


def test_pixels_are_those_that_images_were_made_of():
    pixels = np.arange(128, dtype="uint8").reshape(2, 8, 8, 1)
    prepared = (pixels / 255.0 - 0.3) / 0.4
    record = pixel_input(tiny_net(), True, PREPROCESSING)
    np.testing.assert_array_equal(to_pixels(prepared, record), pixels)
    record = pixel_input(tiny_net(), (16, 4), PREPROCESSING)
    resized = to_pixels(prepared, record)
    assert resized.shape == (2, 16, 4, 1) and resized.dtype == "uint8"


@pytest.mark.parametrize(
    ("pixels", "preprocessing", "message"),
    [
        (True, None, "give `preprocessing`"),
        (True, {"scale": 255.0}, "scale, mean and std"),
        ((0, 8), PREPROCESSING, "height, width"),
        ((8,), PREPROCESSING, "height, width"),
        (True, {**PREPROCESSING, "std": [0.0]}, "cannot be 0"),
        (True, {**PREPROCESSING, "mean": [1, 2, 3]}, "1 channels"),
    ],
)
def test_pixels_that_cannot_be_prepared_are_refused(
    pixels, preprocessing, message, tmp_path
):
    with pytest.raises(ValueError, match=message):
        _export(
            tiny_net(),
            tmp_path,
            "tflite",
            pixels=pixels,
            preprocessing=preprocessing,
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_dense_subnetworks_answer_the_same(tiny_file, tmp_path):
    model = scramble(tiny_net())
    images, _ = digits(2)
    path = _export(model, tmp_path, "tflite", dense_subnets=True)
    assert path.stat().st_size > tiny_file.stat().st_size
    interpreter = Interpreter(str(path))
    for k in (1, 2, 3):
        runner = interpreter.get_signature_runner(f"subnet_{k}")
        want = keras.ops.convert_to_numpy(model.stage(k)(images[:1]))
        np.testing.assert_allclose(
            runner(image=images[:1])["logits"],
            want,
            atol=1e-5 * np.abs(want).max(),
        )
