"""Exports of networks that are not plain: in both forms."""

import logging

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_anytime as ka
from keras_anytime import manifest as manifest_lib
from tests.testing import digits
from tests.testing import hierarchical_digits
from tests.testing import hierarchical_net
from tests.testing import passes_net
from tests.testing import sampled
from tests.testing import scramble
from tests.testing import tiny_net

NAMES = {"fine": tuple("0123456789"), "coarse": ("even", "odd")}


def _export(model, folder, form, **kwargs):
    """Exports a model; returns its manifest and its functions by name."""
    if form == "tflite":
        path = folder / "anytime.tflite"
        ka.export.tflite(model, path, **kwargs)
        interpreter = Interpreter(str(path))
        functions = {
            name: interpreter.get_signature_runner(name)
            for name in interpreter.get_signature_list()
        }
    else:
        path = folder / "saved_model"
        ka.export.saved_model(model, path, **kwargs)
        loaded = tf.saved_model.load(path)

        def call(name):
            return lambda **inputs: loaded.signatures[name](
                **{key: tf.constant(value) for key, value in inputs.items()}
            )

        functions = {name: call(name) for name in loaded.signatures}
        functions.pop("serving_default", None)
    return manifest_lib.read_manifest(path), functions


@pytest.mark.parametrize(
    "form", sampled(["tflite", "saved_model"], ["saved_model"])
)
def test_signatures_of_label_sets_equal_keras(form, tmp_path):
    model = scramble(hierarchical_net())
    x, y = hierarchical_digits(1)
    curve = ka.evaluation.anytime_curve(model, (x, y), label_set="fine")
    manifest, functions = _export(
        model, tmp_path, form, curve=curve, class_names=NAMES
    )
    assert manifest.label_sets == ("fine", "coarse")
    assert manifest.class_names == NAMES
    assert [stage.top1_error for stage in manifest.stages] == [
        point.top1_error for point in curve.points
    ]
    assert set(functions) == set(manifest.signatures)
    features = {"image": x}
    for k in (1, 2, 3):
        want = model.stage(k)(x)
        step = functions[f"step_{k}"]
        inputs = manifest.signatures[f"step_{k}"].inputs
        features |= step(**{spec.name: features[spec.name] for spec in inputs})
        alone = functions[f"subnet_{k}"](image=x)
        assert set(alone) == {"logits_fine", "logits_coarse"}
        for name, logits in want.items():
            for got in (alone, features):
                np.testing.assert_allclose(
                    got[f"logits_{name}"], logits, rtol=1e-4, atol=1e-5
                )


@pytest.mark.parametrize(
    "form", sampled(["tflite", "saved_model"], ["saved_model"])
)
def test_networks_without_steps_have_subnetworks_only(form, tmp_path):
    model = scramble(passes_net())
    x, _ = digits(1)
    manifest, functions = _export(model, tmp_path, form)
    assert (
        set(functions) == set(manifest.signatures) == {"subnet_1", "subnet_2"}
    )
    assert not manifest.interruptible
    for k in (1, 2):
        np.testing.assert_allclose(
            functions[f"subnet_{k}"](image=x)["logits"],
            model.stage(k)(x),
            rtol=1e-4,
            atol=1e-5,
        )


def test_what_does_not_fit_the_label_sets_is_refused(tmp_path):
    model = hierarchical_net()
    data = hierarchical_digits(8)
    coarse = ka.evaluation.anytime_curve(model, data, label_set="coarse")
    for arguments, message in (
        ({"curve": coarse}, "coarse labels' with 2 classes"),
        ({"class_names": NAMES["fine"]}, r"dict of \['coarse', 'fine'\]"),
        ({"class_names": {"fine": NAMES["fine"]}}, "a dict of"),
        (
            {"class_names": {**NAMES, "coarse": ("even",)}},
            "2 classes of 'coarse'. Received: 1 class_names",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            ka.export.saved_model(model, tmp_path / "export", **arguments)
    with pytest.raises(ValueError, match="one sequence"):
        ka.export.saved_model(
            tiny_net(), tmp_path / "export", class_names=NAMES
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "form", sampled(["tflite", "saved_model"], ["saved_model"])
)
def test_what_is_not_finite_is_not_exported(tmp_path, form):
    model = scramble(tiny_net("w1-w2"))
    *_, ruined = (
        variable for variable in model.variables if "variance" in variable.path
    )
    values = ruined.numpy()
    values[-1] = np.nan
    ruined.assign(values)
    path = tmp_path / f"net.{form}"
    with pytest.raises(FloatingPointError) as error:
        getattr(ka.export, form)(model, path)
    assert f"not exported: the variable {ruined.path!r}" in str(error.value)
    assert not any(tmp_path.iterdir())
    # What is exported does not have it.
    getattr(ka.export, form)(model, path, stages=(1,))


def test_tensorflow_reports_no_temporary_files(tmp_path, caplog):
    # As in a notebook.
    logger = tf.get_logger()
    with caplog.at_level("INFO", logger=logger.name):
        logger.addHandler(caplog.handler)
        ka.export.tflite(tiny_net("w1"), tmp_path / "anytime.tflite")
        logger.removeHandler(caplog.handler)
        assert logger.level == logging.INFO
    assert "Assets written" not in caplog.text
