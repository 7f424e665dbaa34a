import itertools
import pathlib

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.callbacks import StopOnNaN
from keras_anytime.training.fit_options import fit_options
from keras_anytime.training.variables import create_variables
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import sampled

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
        "The loss of stage 2 is not finite at training step 1 of epoch 1."
    )
    assert str(error.value).endswith("Received: stage_2_loss=nan")


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        (
            {12: float("inf"), 3: float("nan"), 1: 2.0},
            "The loss of stage 3 and of 1 more is not finite at training step "
            "7 of epoch 5.",
        ),
        (
            {12: float("-inf"), 3: 1.0},
            "The loss of stage 12 is not finite at training step 7 of epoch 5.",
        ),
        (
            {12: 1.0, 3: 1.0},
            "The regularizers' penalty is not finite at training step 7 of "
            "epoch 5.",
        ),
    ],
)
def test_infinite_losses_and_several(losses, message):
    stop = StopOnNaN()
    stop.set_model(compiled(dense_net(12)))
    stop.set_params({})
    stop.on_epoch_begin(4)
    logs = {f"stage_{k}_loss": value for k, value in losses.items()}
    with pytest.raises(FloatingPointError) as error:
        stop.on_train_batch_end(6, {"loss": float("inf"), **logs})
        # On JAX, Keras' own thread raises it.
        stop.on_train_batch_begin(9)
    assert str(error.value).startswith(message)


def _relu_net():
    """A network whose layers, on TensorFlow, make numbers of NaN."""
    keras.utils.set_random_seed(0)
    x = image = keras.Input((8, 8, 1), name="image")
    outputs = []
    for k in (1, 2):
        x = keras.layers.Conv2D(4, 3, use_bias=False, name=f"conv_{k}")(x)
        x = keras.layers.BatchNormalization(name=f"norm_{k}")(x)
        x = keras.layers.ReLU(name=f"relu_{k}")(x)
        pooled = keras.layers.GlobalAveragePooling2D(name=f"pool_{k}")(x)
        outputs.append(keras.layers.Dense(10, name=f"stage_{k}")(pooled))
    return ka.AnytimeModel(image, outputs, name="relus")


def _with_a_nan_pixel():
    """The issue's example: one pixel of one of 1,437 digits."""
    train, _ = ka.data.load("digits", batch_size=1437, seed=0)
    x, y = (np.array(part) for part in next(iter(train)))
    assert x.shape == (1437, 8, 8, 1)
    x[700, 3, 3, 0] = np.nan
    return x, y


