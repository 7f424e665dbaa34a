import functools

import keras
import numpy as np
import pytest

from keras_anytime.training.losses import stage_loss
from tests.callbacks.nets import dense_net
from tests.testing import digits


@pytest.mark.parametrize(
    "loss",
    [
        "kl_divergence",
        "poisson",
        "KLDivergence",
        "dice",
        keras.losses.kl_divergence,
        keras.losses.KLDivergence(),
        keras.losses.Poisson(),
        keras.losses.Dice(),
        keras.losses.Tversky(),
        keras.losses.CategoricalGeneralizedCrossEntropy(),
        keras.losses.CategoricalFocalCrossentropy(),
    ],
)
def test_losses_on_probabilities_are_refused(loss):
    with pytest.raises(ValueError, match="stages give logits"):
        stage_loss(loss)


class _Squares:
    """A loss without a `__name__`."""

    def __call__(self, y_true, y_pred):
        return _squares(y_true, y_pred)


def _squares(y_true, y_pred):
    return keras.ops.mean((keras.ops.cast(y_true, "float32") - y_pred) ** 2, -1)


@pytest.mark.filterwarnings("ignore:A loaded model")
@pytest.mark.filterwarnings("ignore:The object being serialized")
def test_any_callable_is_a_loss():
    x, y = digits(32)
    one_hot = np.eye(10, dtype="float32")[y]
    for loss in (
        lambda *args: _squares(*args),
        functools.partial(_squares),
        _Squares(),
    ):
        model = dense_net()
        # Traced, since TensorFlow looks at names then.
        model.compile("sgd", loss)
        before = model.evaluate(x, one_hot, return_dict=True, verbose=0)
        expected = [
            np.mean((one_hot - answer) ** 2)
            for answer in model.predict(x, verbose=0)
        ]
        assert before["loss"] == pytest.approx(np.mean(expected), rel=1e-5)
