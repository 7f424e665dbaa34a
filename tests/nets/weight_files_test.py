"""Weights that ship, on a shelf that the test makes itself."""

import hashlib
import json
import re

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.export.class_names import resolve_class_names
from keras_anytime.export.preprocessing import resolve_preprocessing
from keras_anytime.files import ContentError
from keras_anytime.nets import configurations
from keras_anytime.nets import weight_files
from keras_anytime.training.data_info import remember
from tests.testing import scramble

SHAPE = (8, 8, 1)
TINY = configurations.Configuration(
    ka.nets.width_nested_resnet,
    "a network of this test",
    {"nesting": "w1-w2", "units": (1,), "filters": (8,)},
)


@pytest.fixture(name="shelf")
def _shelf(tmp_path, monkeypatch):
    """An empty shelf, and a small network with a name."""
    monkeypatch.setattr(weight_files, "FOLDER", tmp_path / "weights")
    monkeypatch.setitem(configurations.CONFIGURATIONS, "tiny_resnet", TINY)
    return tmp_path / "weights"


@pytest.fixture(scope="module", name="model")
def _model():
    model = scramble(ka.nets.width_nested_resnet(SHAPE, 10, **TINY.arguments))
    remember(model, ka.data.info("digits"))
    return model


@pytest.fixture(name="trained")
def _trained(shelf, model):
    """The network whose weights and facts are on the shelf."""
    _put(shelf, model, "digits")
    return model


def _put(shelf, model, weights):
    shelf.mkdir(exist_ok=True)
    path = shelf / f"tiny_resnet_{weights}.weights.h5"
    model.save_weights(path)
    facts = {
        "network": "tiny_resnet",
        "weights": weights,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "input_shape": SHAPE,
        "classes": 10,
        "data": model.data_info,
        "thresholds": [0.5],
    }
    (shelf / f"tiny_resnet_{weights}.json").write_text(json.dumps(facts))


def _get(**arguments):
    given = {"input_shape": SHAPE, "classes": 10, "weights": "digits"}
    return ka.nets.get("tiny_resnet", **{**given, **arguments})


def test_a_loaded_network_is_the_one_that_was_saved(trained):
    for spelling in ("digits", "Digits"):
        loaded = _get(weights=spelling)
        for ours, theirs in zip(
            loaded.get_weights(), trained.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    assert loaded.name == "tiny_resnet"


def test_it_knows_its_data_set_as_after_training(trained):
    loaded = _get()
    assert loaded.data_info == trained.data_info
    # What exports write in manifests.
    assert resolve_class_names(loaded) == tuple("0123456789")
    assert resolve_preprocessing(loaded) == ka.data.info("digits").preprocessing


def test_it_may_train_on(trained):
    nesting = ka.Nesting("w1-w2")
    loaded = _get(l2=0, synchronized=True, units=[1], nesting=nesting)
    assert not loaded.losses


def test_what_ships_is_listed(shelf, trained):
    _put(shelf, trained, "more")
    assert ka.nets.pretrained() == {"tiny_resnet": ("digits", "more")}
    assert ka.nets.facts("Tiny-ResNet", "more")["thresholds"] == [0.5]


def test_an_empty_shelf_says_so(shelf):
    assert ka.nets.pretrained() == {}
    with pytest.raises(ValueError, match="none at all.*weights='digits'"):
        _get()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"weights": "imagenet"},
            "There are: tiny_resnet with weights 'digits'.*weights='imagenet'",
        ),
        ({"weights": "run/model.keras"}, "`ka.load_model`"),
        ({"weights": 3}, "weights=3"),
        ({"weights": ""}, "weights=''"),
        ({"input_shape": (16, 16, 1)}, "images of shape.*input_shape=.16, 16"),
        ({"input_shape": None}, "images of shape.*input_shape=.32, 32"),
        ({"classes": 5}, "10 classes.*classes=5"),
        ({"classes": {"fine": 10, "coarse": 2}}, "10 classes.*coarse"),
        ({"units": (2,)}, r"change it.*weights='digits' with units=\(2,\)"),
        ({"nesting": "w1-w4"}, "change it.*nesting=w1-w4"),
        ({"stem": "imagenet"}, "change it.*stem=imagenet"),
        ({"depth": 3}, "units, filters, .*'depth'"),
    ],
)
def test_other_networks_are_refused(trained, arguments, message):
    with pytest.raises(ValueError, match=message):
        _get(**arguments)


def test_weights_of_another_network_are_not_found(trained):
    for name in ("width_resnet42", "width_nested_resnet"):
        with pytest.raises(ValueError, match=f"There are: tiny.*name='{name}'"):
            ka.nets.get(name, SHAPE, 10, weights="digits")


@pytest.mark.parametrize("damage", [b"", b"damaged", None])
def test_a_damaged_file_of_weights_is_refused(shelf, trained, damage):
    path = shelf / "tiny_resnet_digits.weights.h5"
    content = path.read_bytes()
    if damage is None:  # A single bit.
        damage = content[:-1] + bytes([content[-1] ^ 1])
    path.write_bytes(damage)
    received = hashlib.sha256(damage).hexdigest()
    with pytest.raises(ContentError, match=f"SHA-256.*Received: {received}"):
        _get()


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"network": "x"}'])
def test_damaged_facts_are_refused(shelf, trained, text):
    path = shelf / "tiny_resnet_digits.json"
    path.write_text(text)
    with pytest.raises(ContentError, match=re.escape(path.name)):
        _get()