def _stream(*arrays, batch_size=8):
    """Batches of arrays in their order, as a data set of the backend."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.data.Dataset.from_tensor_slices(arrays).batch(batch_size)
    return _Slices(arrays, batch_size)


class _Slices(keras.utils.PyDataset):
    def __init__(self, arrays, size):
        super().__init__()
        self.arrays = arrays
        self.size = size

    def __len__(self):
        return -(-len(self.arrays[0]) // self.size)

    def __getitem__(self, index):
        own = slice(index * self.size, (index + 1) * self.size)
        return tuple(array[own] for array in self.arrays)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_pixel_that_is_not_finite_is_refused_before_training(tmp_path, value):
    x, y = _with_a_nan_pixel()
    x[700, 3, 3, 0] = value
    model = compiled(_relu_net())
    weights = model.get_weights()
    with pytest.raises(ValueError, match="must be finite") as error:
        model.fit(x, y, callbacks=_savers(tmp_path), verbose=0)
    assert str(error.value).endswith(
        f"Received: x of shape (1437, 8, 8, 1) with {value} at [700, 3, 3, 0]"
    )
    for before, now in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, now)
    assert not _saved(tmp_path)


def test_arrays_of_every_kind_are_looked_at():
    x, y = digits(16)
    bad = x.copy()
    bad[9, 7, 7, 0] = np.inf
    weights = np.ones(16)
    weights[3] = np.nan
    model = compiled(dense_net())
    for received, arguments in {
        "validation_data of .* inf at .9, 7, 7, 0": {
            "x": x,
            "validation_data": (bad, y),
        },
        "x of .* inf at .9, 7, 7, 0": {
            "x": keras.ops.convert_to_tensor(bad),
        },
        "sample_weight of .* nan at .3.": {"x": x, "sample_weight": weights},
        "validation_data of .*16,.* nan at .3.": {
            "x": x,
            "validation_data": (x, y, weights),
        },
    }.items():
        with pytest.raises(ValueError, match=f"Received: {received}"):
            model.fit(y=y, verbose=0, **arguments)


# 12 steps of 128 digits; that of number 700 is in the sixth.
@pytest.mark.parametrize(
    ("options", "when"),
    [
        pytest.param({}, "at training step 6", marks=pytest.mark.slow),
        (
            {"gradients": "orthogonal", "weighting": "adaloss"},
            "at training step 6",
        ),
        pytest.param(
            {"steps_per_execution": 4},
            "in training steps 5 to 8",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"steps_per_execution": 30},
            "in training steps 1 to 12",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"jit_compile": True}, "at training step 6", marks=pytest.mark.slow
        ),
    ],
)
def test_a_nan_pixel_in_a_stream_of_batches_ruins_no_file(
    tmp_path, options, when
):
    x, y = _with_a_nan_pixel()
    model = compiled(_relu_net(), **options)
    good = _stream(x[:64], y[:64], batch_size=64)
    model.fit(
        good, epochs=1, shuffle=False, callbacks=_savers(tmp_path), verbose=0
    )
    saved = _saved(tmp_path)
    assert len(saved) == 2
    with pytest.raises(FloatingPointError) as error:
        model.fit(
            _stream(x, y, batch_size=128),
            epochs=3,
            shuffle=False,
            callbacks=_savers(tmp_path),
            verbose=0,
        )
    assert str(error.value).startswith(
        f"A batch has images or sample weights that are not finite {when} of "
        "epoch 2. Look for NaN"
    )
    assert _saved(tmp_path) == saved


def test_sample_weights_of_a_stream_are_looked_at():
    x, y = digits(24)
    weights = np.ones(24, "float32")
    weights[12] = np.inf
    with pytest.raises(
        FloatingPointError, match="sample weights .* at training step 2"
    ):
        compiled(dense_net()).fit(
            _stream(x, y, weights), shuffle=False, verbose=0
        )


def test_images_of_integers_have_no_nan():
    x, y = digits(16)
    pixels = (255 * x).astype("uint8")
    model = compiled(dense_net())
    for arguments in ((pixels, y), (_stream(pixels, y),)):
        history = model.fit(*arguments, verbose=0)
        assert np.isfinite(history.history["loss"][0])


@pytest.mark.slow
def test_greedy_training_keeps_what_earlier_stages_have(tmp_path):
    x, y = digits(24)
    passes = itertools.count()
    model = compiled(_relu_net())

    class Poisoned(_Slices):
        def on_epoch_begin(self):
            # Stage 1 is trained for one epoch; then the pixel fails.
            if next(passes) == 1:
                self.arrays = (np.where(x > 1e9, x, np.nan), y)

    with pytest.raises(
        FloatingPointError, match="images .* at training step 1"
    ):
        ka.training.fit_greedy(
            model,
            Poisoned((x, y), 8),
            epochs=1,
            workdir=tmp_path,
            shuffle=False,
            verbose=0,
        )
    assert list(_saved(tmp_path)) == [pathlib.Path("stage_1.keras")]
    for variable in model.stage(1).variables:
        assert np.isfinite(np.asarray(variable)).all()


def _ruin(model, part):
    """Makes a number of some part of a model's state NaN."""
    variable = {
        "a weight": model.get_layer("stage_2").bias,
        "a moving statistic": model.get_layer("norm_1").moving_variance,
        "the optimizer": model.optimizer.variables[-1],
        "the weighting": model.weighting.variables[0],
        "the combiner": model.gradient_combiner.variables[0],
    }[part]
    values = np.array(variable)
    values.reshape(-1)[-1] = np.nan
    variable.assign(values)
    return variable.path


