"""The description of the training set is saved, resumed and exported."""

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.training.data_info import remember
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import hierarchical_net
from tests.testing import sampled
from tests.testing import tiny_net

DIGITS = {
    "name": "digits",
    "class_names": list("0123456789"),
    "preprocessing": {"scale": 255.0, "mean": [0.305], "std": [0.376]},
}


def _load(**kwargs):
    return ka.data.load("digits", batch_size=720, **kwargs)


@pytest.fixture(scope="module", name="trained")
def _trained(tmp_path_factory):
    """A model after one epoch on the digits, and its best checkpoint."""
    path = tmp_path_factory.mktemp("run") / "best.keras"
    train, val = _load()
    model = compiled(dense_net())
    best = ka.callbacks.StageCheckpoint(path)
    model.fit(train, validation_data=val, callbacks=[best], verbose=0)
    return model, path


def test_fit_remembers_the_training_set_and_saving_keeps_it(trained, tmp_path):
    model, best = trained
    assert model.data_info == DIGITS
    model.save(tmp_path / "model.keras")
    for path in (best, tmp_path / "model.keras"):
        again = ka.load_model(path)
        assert again.data_info == DIGITS
        # Training goes on from there, and saving again.
        again.save(tmp_path / "again.keras")
        assert ka.load_model(tmp_path / "again.keras").data_info == DIGITS
    copy = type(model).from_config(model.get_config())
    assert copy.data_info == DIGITS


@pytest.mark.slow
def test_a_training_that_has_ended_is_resumed_with_it(tmp_path):
    model = compiled(dense_net())
    resume = ka.callbacks.Resume(tmp_path / "run")
    model.fit(_load()[0], callbacks=[resume], verbose=0)
    again = compiled(dense_net())
    ka.callbacks.Resume(tmp_path / "run").restore(again)
    assert again.data_info == DIGITS


def test_models_saved_before_it_are_loaded(tmp_path):
    model = dense_net()
    assert "data_info" not in model.get_config()
    model.save(tmp_path / "model.keras")
    assert ka.load_model(tmp_path / "model.keras").data_info is None


def test_other_data_are_not_taken_for_those_it_remembers():
    model = compiled(dense_net())
    model.fit(_load()[0], verbose=0)
    assert model.data_info == DIGITS
    # Nobody says how these were prepared.
    model.fit(*digits(8), verbose=0)
    assert model.data_info is None


def test_label_sets_are_remembered_by_their_names():
    model = compiled(hierarchical_net({"one": 10, "two": 10}))
    train, _ = _load(labels={"one": "label", "two": "label"})
    model.fit(train, verbose=0)
    names = list("0123456789")
    assert model.data_info["class_names"] == {"one": names, "two": names}


def test_a_set_of_fewer_classes_says_nothing_of_the_others():
    model = compiled(tiny_net("w1", classes=12))
    model.fit(_load()[0], verbose=0)
    assert model.data_info is None
    with pytest.raises(ValueError, match="12 classes.*'digits' with 10"):
        remember(model, ka.data.info("digits"))


def test_a_set_of_another_size_does_not_tell_how_images_are_prepared():
    model = tiny_net("w1", input_shape=(16, 16, 1))
    with pytest.raises(ValueError, match=r"\(16, 16, 1\).*\(8, 8, 1\)"):
        remember(model, ka.data.info("digits"))
    assert model.data_info is None
    model = tiny_net("w1", input_shape=(None, None, 1))
    remember(model, ka.data.info("digits"))
    assert model.data_info == DIGITS


def test_greedy_training_remembers_it_too(tmp_path):
    model = compiled(dense_net(1))
    ka.training.fit_greedy(
        model, _load()[0], epochs=1, verbose=0, workdir=tmp_path
    )
    assert model.data_info == DIGITS
    assert ka.load_model(tmp_path / "stage_1.keras").data_info == DIGITS


needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="exports need TensorFlow"
)


