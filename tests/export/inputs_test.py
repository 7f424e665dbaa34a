"""Inputs of every rank, tokens and several inputs, from export to device."""

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.export.preprocessing import resolve_preprocessing
from keras_anytime.export.programs import stage_programs
from keras_anytime.export.representative import calibration_inputs
from keras_anytime.manifest import read_manifest
from keras_anytime.runtime import AnytimePredictor
from tests.export.inputs_nets import NETS
from tests.export.inputs_nets import built
from tests.export.inputs_nets import examples
from tests.export.inputs_nets import exported
from tests.testing import sampled


def _file_inputs(x):
    """The examples as files name them."""
    if not isinstance(x, dict):
        return x
    return {name.replace("-", "_"): array for name, array in x.items()}


def _rows(x, rows):
    if isinstance(x, dict):
        return {name: array[rows] for name, array in x.items()}
    return x[rows]


def _check_answers(path, model, tolerance):
    x = examples(model)
    want = model.predict(x, verbose=0)
    with AnytimePredictor(path) as predictor:
        for rows in (0, slice(0, 3)):
            results = list(predictor.stream(_rows(_file_inputs(x), rows)))
            assert [result.stage for result in results] == [1, 2]
            for result, logits in zip(results, want, strict=True):
                np.testing.assert_allclose(
                    result.logits,
                    logits[rows],
                    atol=tolerance * np.abs(logits).max(),
                )
        assert predictor.predict(predictor.blank(), deadline_ms=1e6).stage == 2
        assert not predictor.predict(predictor.blank(), deadline_ms=0).ready


@pytest.mark.parametrize("name", sampled(list(NETS), ["table", "two_inputs"]))
def test_a_file_equals_keras(name, made_once):
    model, path = exported(made_once, name)
    _check_answers(path, model, 1e-5)


def test_programs_call_layers_that_another_model_called_first():
    keras.utils.set_random_seed(0)
    inner = keras.Sequential(
        [keras.Input((5,)), *(keras.layers.Dense(8) for _ in range(4))]
    )
    table, other = keras.Input((5,)), keras.Input((5,))
    joined = keras.layers.Concatenate()([inner(table), other])
    plain = keras.Model([table, other], keras.layers.Dense(3)(joined))
    model = ka.convert.add_heads(plain, 3, at=0.4)
    x = list(np.random.default_rng(0).normal(size=(2, 4, 5)))
    want = dict(zip(("subnet_1", "subnet_2"), model(x), strict=True))
    programs = stage_programs(model, [1, 2], subnets=True)
    inputs = dict(zip(model.feature_inputs, x, strict=True))
    assert len(programs["subnet_1"].inputs) == 1
    for name, logits in want.items():
        program = programs[name]
        found = program({key: inputs[key] for key in program.input})
        np.testing.assert_allclose(found["logits"], logits, rtol=1e-5)


@pytest.mark.parametrize("name", sampled(list(NETS), ["series"]))
def test_a_saved_model_equals_keras(name, tmp_path):
    model = built(name)
    ka.export.saved_model(model, tmp_path / "export")
    _check_answers(tmp_path / "export", model, 1e-5)


@pytest.mark.parametrize(
    ("name", "variant"),
    sampled(
        [
            (name, variant)
            for name in NETS
            for variant in ("int8", "int16x8", "dynamic", "float16", "int4")
        ],
        [("two_inputs", "int8")],
    ),
)
def test_quantized_files_answer_nearly_the_same(name, variant, made_once):
    model, path = exported(made_once, name, variant)
    _check_answers(path, model, 0.2 if variant == "int4" else 0.03)
    kinds = {spec.dtype for spec in read_manifest(path).input_specs.values()}
    if name == "tokens":
        assert kinds == {"int32"}
    else:
        floats = {"int8": "int8", "int16x8": "int16"}
        assert kinds == {floats.get(variant, "float32")}


def test_inputs_are_named_by_their_layers_or_image(made_once):
    for name, inputs in (
        ("table", None),
        ("two_inputs", ("photo", "meta_data")),
    ):
        manifest = read_manifest(exported(made_once, name)[1])
        assert manifest.inputs == inputs
        assert manifest.input_names == (inputs or ("image",))
    signatures = manifest.signatures
    for kind in ("step", "subnet"):
        (spec,) = signatures[f"{kind}_1"].inputs
        assert spec.name == "photo"
    assert {spec.name for spec in signatures["subnet_2"].inputs} == set(inputs)
    assert manifest.image_input == "photo"


def test_a_file_of_some_stages_takes_the_inputs_that_they_read(tmp_path):
    model = built("two_inputs")
    path = tmp_path / "first.tflite"
    ka.export.tflite(model, path, stages=[1])
    x = examples(model)
    with AnytimePredictor(path) as predictor:
        assert predictor.manifest.inputs == ("photo",)
        answer = predictor.predict({"photo": x["photo"]})
        np.testing.assert_allclose(
            answer.logits, model.predict(x, verbose=0)[0], rtol=1e-4, atol=1e-5
        )
    found = ka.export.verify(path, model, (x, np.zeros(12, "int64")))
    assert found.agreement == (1.0,)


