"""Images to calibrate on: in any form, and none that were not prepared."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_anytime as ka
from keras_anytime.export.preprocessing import pixel_input
from keras_anytime.export.representative import calibration_inputs
from tests.callbacks.nets import dense_net
from tests.export.nets import two_stage_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import tiny_net

ABOUT = {"scale": 255.0, "mean": [0.305], "std": [0.376]}


class _Batches(keras.utils.PyDataset):
    def __init__(self, images, labels):
        super().__init__()
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.images) // 4

    def __getitem__(self, index):
        part = slice(4 * index, 4 * index + 4)
        return self.images[part], self.labels[part]


IMAGES, LABELS = digits(12)
_slices = tf.data.Dataset.from_tensor_slices
FORMS = {
    "array": lambda: IMAGES,
    "tensor": lambda: tf.constant(IMAGES),
    "pair": lambda: (IMAGES, LABELS),
    "list of a pair": lambda: [IMAGES, LABELS],
    "pair with label sets": lambda: (IMAGES, {"a": LABELS, "b": LABELS}),
    "list of images": lambda: list(IMAGES),
    "list of batches": lambda: [IMAGES[:6], IMAGES[6:]],
    "tf.data of batches": lambda: _slices((IMAGES, LABELS)).batch(5),
    "tf.data of images": lambda: _slices(IMAGES),
    "tf.data of pairs": lambda: _slices((IMAGES, LABELS)),
    "PyDataset": lambda: _Batches(IMAGES, LABELS),
    "generator": lambda: (image[None] for image in IMAGES),
    "function of batches": lambda: lambda: (image[None] for image in IMAGES),
    # As TensorFlow Lite's converter takes it.
    "function of lists": lambda: lambda: ([image[None]] for image in IMAGES),
    "function of pairs": lambda: lambda: zip(IMAGES, LABELS, strict=True),
    "function of an array": lambda: lambda: IMAGES,
}


@pytest.mark.parametrize("form", FORMS)
def test_images_come_in_any_form(form):
    found = calibration_inputs(FORMS[form](), dense_net(), ABOUT)["image"]
    np.testing.assert_array_equal(found, IMAGES)
    assert found.dtype == "float32"


@pytest.mark.slow
def test_a_generator_function_calibrates_a_file(tmp_path):
    path = tmp_path / "net.tflite"
    ka.export.tflite(
        two_stage_net(),
        path,
        "int8",
        lambda: ([image[None]] for image in IMAGES),
    )
    with ka.runtime.AnytimePredictor(path) as predictor:
        assert predictor.predict(IMAGES[0]).stage == 2


def test_no_more_images_are_drawn_than_are_used():
    drawn = []

    def endless():
        while True:
            drawn.append(1)
            yield IMAGES

    assert len(calibration_inputs(endless, dense_net())["image"]) == 200
    assert len(drawn) == 17


PIXELS = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), "uint8")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (PIXELS, "pixels=True.*type uint8"),
        (PIXELS.astype("int64"), "floats.*type int64"),
        (PIXELS > 99, "floats.*type bool"),
        (PIXELS.astype("float32"), "from -0.811 to 1.85.*to 25"),
        (PIXELS / 127.5 - 3, "from -0.811 to 1.85"),
        (IMAGES[..., 0], r"shape \(8, 8, 1\)"),
        (np.repeat(IMAGES, 3, -1), r"shape \(12, 8, 8, 3\)"),
        (IMAGES[:, :4], r"shape \(12, 4, 8, 1\)"),
        (IMAGES.transpose(0, 3, 1, 2), r"shape \(12, 1, 8, 8\)"),
        (np.full_like(IMAGES, np.nan), "finite"),
        (IMAGES[:0], "no examples"),
        ([], "no examples"),
        (lambda: iter(()), "no examples"),
        (["a.png", "b.png"], "shape"),
    ],
)
def test_images_that_were_not_prepared_are_refused(images, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        ka.export.tflite(
            dense_net(),
            tmp_path / "net.tflite",
            "int8",
            images,
            preprocessing=ABOUT,
        )
    assert not list(tmp_path.iterdir())


def test_a_file_fed_pixels_is_calibrated_on_these_or_on_prepared_images():
    model = tiny_net()
    record = pixel_input(model, True, ABOUT)
    prepared = ((PIXELS / 255.0 - 0.305) / 0.376).astype("float32")
    for images in (PIXELS, prepared):
        found = calibration_inputs(images, model, ABOUT, record)["image"]
        np.testing.assert_array_equal(found, PIXELS)
    record = pixel_input(model, (4, 6), ABOUT)
    resized = calibration_inputs(prepared, model, ABOUT, record)["image"]
    assert resized.shape == (8, 4, 6, 1) and resized.dtype == "uint8"
    for wrong, message in (
        (PIXELS, r"shape \(4, 6, 1\)"),
        (PIXELS.astype("int64"), "type int64"),
        (PIXELS / 255.0 * 255, "from -0.811"),
    ):
        with pytest.raises(ValueError, match=message):
            calibration_inputs(wrong, model, ABOUT, record)


def test_a_network_that_normalizes_pixels_itself_takes_its_own_type():
    image = keras.Input((8, 8, 1), dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    model = ka.AnytimeModel(image, [keras.layers.Dense(10, name="stage_1")(x)])
    found = calibration_inputs(PIXELS, model)["image"]
    assert found.dtype == "uint8"
    with pytest.raises(ValueError, match="of type uint8"):
        calibration_inputs(IMAGES, model)


def test_what_is_measured_or_trained_on_is_prepared_too(tmp_path):
    model = dense_net()
    path = tmp_path / "net.tflite"
    ka.export.tflite(model, path, preprocessing=ABOUT)
    labels = np.arange(8)
    with pytest.raises(ValueError, match="data of type uint8"):
        ka.export.verify(path, model, (PIXELS, labels))
    with pytest.raises(ValueError, match="data from 0 to 25"):
        ka.export.verify(path, model, (PIXELS.astype("f"), labels))
    with pytest.raises(ValueError, match="data of type uint8"):
        ka.export.quantization_aware(model, (PIXELS, labels))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({**ABOUT, "bias": 1}, "nothing else"),
        ({"scale": 255.0}, "scale, mean and std"),
        ("imagenet", "must be a dict"),
        ({**ABOUT, "std": [0.0]}, "cannot be 0"),
        ({**ABOUT, "scale": 0}, "cannot be 0"),
        ({**ABOUT, "mean": [1, 2, 3]}, "1 channels"),
        ({**ABOUT, "scale": [1, 2]}, "one number"),
        ({**ABOUT, "mean": "gray"}, "one number"),
        ({**ABOUT, "mean": [np.nan]}, "finite"),
    ],
)
@pytest.mark.parametrize("form", ["tflite", "saved_model"])
def test_preprocessing_that_no_device_knows_is_refused(
    form, given, message, tmp_path
):
    with pytest.raises(ValueError, match=message):
        getattr(ka.export, form)(
            dense_net(), tmp_path / "net.tflite", preprocessing=given
        )
    assert not list(tmp_path.iterdir())


def test_preprocessing_is_written_channel_by_channel(tmp_path):
    path = tmp_path / "net"
    given = {"scale": np.float32(255), "mean": 0.5, "std": np.array([0.25])}
    ka.export.saved_model(
        tiny_net("w1", input_shape=(8, 8, 3)), path, preprocessing=given
    )
    with ka.runtime.AnytimePredictor(path) as predictor:
        assert predictor.manifest.preprocessing == {
            "scale": 255.0,
            "mean": [0.5] * 3,
            "std": [0.25] * 3,
        }


def test_calibration_on_images_of_the_set_that_the_model_knows(tmp_path):
    model = compiled(dense_net())
    train, val = ka.data.load(
        "digits", batch_size=32, splits=("train[:32]", "train[-32:]")
    )
    model.fit(train, verbose=0)
    path = tmp_path / "net.tflite"
    with pytest.raises(ValueError, match="Prepare images as for training"):
        ka.export.tflite(model, path, "int8", PIXELS.astype("float32"))
    ka.export.tflite(model, path, "int8", val)
    with ka.runtime.AnytimePredictor(path) as predictor:
        assert predictor.manifest.class_names == tuple("0123456789")
        image = predictor.prepare(PIXELS[0])
        assert predictor.predict(image).stage == 2
