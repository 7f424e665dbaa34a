import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_anytime.callbacks import GradientCosines
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import rows_of


def _cosines(model, x, y):
    """The cosines between stage gradients, by a pass over the whole network."""
    rows = []
    for k in range(model.num_stages):
        with tf.GradientTape() as tape:
            logits = model(x, training=True)[k]
            loss = keras.ops.mean(
                keras.losses.sparse_categorical_crossentropy(
                    y, logits, from_logits=True
                )
            )
        values = [variable.value for variable in model.trainable_variables]
        gradients = tape.gradient(loss, values, unconnected_gradients="zero")
        rows.append(
            np.concatenate([np.ravel(gradient) for gradient in gradients])
        )
    rows = np.stack(rows).astype("float64")
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T


class Reference(keras.callbacks.Callback):
    """Computes the cosines of each step, before it is taken."""

    def __init__(self, x, y, batch_size):
        super().__init__()
        self.x, self.y, self.batch_size = x, y, batch_size
        self.means = []

    def on_epoch_begin(self, epoch, logs=None):
        self._steps = []

    def on_train_batch_begin(self, batch, logs=None):
        here = slice(batch * self.batch_size, (batch + 1) * self.batch_size)
        self._steps.append(_cosines(self.model, self.x[here], self.y[here]))

    def on_epoch_end(self, epoch, logs=None):
        self.means.append(np.mean(self._steps, axis=0))


def test_the_mean_cosines_of_each_epoch(tmp_path):
    x, y = digits(48)
    reference = Reference(x, y, batch_size=16)
    cosines = GradientCosines(tmp_path / "run" / "cosines.csv")
    assert cosines.matrix is None
    model = compiled(
        dense_net(3), "orthogonal", optimizer=keras.optimizers.SGD(0.5)
    )
    model.fit(
        x,
        y,
        batch_size=16,
        epochs=2,
        shuffle=False,
        callbacks=[cosines, reference],
        verbose=0,
    )
    rows = rows_of(cosines.path)
    assert [list(row) for row in rows] == [
        ["epoch", "cosine_1_2", "cosine_1_3", "cosine_2_3"]
    ] * 2
    assert [row["epoch"] for row in rows] == ["1", "2"]
    for row, mean in zip(rows, reference.means, strict=True):
        for i, j in ((1, 2), (1, 3), (2, 3)):
            assert float(row[f"cosine_{i}_{j}"]) == pytest.approx(
                mean[i - 1, j - 1], abs=1e-4
            )
    np.testing.assert_allclose(cosines.matrix, reference.means[1], atol=1e-4)
    # What an epoch would have without a reset is another value.
    assert np.abs(reference.means[1] - reference.means[0]).max() > 1e-2


def _logged(path, epoch, cosine):
    """Logs an epoch of two stages, whose gradients have a cosine."""
    combiner = types.SimpleNamespace(
        single_backward=False,
        reset_cosines=lambda: None,
        mean_cosines=lambda: np.array([[1, cosine], [cosine, 1]]),
    )
    cosines = GradientCosines(path)
    cosines.set_model(
        types.SimpleNamespace(
            gradient_combiner=combiner,
            loss_keys=("1", "2"),
            stage_operations=None,
        )
    )
    cosines.on_train_begin()
    cosines.on_epoch_begin(epoch)
    cosines.on_epoch_end(epoch)


def test_a_resumed_training_replaces_what_it_repeats(tmp_path):
    path = tmp_path / "cosines.csv"
    for epoch, cosine in ((0, 0.5), (1, np.nan), (2, -0.25), (1, 0.125)):
        _logged(path, epoch, cosine)
    assert rows_of(path) == [
        {"epoch": "1", "cosine_1_2": "0.5"},
        {"epoch": "2", "cosine_1_2": "0.125"},
    ]


def test_cosines_that_no_step_has_are_nan(tmp_path):
    _logged(tmp_path / "cosines.csv", 0, np.nan)
    assert rows_of(tmp_path / "cosines.csv")[0]["cosine_1_2"] == "nan"


def test_a_joint_backward_pass_is_refused(tmp_path):
    model = compiled(dense_net())
    with pytest.raises(ValueError, match="Orthogonal.*gradients=Sum"):
        model.fit(
            *digits(16), callbacks=[GradientCosines(tmp_path / "cosines.csv")]
        )
