import io
import math
import os

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.saving.metadata import read_metadata
from keras_anytime.saving.metadata import save_with_metadata
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import hierarchical_digits
from tests.testing import hierarchical_net
from tests.testing import rows_of
from tests.testing import sampled
from tests.testing import tiny_net


def _data():
    return ka.data.load(
        "digits", splits=("train[:64]", "train[-32:]"), batch_size=32
    )


def test_the_best_model_is_kept(tmp_path):
    train, test = _data()
    model = compiled(dense_net(3))
    path = tmp_path / "best.keras"
    checkpoint = ka.callbacks.StageCheckpoint(path, stage=2)
    history = model.fit(
        train, validation_data=test, epochs=4, callbacks=[checkpoint], verbose=0
    ).history
    best = max(history["val_stage_2_accuracy"])
    assert checkpoint.best == best
    logs = ka.load_model(path).evaluate(test, return_dict=True, verbose=0)
    assert logs["stage_2_accuracy"] == pytest.approx(best)


def test_the_average_over_stages_by_default(tmp_path):
    model = compiled(dense_net(3))
    checkpoint = ka.callbacks.StageCheckpoint(tmp_path / "best.keras")
    checkpoint.set_model(model)
    checkpoint.on_train_begin()
    accuracies = [[0.1, 0.2, 0.9], [0.9, 0.1, 0.1], [0.4, 0.4, 0.5]]
    kept = []
    for epoch, values in enumerate(accuracies):
        logs = {
            f"val_stage_{k}_accuracy": value
            for k, value in enumerate(values, start=1)
        }
        checkpoint.on_epoch_end(epoch, logs)
        kept.append(checkpoint.best)
    np.testing.assert_allclose(kept, [0.4, 0.4, 1.3 / 3])


def test_the_finest_label_set_counts(tmp_path):
    checkpoint = ka.callbacks.StageCheckpoint(
        tmp_path / "best.keras", stage=2, prefix=""
    )
    model = compiled(hierarchical_net())
    history = model.fit(
        *hierarchical_digits(32), callbacks=[checkpoint], verbose=0
    ).history
    assert checkpoint.best == history["stage_2_fine_accuracy"][0]
    assert ka.load_model(tmp_path / "best.keras").label_sets


def test_wrong_checkpoints_are_refused(tmp_path):
    with pytest.raises(ValueError, match="best.h5"):
        ka.callbacks.StageCheckpoint(tmp_path / "best.h5")
    model = compiled(dense_net(3))
    x, y = digits(16)
    with pytest.raises(ValueError, match="stage=4"):
        model.fit(
            x,
            y,
            callbacks=[
                ka.callbacks.StageCheckpoint(tmp_path / "a.keras", 4, prefix="")
            ],
        )
    with pytest.raises(ValueError, match="mode='best'"):
        ka.callbacks.StageCheckpoint(tmp_path / "best.keras", mode="best")


def _fit(model, path, y=None, metric="accuracy", mode="auto", **options):
    """Trains with a checkpoint; returns the checkpoint and the history."""
    x, labels = digits(16)
    y = labels if y is None else y
    checkpoint = ka.callbacks.StageCheckpoint(path, metric=metric, mode=mode)
    options = {"validation_data": (x, y), **options}
    history = model.fit(x, y, callbacks=[checkpoint], verbose=0, **options)
    return checkpoint, history.history


@pytest.mark.parametrize("metric", sampled(["loss", "mae"], ["mae"]))
def test_of_losses_and_errors_the_smallest_is_kept(tmp_path, metric):
    # At this rate, they rise and fall.
    model = compiled(dense_net(), optimizer=keras.optimizers.SGD(3.0))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(model.optimizer, loss, metrics=["mae"], run_eagerly=True)
    y = keras.ops.convert_to_numpy(keras.ops.one_hot(digits(16)[1], 10))
    path = tmp_path / "best.keras"
    checkpoint, history = _fit(model, path, y, metric, epochs=6)
    values = np.mean(
        [history[f"val_stage_{k}_{metric}"] for k in (1, 2)], axis=0
    )
    assert values.argmin() != values.argmax() != len(values) - 1
    assert checkpoint.best == min(values)
    kept = ka.load_model(path).evaluate(
        digits(16)[0], y, return_dict=True, verbose=0
    )
    assert np.mean(
        [kept[f"stage_{k}_{metric}"] for k in (1, 2)]
    ) == pytest.approx(min(values), rel=1e-5)


