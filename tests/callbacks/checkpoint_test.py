import os

import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import hierarchical_digits
from tests.testing import hierarchical_net
from tests.testing import tiny_net


def _data():
    return ka.data.load(
        "digits", splits=("train[:128]", "train[-64:]"), batch_size=32
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
            callbacks=[ka.callbacks.StageCheckpoint(tmp_path / "a.keras", 4)],
        )
    with pytest.raises(ValueError, match="val_stage_1_accuracy"):
        model.fit(
            x, y, callbacks=[ka.callbacks.StageCheckpoint(tmp_path / "a.keras")]
        )


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


@pytest.mark.parametrize("seed", range(4))
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
    model.set_weights([np.zeros_like(one) for one in model.get_weights()])
    model.optimizer.learning_rate = 1e-6
    assert fit(8, 10) == best
    assert path.read_bytes() == content


def test_training_that_was_stopped_ends_with_the_same_weights(tmp_path):
    def model_and_data():
        return compiled(tiny_net(), "orthogonal", "adaloss"), _data()[0]

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
    assert [one.name for one in (tmp_path / "checkpoints").iterdir()] == [
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
    (tmp_path / ".epoch_00009.keras.abc").mkdir()
    (tmp_path / ".epoch_00009.keras.abc" / "epoch_00009.keras").touch()
    assert resume.epoch == 0
    (tmp_path / "epoch_00001.keras").write_bytes(b"no model")
    with pytest.raises(ValueError, match="cannot be read"):
        resume.restore(compiled(dense_net()))
    (tmp_path / "epoch_00001.keras").unlink()
    x, y = digits(16)
    compiled(dense_net()).fit(x, y, callbacks=[resume], verbose=0)
    assert [one.name for one in tmp_path.iterdir()] == ["epoch_00001.keras"]


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (lambda: compiled(tiny_net(filters=(16,))), "network"),
        (lambda: compiled(tiny_net(), "orthogonal"), "combiner"),
        (lambda: compiled(tiny_net(), None, "adaloss"), "weighting"),
        (
            lambda: compiled(tiny_net(), optimizer=keras.optimizers.SGD(0.3)),
            "optimizer",
        ),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, other, what):
    resume = ka.callbacks.Resume(tmp_path)
    x, y = digits(16)
    compiled(tiny_net()).fit(x, y, callbacks=[resume], verbose=0)
    resume = ka.callbacks.Resume(tmp_path)
    assert resume.restore(compiled(tiny_net())).num_stages == 3
    with pytest.raises(ValueError, match=f"its {what} differs"):
        resume.restore(other())


@pytest.mark.parametrize("scaled", [False, True])
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


def test_a_sampler_without_a_seed_is_no_other_training_next_time(tmp_path):
    def model():
        return compiled(dense_net(), "orthogonal", ka.weighting.Alternating())

    x, y = digits(32)
    fit = {"batch_size": 16, "shuffle": False, "verbose": 0}
    first = model()
    resume = ka.callbacks.Resume(tmp_path)
    first.fit(x, y, callbacks=[resume], **fit)
    again = ka.callbacks.Resume(tmp_path).restore(model())
    for one in (first, again):
        one.fit(x, y, epochs=2, initial_epoch=1, **fit)
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
