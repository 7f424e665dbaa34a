import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.manifest import TensorSpec
from keras_anytime.runtime import AnytimePredictor
from keras_anytime.runtime.batches import as_batch
from keras_anytime.runtime.images import prepare_pixels
from keras_anytime.runtime.images import value_limits
from tests.testing import scramble
from tests.testing import tiny_net

ABOUT = {"scale": 128.0, "mean": [0.5], "std": [0.25]}
FLOATS = TensorSpec("image", (1, 4, 6, 1), "float32")
PIXELS = TensorSpec("image", (1, 4, 6, 3), "uint8")
INT8 = TensorSpec(
    "image", (1, 4, 6, 1), "int8", {"scale": 1 / 128, "zero_point": -28}
)
INT16 = TensorSpec(
    "image", (1, 4, 6, 1), "int16", {"scale": 1 / 2**14, "zero_point": 0}
)
NUMBERS = TensorSpec("image", (1, 4, 6, 1), "int32")


def _random(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, "uint8")


def test_pixels_are_normalized_as_the_manifest_says():
    pixels = _random(4, 6)
    found = prepare_pixels(pixels, FLOATS, ABOUT)
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        found[..., 0], (pixels / 128.0 - 0.5) / 0.25, rtol=1e-6
    )


def test_a_file_that_takes_pixels_gets_them():
    pixels = _random(4, 6, 3)
    np.testing.assert_array_equal(prepare_pixels(pixels, PIXELS), pixels)
    gray = _random(4, 6)
    np.testing.assert_array_equal(
        prepare_pixels(gray, PIXELS), np.stack([gray] * 3, axis=-1)
    )


def test_colors_become_gray():
    pixels = _random(4, 6, 3)
    gray = np.round(pixels.mean(-1, keepdims=True)).astype("uint8")
    np.testing.assert_array_equal(
        prepare_pixels(pixels, FLOATS, ABOUT),
        prepare_pixels(gray, FLOATS, ABOUT),
    )


@pytest.mark.parametrize("factor", [2, 3])
def test_other_sizes_take_the_nearest_pixels(factor):
    small = _random(4, 6, 3)
    large = small.repeat(factor, axis=0).repeat(factor, axis=1)
    np.testing.assert_array_equal(prepare_pixels(large, PIXELS), small)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((4, 6, 3)), "float64"),
        (_random(4, 6, 2), r"\(4, 6, 2\)"),
        (_random(1, 4, 6, 3), r"\(1, 4, 6, 3\)"),
        (_random(0, 6, 3), r"\(0, 6, 3\)"),
    ],
)
def test_what_are_no_pixels_is_refused(pixels, message):
    with pytest.raises(ValueError, match=f"uint8.*Received.*{message}"):
        prepare_pixels(pixels, PIXELS)


@pytest.mark.parametrize(
    "preprocessing", [None, {}, {"scale": 255.0}, {**ABOUT, "std": "wide"}]
)
def test_a_manifest_without_preprocessing_is_refused(preprocessing):
    with pytest.raises(ValueError, match="Received: preprocessing="):
        prepare_pixels(_random(4, 6), FLOATS, preprocessing)
    assert value_limits(FLOATS, preprocessing) is None


@pytest.mark.parametrize("spec", [FLOATS, INT8, INT16])
@pytest.mark.parametrize("kind", ["uint8", "int8", "int16", "int32", "int64"])
def test_integers_are_no_prepared_image(spec, kind):
    image = np.full((4, 6, 1), 100, kind)
    with pytest.raises(
        ValueError, match=rf"prepare\(.*pixels=True.*x of type {kind}"
    ):
        as_batch(image, spec)


@pytest.mark.parametrize("spec", [FLOATS, INT8, INT16, PIXELS, NUMBERS])
@pytest.mark.parametrize("kind", ["bool", "complex64", "object", "str"])
def test_what_are_no_real_numbers_is_refused(spec, kind):
    image = np.zeros(spec.shape[1:]).astype(kind)
    with pytest.raises(ValueError, match=f"real numbers.*{image.dtype}"):
        as_batch(image, spec)


@pytest.mark.parametrize(
    "kind", ["float16", "float32", "float64", "int8", "int16", "int64"]
)
def test_a_file_that_takes_pixels_gets_nothing_else(kind):
    image = np.full((4, 6, 3), 100, kind)
    with pytest.raises(ValueError, match=rf"prepare\(.*{kind}, not uint8"):
        as_batch(image, PIXELS)