def test_the_loss_of_a_stage_is_that_of_all_its_label_sets(tmp_path):
    x, y = hierarchical_digits(16)
    checkpoint = ka.callbacks.StageCheckpoint(
        tmp_path / "best.keras", stage=2, metric="loss", prefix=""
    )
    history = compiled(hierarchical_net()).fit(
        x, y, callbacks=[checkpoint], verbose=0
    )
    assert checkpoint.best == history.history["stage_2_loss"][0]


def _votes(y_true, y_pred):
    return keras.ops.mean(y_pred, axis=-1)


def test_a_metric_of_unknown_direction_needs_a_mode(tmp_path):
    path = tmp_path / "best.keras"

    def model():
        model = dense_net()
        model.compile(
            keras.optimizers.SGD(3.0),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[_votes],
            run_eagerly=True,
        )
        return model

    untrained = model()
    weights = untrained.get_weights()
    with pytest.raises(ValueError, match='give `mode="max"`.*_votes'):
        _fit(untrained, path, metric="_votes")
    for after, before in zip(untrained.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(after, before)
    for mode, best in (("min", min), ("max", max)):
        checkpoint, history = _fit(
            model(), path, metric="_votes", mode=mode, epochs=3
        )
        assert checkpoint.best == best(
            np.mean([history[f"val_stage_{k}__votes"] for k in (1, 2)], axis=0)
        )


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"validation_data": None}, "no validation data"),
        ({"validation_freq": 3, "epochs": 2}, "validation_freq=3, epochs=2"),
        ({"validation_freq": [5], "epochs": 2}, "epochs=2"),
        ({"metric": "precision"}, r"\['accuracy'\].*metric='precision'"),
    ],
)
def test_a_metric_that_never_comes_is_refused_before_training(
    tmp_path, options, match
):
    model = compiled(dense_net())
    weights = model.get_weights()
    with pytest.raises(ValueError, match=match):
        _fit(model, tmp_path / "best.keras", **options)
    for after, before in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("every", sampled([2, [2, 3]], [2]))
def test_epochs_without_validation_are_passed_over(tmp_path, every):
    log = ka.callbacks.EpochLog(tmp_path / "log.csv")
    stream = io.StringIO()
    checkpoint = ka.callbacks.StageCheckpoint(tmp_path / "best.keras")
    x, y = digits(16)
    history = compiled(dense_net()).fit(
        x,
        y,
        validation_split=0.5,
        validation_freq=every,
        epochs=3,
        callbacks=[ka.callbacks.StageProgress(stream=stream), checkpoint, log],
    )
    validated = [2] if every == 2 else every
    values = np.mean(
        [history.history[f"val_stage_{k}_accuracy"] for k in (1, 2)], axis=0
    )
    assert len(values) == len(validated)
    assert checkpoint.best == max(values)
    shown = [bool(row["val_loss"]) for row in rows_of(log.path)]
    assert shown == [epoch in validated for epoch in (1, 2, 3)]
    lines = stream.getvalue().splitlines()[1:]
    assert ["validation" in line for line in lines] == shown


class Killed(BaseException):
    """Stands for the end of a process."""


def _checkpoint_epoch(checkpoint, epoch, value):
    """Runs an epoch whose number and accuracy the weights tell of."""
    marks = checkpoint.model.get_layer("stage_1").bias
    marks.assign(np.full(marks.shape, epoch + value))
    checkpoint.on_epoch_begin(epoch)
    checkpoint.on_epoch_end(epoch, {"val_stage_1_accuracy": value})


def _model():
    model = compiled(dense_net(1))
    model.optimizer.build(model.trainable_variables)
    return model


def _kept(path):
    return float(ka.load_model(path).get_layer("stage_1").bias[0])


def _checkpoint(model, path, **settings):
    checkpoint = ka.callbacks.StageCheckpoint(path, **settings)
    checkpoint.set_model(model)
    checkpoint.on_train_begin()
    return checkpoint