@needs_tensorflow
@pytest.mark.parametrize(
    "form", sampled(["tflite", "saved_model"], ["saved_model"])
)
def test_exports_say_what_the_model_remembers(form, trained, tmp_path):
    model, _ = trained
    path = tmp_path / f"net.{form}"
    export = getattr(ka.export, form)
    export(model, path)
    with ka.runtime.AnytimePredictor(path) as predictor:
        assert predictor.manifest.class_names == tuple("0123456789")
        assert predictor.manifest.preprocessing == DIGITS["preprocessing"]
    # What is given wins.
    given = {"scale": 1.0, "mean": [0.0], "std": [255.0]}
    export(model, path, class_names=list("abcdefghij"), preprocessing=given)
    with ka.runtime.AnytimePredictor(path) as predictor:
        assert predictor.manifest.class_names == tuple("abcdefghij")
        assert predictor.manifest.preprocessing == given


@needs_tensorflow
def test_a_file_fed_pixels_needs_nothing_said_twice(trained, tmp_path):
    model, _ = trained
    path = tmp_path / "net.tflite"
    ka.export.tflite(model, path, pixels=True, stages=[1])
    with ka.runtime.AnytimePredictor(path) as predictor:
        assert predictor.manifest.pixels == {
            "size": [8, 8],
            **DIGITS["preprocessing"],
        }


@needs_tensorflow
@pytest.mark.parametrize(
    "label_mode", sampled(["int", "categorical", "binary"], ["int", "binary"])
)
def test_images_of_a_directory_are_trained_on_as_they_come(
    tmp_path, label_mode
):
    rng = np.random.default_rng(0)
    for name in ("ants", "bees"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(4):
            photo = rng.integers(0, 256, (12, 9, 1), "uint8")
            keras.utils.save_img(
                tmp_path / "photos" / name / f"{number}.png", photo, scale=False
            )
    photos = keras.utils.image_dataset_from_directory(
        tmp_path / "photos",
        label_mode=label_mode,
        color_mode="grayscale",
        image_size=(8, 8),
        batch_size=4,
        seed=0,
        verbose=False,
    )
    losses = keras.losses
    loss = {
        "int": losses.SparseCategoricalCrossentropy,
        "categorical": losses.CategoricalCrossentropy,
        "binary": losses.BinaryCrossentropy,
    }[label_mode]
    model = dense_net(classes=1 if label_mode == "binary" else 2)
    model.compile("sgd", loss(from_logits=True), run_eagerly=True)
    history = model.fit(photos, validation_data=photos, verbose=0).history
    assert np.isfinite(history["val_loss"][0])
    if label_mode == "binary":
        assert model.data_info is None
        return
    assert model.data_info == {
        "name": None,
        "class_names": ["ants", "bees"],
        "preprocessing": {"scale": 1.0, "mean": [0.0], "std": [1.0]},
    }
    # A changed data set does not say how.
    model.fit(photos.map(lambda x, y: (x / 255, y)), verbose=0)
    assert model.data_info is None


def test_tables_and_numbers_are_remembered(tmp_path):
    rng = np.random.default_rng(0)
    table = rng.normal(size=(8, 4)).astype("float32")
    np.savez(
        tmp_path / "own.npz",
        x_train_photo=rng.integers(0, 256, (8, 4, 4, 1), "uint8"),
        x_train_facts=table,
        y_train=rng.normal(size=8),
        x_test_photo=rng.integers(0, 256, (8, 4, 4, 1), "uint8"),
        x_test_facts=table,
        y_test=rng.normal(size=8),
    )
    photo = keras.Input((4, 4, 1), name="photo")
    facts = keras.Input((4,), name="facts")
    x = keras.layers.Concatenate()([keras.layers.Flatten()(photo), facts])
    outputs = [keras.layers.Dense(1, name=f"stage_{k}")(x) for k in (1, 2)]
    model = ka.AnytimeModel([photo, facts], outputs, task=ka.tasks.Regression())
    train, val = ka.data.load(tmp_path / "own.npz", batch_size=8)
    model.compile("sgd", "mse")
    model.fit(train, validation_data=val, verbose=0)
    info = train.info
    assert model.data_info["class_names"] is None
    assert model.data_info["preprocessing"] is None
    assert model.data_info["input_preprocessing"] == info.preprocessing
    model.save(tmp_path / "own.keras")
    assert ka.load_model(tmp_path / "own.keras").data_info == model.data_info
    with pytest.raises(ValueError, match=r"takes the inputs .*'digits'"):
        remember(model, ka.data.info("digits"))
