"""Names that a lower layer rewrites or refuses, in all that is exported."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers

import keras_anytime as ka
from keras_anytime.export.safe_names import safe_name
from keras_anytime.export.safe_names import safe_names
from keras_anytime.manifest import read_manifest
from keras_anytime.runtime import AnytimePredictor
from tests.export.nets import two_stage_net
from tests.testing import digits
from tests.testing import sampled

# The name of the layer whose output goes from step to step, and another one.
PAIRS = [
    ("1conv", "b"),
    ("stem.conv-1", "stem_conv_1"),
    ("my layer", "class"),
    ("lambda", "self"),
    ("a:b", "_a"),
    ("Faltung_ü", "None"),
    ("image", "logits"),
    ("logits_1", "inputs"),
    ("training", "mask"),
]


@pytest.mark.parametrize(
    ("names",),
    sampled([(pair,) for pair in PAIRS], [(pair,) for pair in PAIRS[:7:3]]),
    ids=lambda pair: pair[0],
)
def test_exports_run_whatever_layers_are_called(names, tmp_path):
    model = two_stage_net(names=names, image="my image", name="2 stages")
    images, _ = digits(2)
    forms = ["saved_model"] + ["tflite"] * (names in PAIRS[:1] + PAIRS[6:8])
    for form in forms:
        path = tmp_path / form
        path = path.with_suffix(".tflite") if form == "tflite" else path
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            getattr(ka.export, form)(model, path)
        manifest = read_manifest(path)
        assert manifest.name == "2 stages"
        (feature,) = [
            output.name
            for output in manifest.signatures["step_1"].outputs
            if output.name != "logits"
        ]
        assert feature.isascii() and feature.isidentifier()
        with AnytimePredictor(path) as predictor:
            for result in predictor.stream(images):
                np.testing.assert_allclose(
                    result.logits,
                    model.stage(result.stage)(images),
                    rtol=1e-4,
                    atol=1e-5,
                )
    # The network itself keeps its names.
    assert [layer.name for layer in model.layers][:2] == ["my image", names[0]]
    assert model.name == "2 stages"


def test_names_stay_different_and_those_that_are_right_as_they_are():
    image = keras.Input((8, 8, 1), name="1")
    x = image
    for name in ("a.b", "a-b", "a_b", "a b", "good_1", "Good_2"):
        x = layers.Conv2D(2, 1, name=name)(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    model = ka.AnytimeModel(image, [layers.Dense(10, name="stage_1")(x)])
    names = safe_names(model)
    assert len(set(names.values())) == len(names)
    assert all(
        names[name] == name for name in ("a_b", "good_1", "Good_2", "stage_1")
    )
    assert names.pop("1") == "1"  # Signatures call the image "image".
    assert all(safe_name(value) == value for value in names.values())


@pytest.mark.filterwarnings("ignore:Multiply-adds of")
def test_layers_that_keras_would_not_load_are_renamed_all_the_same(tmp_path):
    class Local(layers.Layer):
        def call(self, inputs):
            return inputs + 1

    model = two_stage_net(
        mid=lambda b: layers.Lambda(lambda x: 2 * x)(Local(name="a b")(b))
    )
    images, _ = digits(1)
    path = tmp_path / "net.tflite"
    ka.export.tflite(model, path)
    with AnytimePredictor(path) as predictor:
        np.testing.assert_allclose(
            predictor.predict(images).logits,
            model.stage(2)(images),
            rtol=1e-4,
            atol=1e-5,
        )


@pytest.mark.slow
def test_compression_gives_layers_their_names_back():
    model = two_stage_net(
        names=("my layer", "lambda"), image="my image", name="2 stages"
    )
    images, labels = digits(32)
    pruned = ka.export.prune(model, (images, labels), epochs=2)
    names = [layer.name for layer in model.layers]
    assert [layer.name for layer in pruned.layers] == names
    kernel = pruned.get_layer("my layer").kernel
    assert np.mean(np.asarray(kernel) == 0) >= 0.4


def test_no_graph_makes_keras_warn_of_names(tmp_path):
    # A layer that is called twice, and so a network without steps.
    image = keras.Input((8, 8, 1))
    shared = layers.Conv2D(4, 3, padding="same")
    a = shared(keras.ops.repeat(image, 4, axis=-1))
    outputs = [
        layers.Dense(10, name=f"stage_{k}")(layers.GlobalMaxPooling2D()(x))
        for k, x in enumerate((a, shared(a)), start=1)
    ]
    model = ka.AnytimeModel(image, outputs)
    assert not model.interruptible
    images, _ = digits(1)
    for form in ("net.tflite", "folder"):
        export = ka.export.tflite if "." in form else ka.export.saved_model
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            export(model, tmp_path / form)
        with AnytimePredictor(tmp_path / form) as predictor:
            np.testing.assert_allclose(
                predictor.predict(images).logits,
                model.stage(2)(images),
                rtol=1e-4,
                atol=1e-5,
            )


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (list(range(10)), "Class names are strings"),
        ("0123456789", "Class names are strings"),
        (set("0123456789"), "Class names are strings"),
        ([*"012345678", None], "Class names are strings"),
    ],
)
def test_class_names_that_a_manifest_cannot_hold_are_refused(
    names, message, tmp_path
):
    with pytest.raises(ValueError, match=message):
        ka.export.tflite(
            two_stage_net(), tmp_path / "net.tflite", class_names=names
        )
    assert not list(tmp_path.iterdir())


def test_any_string_is_a_class_name(tmp_path):
    names = np.array(
        ["a b", "1", "ü", "lambda", "a/b", "", '"', "\n", "{}", "x"]
    )
    path = tmp_path / "net.tflite"
    ka.export.tflite(two_stage_net(), path, class_names=names)
    assert read_manifest(path).class_names == tuple(names.tolist())


@pytest.mark.parametrize("label_set", ["my set", "a-b", "größe"])
def test_label_sets_that_signatures_cannot_have_are_refused(
    label_set, tmp_path
):
    image = keras.Input((8, 8, 1))
    x = layers.Flatten()(image)
    model = ka.AnytimeModel(
        image,
        [
            layers.Dense(3, name=f"stage_1_{label_set}")(x),
            layers.Dense(4, name="stage_1_other")(x),
        ],
    )
    for form in ("tflite", "saved_model"):
        with pytest.raises(ValueError, match="Name the layers.*stage_1_other"):
            getattr(ka.export, form)(model, tmp_path / f"net.{form}")
    with pytest.raises(ValueError, match="of ASCII"):
        ka.nets.res_ann((8, 8, 1), {label_set: 3, "other": 4})
    assert not list(tmp_path.iterdir())


def test_one_of_several_outputs_is_not_taken_for_another_layer():
    image = keras.Input((8, 8, 1))
    rows = layers.Reshape((8, 8))(image)
    # Its second output is `lstm_1`, by its number.
    whole, state, _ = layers.LSTM(
        4, return_sequences=True, return_state=True, name="lstm"
    )(rows)
    other = layers.LSTM(4, name="lstm_1")(rows)
    first = layers.Add()([layers.GlobalAveragePooling1D()(whole), other])
    last = layers.Concatenate()([state, other, layers.Flatten()(whole)])
    model = ka.AnytimeModel(
        image,
        [
            layers.Dense(10, name="stage_1")(first),
            layers.Dense(10, name="stage_2")(last),
        ],
    )
    images, _ = digits(2)
    features = {"image": images}
    for k in (1, 2):
        features |= model.step(k)(features)
        np.testing.assert_allclose(
            features["logits"], model.stage(k)(images), atol=1e-6
        )
