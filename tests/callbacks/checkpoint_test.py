import keras
import numpy as np
import pytest

import keras_anytime as ka
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
    model = compiled(tiny_net())
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
    model = compiled(tiny_net())
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
    model = compiled(tiny_net())
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


def test_what_is_half_written_is_never_read(tmp_path):
    resume = ka.callbacks.Resume(tmp_path)
    (tmp_path / ".epoch_00009.keras.abc").mkdir()
    (tmp_path / ".epoch_00009.keras.abc" / "epoch_00009.keras").touch()
    assert resume.epoch == 0
    (tmp_path / "epoch_00001.keras").write_bytes(b"no model")
    with pytest.raises(ValueError, match="cannot be read"):
        resume.restore(tiny_net())
    assert [one.name for one in tmp_path.iterdir()] == ["epoch_00001.keras"]


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (lambda: compiled(tiny_net(filters=(16, 16))), "network"),
        (lambda: compiled(tiny_net(), "orthogonal"), "combiner"),
        (lambda: compiled(tiny_net(), None, "adaloss"), "weighting"),
        (
            lambda: compiled(tiny_net(), optimizer=keras.optimizers.SGD(0.3)),
            "optimizer",
        ),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, other, what):
    model = compiled(tiny_net())
    ka.callbacks.Resume(tmp_path).set_model(model)
    model.save(tmp_path / "epoch_00001.keras")
    resume = ka.callbacks.Resume(tmp_path)
    assert resume.restore(compiled(tiny_net())).num_stages == 3
    with pytest.raises(ValueError, match=f"its {what} differs"):
        resume.restore(other())
