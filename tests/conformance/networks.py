"""The networks of the catalogue as tests get them, and their answers."""

import keras
import numpy as np


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
        {f"logits_{name}": one for name, one in answer.items()}
        if isinstance(answer, dict)
        else {"logits": answer}
        for answer in model.by_stage(all_logits(model, images))
    ]