@pytest.mark.parametrize("seed", sampled(list(range(4)), [0]))
def test_the_best_model_is_kept_however_often_training_is_killed(
    tmp_path, seed, monkeypatch
):
    rng = np.random.default_rng(seed)
    values = rng.permutation([0.0, 0.25, 0.25, 0.5, 0.75, 0.75])
    model, path = _model(), tmp_path / "best.keras"
    checkpoint = _checkpoint(model, path)
    replace = os.replace

    def kill(source, target):
        # Each save has two moves: within its own room, and into place.
        if rng.random() < 0.5:
            raise Killed
        replace(source, target)

    for epoch, value in enumerate(values):
        for how in rng.choice(["during", "after", "before"], 2):
            if how == "during":
                monkeypatch.setattr(os, "replace", kill)
            try:
                if how != "before":
                    _checkpoint_epoch(checkpoint, epoch, value)
            except Killed:
                pass
            monkeypatch.setattr(os, "replace", replace)
            checkpoint = _checkpoint(model, path)
        _checkpoint_epoch(checkpoint, epoch, value)
        best = int(np.argmax(values[: epoch + 1]))
        assert _kept(path) == best + values[best]


def test_training_from_the_start_replaces_a_better_model(tmp_path):
    model, path = _model(), tmp_path / "best.keras"
    _checkpoint_epoch(_checkpoint(model, path), 0, 0.75)
    _checkpoint_epoch(_checkpoint(model, path), 1, 0.5)
    assert _kept(path) == 0.75
    _checkpoint_epoch(_checkpoint(model, path), 0, 0.25)
    assert _kept(path) == 0.25


def test_how_good_a_model_is_by_another_measure_does_not_count(tmp_path):
    model, path = _model(), tmp_path / "best.keras"
    _checkpoint_epoch(_checkpoint(model, path), 0, 0.75)
    _checkpoint_epoch(_checkpoint(model, path, stage=1), 1, 0.5)
    assert _kept(path) == 1.5
    # Nor does a model that was saved without any.
    model.save(path)
    _checkpoint_epoch(_checkpoint(model, path, stage=1), 2, 0.25)
    assert _kept(path) == 2.25


@pytest.mark.parametrize(
    "best", sampled(["many", None, [1], float("nan"), math.inf], ["many", None])
)
def test_damaged_metadata_does_not_keep_models_from_being_saved(tmp_path, best):
    model, path = _model(), tmp_path / "best.keras"
    _checkpoint_epoch(_checkpoint(model, path), 0, 0.75)
    metadata = read_metadata(path)
    assert metadata["best"] == 0.75
    save_with_metadata(model, path, {**metadata, "best": best})
    _checkpoint_epoch(_checkpoint(model, path), 1, 0.5)
    assert _kept(path) == 1.5


@pytest.mark.slow
def test_a_resumed_training_does_not_replace_a_better_model(tmp_path):
    x, y = digits(64)
    model, path = compiled(dense_net()), tmp_path / "best.keras"

    def fit(initial_epoch, epochs):
        checkpoint = ka.callbacks.StageCheckpoint(path)
        model.fit(
            x,
            y,
            validation_data=(x, y),
            epochs=epochs,
            initial_epoch=initial_epoch,
            callbacks=[checkpoint],
            verbose=0,
        )
        return checkpoint.best

    best, content = fit(0, 8), path.read_bytes()
    assert best > 0.3
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    model.optimizer.learning_rate = 1e-6
    assert fit(8, 10) == best
    assert path.read_bytes() == content


