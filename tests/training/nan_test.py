import itertools

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.callbacks import StopOnNaN
from keras_anytime.training import fit_options
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits

STEPS = 3


def _data(poisoned=(), known_steps=True):
    """Batches of 8 images; in some epochs, the last one has a NaN."""
    x, y = digits(8 * STEPS)
    epochs = itertools.count()

    def batches():
        images = x.copy()
        if next(epochs) in poisoned:
            images[-1] = np.nan
        for start in range(0, len(x), 8):
            yield images[start : start + 8], y[start : start + 8]

    if keras.backend.backend() == "jax":
        return _Passes(batches)
    import tensorflow as tf

    data = tf.data.Dataset.from_generator(
        batches,
        output_signature=(
            tf.TensorSpec((None, 8, 8, 1)),
            tf.TensorSpec((None,), "int64"),
        ),
    )
    if known_steps:
        data = data.apply(tf.data.experimental.assert_cardinality(STEPS))
    return data


class _Passes(keras.utils.PyDataset):
    """Passes of known length, from a function that begins one."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches
        self.current = None

    def __len__(self):
        return STEPS

    def on_epoch_begin(self):
        self.current = None

    def __getitem__(self, index):
        self.current = self.current or list(self.batches())
        return self.current[index]


class Overshoot(keras.callbacks.Callback):
    """Makes the last step of an epoch ruin the weights."""

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self._epoch, batch) == (1, STEPS - 1):
            self.model.optimizer.learning_rate = float("inf")


def _savers(folder):
    return [
        ka.callbacks.Resume(folder / "checkpoints"),
        ka.callbacks.StageCheckpoint(folder / "best.keras", prefix=""),
    ]


def _saved(folder):
    """Names and contents of all models in a folder."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*.keras")
    }


class Saved(keras.callbacks.Callback):
    """Keeps what is in a folder when the second epoch begins."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.files = _saved(self.folder)


def test_the_stage_that_failed_is_named():
    model = compiled(dense_net(3))
    bias = model.get_layer("stage_2").bias
    bias.assign(np.full(bias.shape, np.nan))
    with pytest.raises(FloatingPointError) as error:
        model.fit(*digits(16), verbose=0)
    assert str(error.value).startswith(
        "The loss of stage 2 is not finite at step 1 of epoch 1."
    )
    assert str(error.value).endswith("Received: stage_2_loss=nan")


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        (
            {12: float("inf"), 3: float("nan"), 1: 2.0},
            "The loss of stage 3 and of 1 more is not finite at step 7 of "
            "epoch 5.",
        ),
        (
            {12: float("-inf"), 3: 1.0},
            "The loss of stage 12 is not finite at step 7 of epoch 5.",
        ),
        (
            {12: 1.0, 3: 1.0},
            "The regularisers' penalty is not finite at step 7 of epoch 5.",
        ),
    ],
)
def test_infinite_losses_and_several(losses, message):
    stop = StopOnNaN()
    stop.on_epoch_begin(4)
    logs = {f"stage_{k}_loss": value for k, value in losses.items()}
    with pytest.raises(FloatingPointError) as error:
        stop.on_train_batch_end(6, {"loss": float("inf"), **logs})
    assert str(error.value).startswith(message)


def test_training_data_with_nan():
    with pytest.raises(
        FloatingPointError, match="stage 1 and of 1 more.*step 3 of epoch 2"
    ):
        # A pass over the data comes before training, to look at the labels.
        compiled(dense_net()).fit(
            _data({2}), epochs=3, shuffle=False, verbose=0
        )


@pytest.mark.parametrize("failure", ["loss", "weights"])
@pytest.mark.parametrize("given", [None, "first", "last"])
def test_what_failed_is_never_saved(tmp_path, failure, given):
    saved = Saved(tmp_path)
    callbacks = [saved, *_savers(tmp_path)]
    if failure == "weights":
        callbacks.append(Overshoot())
    if given:
        callbacks.insert(0 if given == "first" else len(callbacks), StopOnNaN())
    data = _data({2} if failure == "loss" else ())
    what = "loss of stage 1" if failure == "loss" else "weight .* after the"
    with pytest.raises(FloatingPointError, match=f"{what}.* of epoch 2"):
        compiled(dense_net()).fit(
            data, epochs=3, callbacks=callbacks, verbose=0
        )
    assert len(saved.files) == 2
    assert _saved(tmp_path) == saved.files


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="only tf.data has passes of unknown length",
)
def test_weights_are_looked_at_where_the_number_of_steps_is_unknown(tmp_path):
    saved = Saved(tmp_path)
    with pytest.raises(FloatingPointError, match="weight .* of epoch 2"):
        compiled(dense_net()).fit(
            _data(known_steps=False),
            epochs=3,
            callbacks=[saved, *_savers(tmp_path), Overshoot()],
            verbose=0,
        )
    assert len(saved.files) == 2
    assert _saved(tmp_path) == saved.files


def test_fit_adds_one_unless_it_is_given_one():
    model = dense_net()
    (added,) = fit_options(model, {})["callbacks"]
    assert isinstance(added, StopOnNaN)
    own, other = StopOnNaN(), keras.callbacks.Callback()
    options = fit_options(model, {"callbacks": [other, own]})
    assert options["callbacks"] == [own, other]


def test_the_callback_of_keras_does_not_let_failed_weights_be_saved(tmp_path):
    # Alone, it would only end the training, and have the epoch saved.
    with pytest.raises(FloatingPointError):
        compiled(dense_net()).fit(
            _data({1}),
            epochs=3,
            callbacks=[keras.callbacks.TerminateOnNaN(), *_savers(tmp_path)],
            verbose=0,
        )
    assert not _saved(tmp_path)


def test_weights_are_looked_at_whatever_steps_are_run_at_once(tmp_path):
    x, y = digits(32)
    model = compiled(
        dense_net(),
        optimizer=keras.optimizers.SGD(float("inf")),
        steps_per_execution=3,
    )
    with pytest.raises(FloatingPointError, match="weight"):
        model.fit(x, y, callbacks=_savers(tmp_path), verbose=0)
    assert not _saved(tmp_path)
