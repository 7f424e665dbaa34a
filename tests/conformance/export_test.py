"""Contracts of exported files, checked for every network."""

import collections

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_anytime as ka
from keras_anytime.runtime import AnytimePredictor
from tests.conformance.catalogue import NETWORKS
from tests.conformance.converted import CONVERTED
from tests.conformance.networks import EXPORTED
from tests.conformance.networks import all_logits
from tests.conformance.networks import assert_close
from tests.conformance.networks import exported
from tests.conformance.networks import named_logits
from tests.conformance.users import USERS
from tests.testing import sampled

# Of own layers, as users have them, costs are not known.
pytestmark = pytest.mark.filterwarnings("ignore:Multiply-adds of")


@pytest.mark.parametrize(
    "model",
    sampled(
        [*NETWORKS, *USERS, *CONVERTED],
        [
            "sparse_resnet",
            "inclusive_resnext",
            "hierarchical",
            "ensemble",
            "flatten_heads",
        ],
    ),
    indirect=True,
)
def test_saved_model_signatures_equal_keras(model, images, tmp_path):
    ka.export.saved_model(model, tmp_path / "export")
    loaded = tf.saved_model.load(tmp_path / "export")
    features = {"image": tf.constant(images)}
    for k, wanted in enumerate(named_logits(model, images), start=1):
        alone = loaded.signatures[f"subnet_{k}"](image=tf.constant(images))
        if model.interruptible:
            step = loaded.signatures[f"step_{k}"]
            features |= step(
                **{
                    name: features[name]
                    for name in step.structured_input_signature[1]
                }
            )
        for name, logits in wanted.items():
            assert_close(alone[name], logits)
            if model.interruptible:
                assert_close(features[name], logits)


@pytest.mark.parametrize(
    ("name", "model"),
    sampled(
        [(name, name) for name in (*NETWORKS, *USERS, *CONVERTED)],
        lambda case: (
            case[0] in (*EXPORTED, "flatten_heads")
            and case[0] not in ("shallow_resnext", "inclusive_sparse_resnext")
        ),
    ),
    indirect=["model"],
)
def test_tflite_signatures_equal_keras(name, model, images, made_once):
    interpreter = Interpreter(str(exported(made_once, name)))
    names = interpreter.get_signature_list()
    answers = named_logits(model, images)
    stages = range(1, model.num_stages + 1)
    kinds = ["step", "subnet"] if model.interruptible else ["subnet"]
    assert set(names) == {f"{kind}_{k}" for kind in kinds for k in stages}
    for index, image in enumerate(images):
        features = {"image": image[None]}
        for k, wanted in enumerate(answers, start=1):
            alone = interpreter.get_signature_runner(f"subnet_{k}")
            got = [alone(image=image[None])]
            if model.interruptible:
                step = interpreter.get_signature_runner(f"step_{k}")
                features |= step(
                    **{
                        name: features[name]
                        for name in step.get_input_details()
                    }
                )
                got.append(features)
            for name, logits in wanted.items():
                for outputs in got:
                    assert_close(outputs[name][0], logits[index])


@pytest.mark.parametrize(
    ("name", "model"),
    sampled(
        [(name, name) for name in (*NETWORKS, *USERS, *CONVERTED)],
        [(name, name) for name in ("sparse_resnet", "flatten_heads")],
    ),
    indirect=["model"],
)
def test_a_file_answers_batches_of_any_size(name, model, images, made_once):
    answers = named_logits(model, images)
    with AnytimePredictor(exported(made_once, name)) as predictor:
        for count in (2, 1, len(images)):
            results = list(predictor.stream(images[:count]))
            assert len(results) == model.num_stages
            for result, wanted in zip(results, answers, strict=True):
                got = result.logits
                got = got if isinstance(got, dict) else {"logits": got}
                for logits, want in zip(
                    got.values(), wanted.values(), strict=True
                ):
                    assert_close(logits, want[:count])


@pytest.mark.parametrize(
    ("name", "model", "arguments"),
    sampled(
        [
            (name, name, arguments)
            for name in USERS
            for arguments in (
                {"batch_size": None},
                {"batch_size": 3},
                {"dense_subnets": True},
                {"quantization": "float16"},
                {"quantization": "dynamic"},
                {"quantization": "int8"},
                {"quantization": "int16x8"},
                {"quantization": "int8", "pixels": True},
            )
        ],
        lambda case: (
            case[0] == "flatten_heads" and case[2].get("quantization") == "int8"
        ),
    ),
    indirect=["model"],
)
def test_networks_of_users_export_in_every_form(
    name, model, images, arguments, tmp_path
):
    preprocessing = {"scale": 255.0, "mean": [0.5], "std": [0.25]}
    pixels = np.random.default_rng(0).integers(0, 256, images.shape, "uint8")
    images = ((pixels / 255.0 - 0.5) / 0.25).astype("float32")
    fed = pixels if arguments.get("pixels") else images
    path = tmp_path / "net.tflite"
    ka.export.tflite(
        model,
        path,
        representative=fed,
        preprocessing=preprocessing,
        **arguments,
    )
    variant = arguments.get("quantization")
    tolerance = {None: 1e-5, "float16": 3e-3, "int8": 0.1}.get(variant, 0.05)
    want = all_logits(model, images)
    with AnytimePredictor(path) as predictor:
        for result in predictor.stream(fed):
            logits = want[result.stage - 1]
            np.testing.assert_allclose(
                result.logits, logits, atol=tolerance * np.abs(logits).max()
            )
        # What a step leaves is what later ones take.
        forms = collections.defaultdict(set)
        for program, signature in predictor.manifest.signatures.items():
            if program.startswith("step_"):
                for tensor in (*signature.inputs, *signature.outputs):
                    if not tensor.name.startswith("logits"):
                        forms[tensor.name].add(
                            (tensor.dtype, str(tensor.quantization))
                        )
        assert {len(forms_seen) for forms_seen in forms.values()} == {1}
