import keras
import numpy as np
import pytest

from keras_anytime.callbacks import LossWeights
from keras_anytime.gradients import Orthogonal
from keras_anytime.weighting import AdaLoss
from keras_anytime.weighting import Alternating
from keras_anytime.weighting import Linear
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import rows_of
from tests.testing import sampled


class Reference(keras.callbacks.Callback):
    """Keeps the losses of each step, and weighs them by itself."""

    def __init__(self, weigh):
        super().__init__()
        self.weigh = weigh
        self.means = []

    def on_epoch_begin(self, epoch, logs=None):
        self._steps = []

    def on_train_batch_end(self, batch, logs=None):
        self._steps.append(self.weigh(self.model))

    def on_epoch_end(self, epoch, logs=None):
        self.means.append(np.mean(self._steps, axis=0))


def _fit(tmp_path, weighting, weigh, gradients="sum", epochs=2):
    x, y = digits(48)
    weights = LossWeights(tmp_path / "run" / "weights.csv")
    assert weights.weights is None
    reference = Reference(weigh)
    compiled(dense_net(3), gradients, weighting).fit(
        x,
        y,
        batch_size=16,
        epochs=epochs,
        callbacks=[weights, reference],
        verbose=0,
    )
    rows = rows_of(weights.path)
    assert [list(row) for row in rows] == [
        ["epoch", "weight_1", "weight_2", "weight_3"]
    ] * epochs
    assert [row["epoch"] for row in rows] == ["1", "2"][:epochs]
    found = [[float(row[f"weight_{k}"]) for k in (1, 2, 3)] for row in rows]
    np.testing.assert_allclose(found, reference.means, rtol=1e-4)
    np.testing.assert_allclose(weights.weights, reference.means[-1], rtol=1e-4)
    return found


@pytest.mark.parametrize(
    "gradients",
    sampled(["sum", "normalized", "orthogonal"], ["sum", "orthogonal"]),
)
def test_adaptive_weights_of_every_epoch(tmp_path, gradients):
    def weigh(model):
        # Hu 2019, Equation 7 with alpha the least mean loss.
        means = model.weighting.variables[0].numpy()
        return 0.95 * means.min() / means + 0.05

    first, second = _fit(tmp_path, AdaLoss(gamma=0.05), weigh, gradients)
    assert not np.allclose(first, second)


def test_between_refreshes_the_weights_that_count_are_averaged(tmp_path):
    # With coefficients that serve three steps, weights do too.
    combiner = Orthogonal(refresh_every=3)
    held = []

    def weigh(model):
        if len(held) % 3 == 0:
            means = model.weighting.variables[0].numpy()
            held.append(0.95 * means.min() / means + 0.05)
        else:
            held.append(held[-1])
        return held[-1]

    _fit(tmp_path, AdaLoss(gamma=0.05, momentum=0.5), weigh, combiner)


def test_draws_are_averaged(tmp_path):
    def weigh(model):
        drawn = np.eye(3)[int(model.weighting.last_drawn) - 1]
        base = np.array([0.25, 0.625, 1.0])
        return base + 0.5 * base.sum() * drawn

    sampler = Alternating(Linear(), boost=0.5, seed=3)
    _fit(tmp_path, sampler, weigh, "orthogonal")


def test_a_resumed_training_replaces_what_it_repeats(tmp_path):
    path = tmp_path / "weights.csv"
    for initial, epochs in ((0, 3), (1, 2)):
        compiled(dense_net(2), weighting="linear").fit(
            *digits(16),
            initial_epoch=initial,
            epochs=epochs,
            callbacks=[LossWeights(path)],
            verbose=0,
        )
    assert [row["epoch"] for row in rows_of(path)] == ["1", "2"]
    assert rows_of(path)[1]["weight_2"] == "1"