PARTS = (
    "a weight",
    "a moving statistic",
    "the optimizer",
    "the weighting",
    "the combiner",
)


def test_no_variable_that_is_not_finite_is_saved(tmp_path):
    model = compiled(_relu_net(), "orthogonal", "adaloss")
    path = tmp_path / "keras.keras"

    class Ruin(keras.callbacks.Callback):
        """Comes before what saves, but is no step that has failed."""

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                _ruin(self.model, "a moving statistic")

    saved = Saved(tmp_path)
    # That of Keras, too, would replace a good file.
    savers = [keras.callbacks.ModelCheckpoint(path), *_savers(tmp_path)]
    with pytest.raises(FloatingPointError, match="not saved: the variable"):
        model.fit(
            *digits(16),
            epochs=2,
            callbacks=[saved, Ruin(), *savers],
            verbose=0,
        )
    assert len(saved.files) == 3
    for saver in savers:
        with pytest.raises(FloatingPointError, match="not saved: the variable"):
            saver.on_epoch_end(
                1, {"stage_1_accuracy": 2, "stage_2_accuracy": 2}
            )
    assert _saved(tmp_path) == saved.files


@pytest.mark.parametrize("part", PARTS)
def test_all_variables_are_looked_at(tmp_path, part):
    model = compiled(_relu_net(), "orthogonal", "adaloss")
    create_variables(model, np.zeros(1, int))
    path = _ruin(model, part)
    with pytest.raises(FloatingPointError) as error:
        model.save(tmp_path / "model.keras")
    assert f"not saved: the variable {path!r}" in str(error.value)
    assert "`save_weights`" in str(error.value)
    assert not any(tmp_path.iterdir())
    stop = StopOnNaN()
    stop.set_model(model)
    stop.on_epoch_begin(6)
    with pytest.raises(FloatingPointError) as error:
        stop.on_epoch_end(6)
    assert f"failed in epoch 7: the variable {path!r}" in str(error.value)
    model.save_weights(tmp_path / "as_they_are.weights.h5")


def test_metrics_that_are_not_finite_do_not_keep_a_model_from_being_saved(
    tmp_path,
):
    x, y = digits(16)
    bad = _stream(np.full_like(x, np.nan), y)
    model = compiled(dense_net())
    history = model.fit(
        x, y, validation_data=bad, callbacks=_savers(tmp_path), verbose=0
    )
    assert np.isnan(history.history["val_loss"][0])
    assert len(_saved(tmp_path)) == 2


def test_training_data_with_nan():
    with pytest.raises(
        FloatingPointError, match="images or .* at training step 3 of epoch 2"
    ):
        # A pass over the data comes before training, to look at the labels.
        compiled(dense_net()).fit(
            _data({2}), epochs=3, shuffle=False, verbose=0
        )


@pytest.mark.parametrize("failure", ["loss", "weights"])
@pytest.mark.parametrize(
    "given", sampled([None, "first", "last"], [None, "last"])
)
def test_what_failed_is_never_saved(tmp_path, failure, given):
    saved = Saved(tmp_path)
    callbacks = [saved, *_savers(tmp_path)]
    if failure == "weights":
        callbacks.append(Overshoot())
    if given:
        callbacks.insert(0 if given == "first" else len(callbacks), StopOnNaN())
    data = _data({2} if failure == "loss" else ())
    what = "images" if failure == "loss" else "failed in"
    with pytest.raises(FloatingPointError, match=f"{what} .*epoch 2"):
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
    with pytest.raises(FloatingPointError, match="in epoch 2: the variable"):
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
    with pytest.raises(FloatingPointError, match="variable"):
        model.fit(x, y, callbacks=_savers(tmp_path), verbose=0)
    assert not _saved(tmp_path)