@pytest.mark.slow
def test_pixels_go_into_the_only_image(tmp_path):
    model = built("two_inputs")
    path = tmp_path / "pixels.tflite"
    about = {"scale": 255.0, "mean": [0.5], "std": [0.25]}
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1), "uint8")
    x = {
        "photo": ((pixels / 255.0 - 0.5) / 0.25).astype("float32"),
        "meta-data": examples(model, 6)["meta-data"],
    }
    ka.export.tflite(
        model,
        path,
        "int8",
        {**x, "photo": pixels},
        pixels=True,
        preprocessing=about,
    )
    want = model.predict(x, verbose=0)
    with AnytimePredictor(path) as predictor:
        image = predictor.prepare(np.repeat(pixels[0], 2, axis=0))
        np.testing.assert_array_equal(image, pixels[0])
        for result in predictor.stream((pixels, x["meta-data"])):
            logits = want[result.stage - 1]
            np.testing.assert_allclose(
                result.logits, logits, atol=0.05 * np.abs(logits).max()
            )
    found = ka.export.verify(path, model, (x, np.zeros(6, "int64")))
    assert found.examples == 6


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("table", {"pixels": True}),
        ("tokens", {"preprocessing": {"scale": 1.0, "mean": 0.0, "std": 1.0}}),
    ],
)
def test_pixels_of_no_image_are_refused(name, arguments, tmp_path):
    with pytest.raises(ValueError, match="only input of images.*Received"):
        ka.export.tflite(built(name), tmp_path / "net.tflite", **arguments)


def test_inputs_without_a_size_or_numbers_are_refused(tmp_path):
    for inputs, message in (
        (keras.Input((None, 2), name="series"), r"'image'.*\(None, None, 2\)"),
        (keras.Input((4,), dtype="string"), "real numbers.*string"),
    ):
        x = keras.layers.Lambda(
            lambda x: keras.ops.zeros((1, 2)), output_shape=(2,)
        )(inputs)
        outputs = keras.layers.Dense(2, name="stage_1")(x)
        with pytest.raises(ValueError, match=message):
            ka.export.saved_model(
                ka.AnytimeModel(inputs, [outputs]), tmp_path / "net"
            )


MODEL = built("two_inputs")
X = examples(MODEL)
PHOTOS, TABLE = X["photo"], X["meta-data"]
LABELS = np.zeros(12, "int64")
FORMS = {
    "dict": lambda: X,
    "tuple": lambda: (PHOTOS, TABLE),
    "list": lambda: [PHOTOS, TABLE],
    "dict and labels": lambda: (X, LABELS),
    "tuple and labels": lambda: ((PHOTOS, TABLE), LABELS),
    "list of batches": lambda: [_rows(X, slice(0, 6)), _rows(X, slice(6, 12))],
    "list of pairs of batches": lambda: [
        ((PHOTOS[:6], TABLE[:6]), LABELS[:6]),
        ((PHOTOS[6:], TABLE[6:]), LABELS[6:]),
    ],
    "generator of examples": lambda: (_rows(X, i) for i in range(12)),
    "function of tuples": lambda: lambda: zip(PHOTOS, TABLE, strict=True),
}


@pytest.mark.parametrize("form", FORMS)
def test_examples_of_several_inputs_come_in_any_form(form):
    found = calibration_inputs(FORMS[form](), MODEL)
    assert list(found) == ["photo", "meta_data"]
    np.testing.assert_array_equal(found["photo"], PHOTOS)
    np.testing.assert_array_equal(found["meta_data"], TABLE)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (PHOTOS, "inputs.*photo.*tuple in this order"),
        ({"photo": PHOTOS}, r"takes the inputs.*\['photo'\]"),
        ((PHOTOS, TABLE[:5]), "as many examples"),
        ((PHOTOS, TABLE[:, :2]), r"meta-data.*shape \(3,\)"),
        ((PHOTOS, TABLE.astype("int64")), "takes floats.*int64"),
        ((PHOTOS, np.full_like(TABLE, np.nan)), "finite.*meta-data"),
    ],
)
def test_examples_that_do_not_fit_several_inputs_are_refused(given, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        calibration_inputs(given, MODEL)


def test_of_two_equal_ranks_a_tuple_has_labels():
    model = built("table", ka.tasks.Regression(5))
    x = examples(model)
    found = calibration_inputs((x, np.zeros_like(x)), model)
    np.testing.assert_array_equal(found["image"], x)
    found = calibration_inputs({model.input_layers[0].name: x}, model)
    np.testing.assert_array_equal(found["image"], x)
    found = calibration_inputs([x, x + 1], model)
    np.testing.assert_array_equal(found["image"], [*x, *(x + 1)])


def test_the_manifest_tells_how_a_table_was_prepared(tmp_path):
    rng = np.random.default_rng(0)
    table = rng.normal(20, 5, (32, 5)).astype("float32")
    np.savez(
        tmp_path / "rows.npz",
        x_train=table,
        y_train=table[:, 0],
        x_test=table,
        y_test=table[:, 0],
    )
    train, _ = ka.data.load(str(tmp_path / "rows.npz"), batch_size=16)
    model = built("table", ka.tasks.Regression())
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(train, verbose=0)
    ka.export.tflite(model, tmp_path / "rows.tflite", verbose=False)
    found = read_manifest(tmp_path / "rows.tflite").preprocessing
    assert found == model.data_info["preprocessing"]
    np.testing.assert_allclose(found["mean"], table.mean(0), rtol=1e-5)


def test_a_second_normalization_is_warned_of():
    image = keras.Input((4, 4, 1))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    outputs = [keras.layers.Dense(2, name=f"stage_{k}")(x) for k in (1, 2)]
    model = ka.AnytimeModel(image, outputs)
    given = {"scale": 255.0, "mean": [0.0], "std": [1.0]}
    with pytest.warns(UserWarning, match="normalize them twice"):
        resolve_preprocessing(model, given)
    assert resolve_preprocessing(model)["scale"] == 1