def test_training_that_was_stopped_ends_with_the_same_weights(tmp_path):
    def model_and_data():
        model = compiled(tiny_net("w1-w2"), "orthogonal", "adaloss")
        return model, _data()[0]

    whole, train = model_and_data()
    whole.fit(train, epochs=3, verbose=0)

    stopped, train = model_and_data()
    resume = ka.callbacks.Resume(tmp_path / "checkpoints")
    assert resume.epoch == 0
    assert resume.restore(stopped) is stopped
    stopped.fit(train, epochs=2, callbacks=[resume], verbose=0)
    del stopped

    fresh, train = model_and_data()
    resume = ka.callbacks.Resume(tmp_path / "checkpoints")
    assert resume.epoch == 2
    resumed = resume.restore(fresh)
    resumed.fit(train, epochs=3, initial_epoch=2, callbacks=[resume], verbose=0)
    for ours, theirs in zip(
        [*resumed.variables, *resumed.optimizer.variables],
        [*whole.variables, *whole.optimizer.variables],
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
    # One whole checkpoint at a time.
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == [
        "epoch_00003.keras"
    ]


def test_checkpoints_come_every_few_epochs_and_after_the_last(tmp_path):
    x, y = digits(16)
    seen = []

    class Seen(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(resume.epoch)

    resume = ka.callbacks.Resume(tmp_path, every=2)
    compiled(dense_net()).fit(
        x, y, epochs=5, callbacks=[resume, Seen()], verbose=0
    )
    assert seen == [0, 2, 2, 4, 5]


@pytest.mark.parametrize("every", [0, -1, 1.5])
def test_checkpoints_come_after_whole_epochs(tmp_path, every):
    with pytest.raises(ValueError, match=f"Received: every={every}"):
        ka.callbacks.Resume(tmp_path, every=every)


def test_what_is_half_written_is_never_read(tmp_path):
    resume = ka.callbacks.Resume(tmp_path)
    killed = tmp_path / ".epoch_00009.keras.abcdefgh.part"
    killed.mkdir()
    (killed / "epoch_00009.keras").touch()
    assert resume.epoch == 0
    (tmp_path / "epoch_00001.keras").write_bytes(b"no model")
    with pytest.raises(ValueError, match="cannot be read"):
        resume.restore(compiled(dense_net()))
    (tmp_path / "epoch_00001.keras").unlink()
    x, y = digits(16)
    compiled(dense_net()).fit(x, y, callbacks=[resume], verbose=0)
    assert [path.name for path in tmp_path.iterdir()] == ["epoch_00001.keras"]


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (lambda: compiled(dense_net(3)), "network"),
        (lambda: compiled(dense_net(), "orthogonal"), "combiner"),
        (lambda: compiled(dense_net(), None, "adaloss"), "weighting"),
        (
            lambda: compiled(dense_net(), optimizer=keras.optimizers.SGD(0.3)),
            "optimizer",
        ),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, other, what):
    resume = ka.callbacks.Resume(tmp_path)
    x, y = digits(16)
    compiled(dense_net()).fit(x, y, callbacks=[resume], verbose=0)
    resume = ka.callbacks.Resume(tmp_path)
    assert resume.restore(compiled(dense_net())).num_stages == 2
    with pytest.raises(ValueError, match=f"its {what} differs"):
        resume.restore(other())


@pytest.mark.parametrize("scaled", sampled([False, True], [True]))
def test_a_rate_that_changes_while_training_is_no_other_training(
    tmp_path, scaled
):
    def model(rate):
        optimizer = keras.optimizers.SGD(rate)
        if scaled:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        return compiled(dense_net(), optimizer=optimizer)

    x, y = digits(16)
    for epochs in (1, 2, 3):
        resume = ka.callbacks.Resume(tmp_path)
        with_rate = resume.restore(model(0.3))
        decay = ka.callbacks.StepDecay(0.4, epochs=(1, 2))
        with_rate.fit(
            x,
            y,
            epochs=epochs,
            initial_epoch=resume.epoch,
            callbacks=[decay, resume],
            verbose=0,
        )
    assert float(with_rate.optimizer.learning_rate) == pytest.approx(0.016)
    restored = ka.callbacks.Resume(tmp_path).restore(model(0.3))
    assert float(restored.optimizer.learning_rate) == pytest.approx(0.016)
    for other in (0.4, 0.016):
        with pytest.raises(ValueError, match="its optimizer differs"):
            ka.callbacks.Resume(tmp_path).restore(model(other))


@pytest.mark.slow
def test_a_sampler_without_a_seed_is_no_other_training_next_time(tmp_path):
    def model():
        return compiled(dense_net(), "orthogonal", ka.weighting.Alternating())

    x, y = digits(32)
    fit = {"batch_size": 16, "shuffle": False, "verbose": 0}
    first = model()
    resume = ka.callbacks.Resume(tmp_path)
    first.fit(x, y, callbacks=[resume], **fit)
    again = ka.callbacks.Resume(tmp_path).restore(model())
    for trained in (first, again):
        trained.fit(x, y, epochs=2, initial_epoch=1, **fit)
    for ours, theirs in zip(again.variables, first.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_second_training_starts_afresh(tmp_path):
    x, y = digits(16)
    best = ka.callbacks.StageCheckpoint(tmp_path / "best.keras", prefix="")
    compiled(dense_net()).fit(x, y, epochs=8, callbacks=[best], verbose=0)
    high = best.best
    model = compiled(dense_net())
    model.fit(x, y, callbacks=[best], verbose=0)
    assert best.best < high
    saved = ka.load_model(tmp_path / "best.keras")
    np.testing.assert_array_equal(saved.weights[0], model.weights[0])
