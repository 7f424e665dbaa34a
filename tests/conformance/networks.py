"""The networks of the catalogue as tests get them, and their answers."""

import functools

import keras
import numpy as np

import keras_anytime as ka
from tests.conformance.catalogue import NETWORKS
from tests.conformance.catalogue import VARIANTS
from tests.conformance.converted import CONVERTED
from tests.conformance.users import USERS
from tests.testing import scramble

# One of each kind, for tests that take long.
KINDS = [
    "width_nested_resnet",
    "sparse_resnet",
    "inclusive_resnext",
    "shallow_resnext",
    "hierarchical",
    "ensemble",
]
# Those whose exports are looked at after each change; the others are chains of
# the same layers.
EXPORTED = [
    name
    for name in NETWORKS
    if name not in ("cascade_sparse_resnet", "res_ann", "dense_ann")
]


def built(name):
    """A network of the catalogue with its weights off their first values.

    It is made once, and gets its weights back: tests must not change more.
    """
    model, weights = _built(name)
    model.set_weights(weights)
    return model


@functools.cache
def _built(name):
    keras.utils.set_random_seed(0)
    model = scramble({**NETWORKS, **VARIANTS, **USERS, **CONVERTED}[name]())
    return model, model.get_weights()


def exported(made_once, name):
    """The path of a `.tflite` of a network of the catalogue."""
    return made_once(
        f"conformance_{name}.tflite",
        lambda path: ka.export.tflite(built(name), path),
    )


def assert_close(got, want):
    """Equal to 1e-5 of the largest logit.

    TensorFlow may add up in another order each time a function is made.
    """
    np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())


def all_logits(model, images):
    """The logits of each output, in order."""
    return keras.tree.flatten(model.predict(images, verbose=0))


def named_logits(model, images):
    """For each stage a dict of its logits, as steps and exports name them."""
    return [
        {f"logits_{name}": logits for name, logits in answer.items()}
        if isinstance(answer, dict)
        else {"logits": answer}
        for answer in model.by_stage(all_logits(model, images))
    ]
