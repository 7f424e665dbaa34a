"""What every network's exports promise, checked for every network."""

import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_anytime as ka
from tests.conformance.catalogue import NETWORKS
from tests.conformance.networks import EXPORTED
from tests.conformance.networks import assert_close
from tests.conformance.networks import exported
from tests.conformance.networks import named_logits
from tests.testing import sampled


@pytest.mark.parametrize(
    "model",
    sampled(
        list(NETWORKS),
        ["sparse_resnet", "inclusive_resnext", "hierarchical", "ensemble"],
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
    sampled([(one, one) for one in NETWORKS], lambda case: case[0] in EXPORTED),
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
                for one in got:
                    assert_close(one[name][0], logits[index])