def test_integers_that_fit_go_where_integers_are_taken():
    image = np.arange(24).reshape(4, 6, 1)
    for kind in ("uint8", "int64"):
        batch, single = as_batch(image.astype(kind), NUMBERS)
        assert single and batch.dtype == np.int32
        np.testing.assert_array_equal(batch[0], image)
    for wrong in (image + 2**31, image - 2**31 - 1, image * 1.0):
        with pytest.raises(ValueError, match="integers that fit int32"):
            as_batch(wrong, NUMBERS)


@pytest.mark.parametrize("spec", [FLOATS, INT8, INT16])
@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_floats_of_any_width_are_prepared_images(spec, kind):
    image = np.linspace(-0.5, 1, 24).reshape(4, 6, 1).astype("float16")
    batch, _ = as_batch(image.astype(kind), spec)
    assert batch.dtype == spec.dtype
    found = batch[0].astype("float64")
    step = 0.0
    if spec.quantization:
        step = spec.quantization["scale"]
        found = step * (found - spec.quantization["zero_point"])
    np.testing.assert_allclose(found, image, rtol=0, atol=step / 2)


@pytest.mark.parametrize("spec", [FLOATS, INT8, INT16])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_images_are_finite(spec, value):
    image = np.zeros((4, 6, 1))
    image[2, 3] = value
    with pytest.raises(ValueError, match="finite.*Received"):
        as_batch(image, spec)
    if spec is FLOATS:
        with pytest.raises(ValueError, match="finite.*1e[+]300"):
            as_batch(np.full((4, 6, 1), 1e300), spec)


@pytest.mark.parametrize(
    ("spec", "about"), [(FLOATS, ABOUT), (INT8, ABOUT), (INT8, None)]
)
def test_float_pixels_are_no_prepared_image(spec, about):
    limits = value_limits(spec, about)
    pixels = _random(4, 6)[..., None]
    for wrong in (pixels.astype("float32"), -pixels.astype("float32")):
        with pytest.raises(
            ValueError, match=r"prepare\(.*pixels=True.*values from -?\d"
        ):
            as_batch(wrong, spec, limits)
    good = prepare_pixels(pixels, spec, ABOUT)
    batch, _ = as_batch(good if about else good / 10, spec, limits)
    assert batch.dtype == spec.dtype


def test_where_nothing_is_known_any_floats_are_taken():
    for spec in (PIXELS, NUMBERS):
        assert value_limits(spec, ABOUT) is None
    assert value_limits(FLOATS, None) is None
    pixels = _random(4, 6, 1).astype("float32")
    np.testing.assert_array_equal(as_batch(pixels, FLOATS)[0][0], pixels)


@pytest.mark.parametrize("spec", [FLOATS, PIXELS, NUMBERS])
def test_a_batch_shares_no_memory_with_what_was_given(spec):
    for shape in (spec.shape, spec.shape[1:]):
        given = np.zeros(shape, spec.dtype)
        assert not np.shares_memory(as_batch(given, spec)[0], given)


def test_a_list_of_lists_is_an_array():
    image = np.linspace(-0.5, 1, 24).reshape(4, 6, 1)
    batch, _ = as_batch(image.tolist(), FLOATS)
    np.testing.assert_allclose(batch[0], image, rtol=1e-6)
    with pytest.raises(ValueError, match="of one shape.*type list"):
        as_batch([[0.0], [0.0, 1.0]], FLOATS)


def test_a_predictor_prepares_pixels(tmp_path):
    model = scramble(tiny_net("w1"))
    about = ka.data.info("digits").preprocessing
    pixels = _random(16, 16)
    answers = []
    for name, takes in (("floats", False), ("pixels", True)):
        path = tmp_path / f"{name}.tflite"
        ka.export.tflite(model, path, preprocessing=about, pixels=takes)
        with AnytimePredictor(path) as predictor:
            image = predictor.prepare(pixels)
            assert image.shape == predictor.blank()[0].shape
            answers.append(predictor.predict(image).logits)
            # Pixels of the right size, and images of the wrong kind.
            raw = pixels[:8, :8, None]
            wrong = [raw.astype("float32"), raw.astype("int64")]
            for image in wrong if takes else [*wrong, raw]:
                with pytest.raises(ValueError, match=r"`prepare\(.*Received"):
                    predictor.stream(image)
    np.testing.assert_allclose(*answers, rtol=1e-4, atol=1e-4)
