import keras
import numpy as np
import pytest
from keras import layers

import keras_anytime as ka
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import sampled

FIT = {"batch_size": 16, "shuffle": False, "verbose": 0}


class Stop(keras.callbacks.Callback):
    """Stops training as a user does, in the midst of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch:
            raise KeyboardInterrupt


def _fit(model, folder, epochs, *others, **options):
    x, y = digits(32)
    return model.fit(
        x,
        y,
        epochs=epochs,
        callbacks=[*others, ka.callbacks.Resume(folder)],
        **{**FIT, **options},
    )


def _contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _assert_same_state(ours, theirs):
    for our_variable, their_variable in zip(
        [*ours.variables, *ours.optimizer.variables],
        [*theirs.variables, *theirs.optimizer.variables],
        strict=True,
    ):
        np.testing.assert_array_equal(our_variable, their_variable)


def unnamed_net(filters=8, between=lambda x: x):
    """A network whose inner layers Keras names, by numbers of the process."""
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    first = layers.Dense(10, name="stage_1")(layers.GlobalMaxPooling2D()(x))
    x = between(layers.Conv2D(filters, 3)(x))
    last = layers.Dense(10, name="stage_2")(layers.GlobalMaxPooling2D()(x))
    return ka.AnytimeModel(image, [first, last])


def test_the_same_call_goes_on_where_training_was_stopped(tmp_path):
    x, y = digits(32)
    whole = compiled(dense_net(), "orthogonal", "adaloss")
    whole.fit(x, y, epochs=3, **FIT)

    def model():
        return compiled(dense_net(), "orthogonal", "adaloss")

    with pytest.raises(KeyboardInterrupt):
        _fit(model(), tmp_path / "checkpoints", 3, Stop(2))
    again = model()
    assert _fit(again, tmp_path / "checkpoints", 3).epoch == [2]
    _assert_same_state(again, whole)
    assert list(_contents(tmp_path / "checkpoints")) == ["epoch_00003.keras"]


def test_a_pass_over_a_training_set_has_the_number_of_its_epoch(tmp_path):
    def model_and_data():
        data = ka.data.load(
            "digits", batch_size=32, splits=("train[:64]", "train[-32:]")
        )[0]
        return compiled(dense_net()), data

    whole, train = model_and_data()
    whole.fit(train, epochs=2, verbose=0)
    # Whatever was trained on before.
    for epochs in (1, 2):
        model = model_and_data()[0]
        resume = ka.callbacks.Resume(tmp_path)
        model.fit(train, epochs=epochs, callbacks=[resume], verbose=0)
    _assert_same_state(model, whole)


def test_a_finished_training_is_restored_and_nothing_of_it_deleted(tmp_path):
    finished = compiled(dense_net())
    _fit(finished, tmp_path, 2)
    before = _contents(tmp_path)
    assert list(before) == ["epoch_00002.keras"]
    model = compiled(dense_net())
    assert _fit(model, tmp_path, 2).epoch == []
    _assert_same_state(model, finished)
    with pytest.raises(ValueError, match=r"seen 2 epochs.*epochs=1"):
        _fit(compiled(dense_net()), tmp_path, 1)
    assert _contents(tmp_path) == before


def test_it_says_where_training_goes_on(tmp_path, capsys):
    def said(epochs, verbose):
        _fit(compiled(dense_net()), tmp_path, epochs, verbose=verbose)
        return capsys.readouterr().err

    assert not said(1, 2)
    assert said(2, 2) == f"Resuming after epoch 1 of 2, from {tmp_path}\n"
    again = f"Nothing is left to train after epoch 2 of 2, from {tmp_path}\n"
    assert said(2, 2) == again
    assert not said(2, 0)


def test_only_what_it_restored_or_wrote_is_deleted(tmp_path):
    other = tmp_path / "epoch_00001.keras"
    other.write_bytes(b"of another training")
    x, y = digits(32)
    resume = ka.callbacks.Resume(tmp_path / "room")
    compiled(dense_net()).fit(x, y, epochs=2, callbacks=[resume], **FIT)
    (tmp_path / "room" / "epoch_00002.keras").rename(
        tmp_path / "epoch_00002.keras"
    )
    _fit(compiled(dense_net()), tmp_path, 3)
    assert other.read_bytes() == b"of another training"
    assert sorted(path.name for path in tmp_path.glob("*.keras")) == [
        "epoch_00001.keras",
        "epoch_00003.keras",
    ]


@pytest.mark.parametrize(
    "name", sampled(["epoch_00001", "epoch_00009"], ["epoch_00009"])
)
def test_a_checkpoint_of_another_name_is_not_taken_for_more_epochs(
    tmp_path, name
):
    _fit(compiled(dense_net()), tmp_path, 2)
    renamed = tmp_path / f"{name}.keras"
    (tmp_path / "epoch_00002.keras").rename(renamed)
    model = compiled(dense_net())
    weights = model.get_weights()
    with pytest.raises(ValueError, match="has seen 2 epochs, and its name"):
        _fit(model, tmp_path, 9)
    assert [path.name for path in tmp_path.iterdir()] == [renamed.name]
    for after, before in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(after, before)
    renamed.rename(tmp_path / "epoch_00002.keras")
    assert _fit(model, tmp_path, 3).epoch == [2]


@pytest.mark.parametrize("how", ["other network", "not of Resume"])
def test_checkpoints_of_others_are_refused_before_training(tmp_path, how):
    if how == "other network":
        _fit(compiled(dense_net(3)), tmp_path, 1)
    else:
        dense_net().save(tmp_path / "epoch_00001.keras")
    (tmp_path / ".epoch_00002.keras.abc").write_bytes(b"killed")
    before = _contents(tmp_path)
    model = compiled(dense_net())
    weights = model.get_weights()
    match = "network differs" if how == "other network" else "none of `Resume`"
    with pytest.raises(ValueError, match=match):
        _fit(model, tmp_path, 3)
    assert _contents(tmp_path) == before
    for after, before in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(after, before)


def test_a_loop_without_fit_says_how_to_go_on(tmp_path):
    _fit(compiled(dense_net()), tmp_path, 1)
    before = _contents(tmp_path)
    resume = ka.callbacks.Resume(tmp_path)
    resume.set_model(compiled(dense_net()))
    with pytest.raises(ValueError, match=r"resume.restore\(model\)"):
        resume.on_train_begin()
    assert _contents(tmp_path) == before


def test_a_list_of_callbacks_that_keras_made_resumes_too(tmp_path):
    x, y = digits(32)
    _fit(compiled(dense_net()), tmp_path, 1)
    model = compiled(dense_net())
    callbacks = keras.callbacks.CallbackList(
        [ka.callbacks.Resume(tmp_path)],
        add_history=True,
        model=model,
        epochs=2,
    )
    assert model.fit(x, y, epochs=2, callbacks=callbacks, **FIT).epoch == [1]


def test_the_epoch_to_start_with_must_be_that_of_the_checkpoint(tmp_path):
    _fit(compiled(dense_net()), tmp_path, 2)
    with pytest.raises(ValueError, match="Received: initial_epoch=1"):
        _fit(compiled(dense_net()), tmp_path, 3, initial_epoch=1)
    for epoch, epochs in ((0, 3), (3, 4)):
        history = _fit(
            compiled(dense_net()), tmp_path, epochs, initial_epoch=epoch
        )
        assert history.epoch == [epochs - 1]


def test_what_is_changed_after_restoring_stays_changed(tmp_path):
    x, y = digits(32)
    _fit(compiled(dense_net()), tmp_path, 1)
    resume = ka.callbacks.Resume(tmp_path)
    model = resume.restore(compiled(dense_net()))
    model.optimizer.learning_rate = 0.25
    for epochs in (2, 3):
        history = model.fit(
            x,
            y,
            epochs=epochs,
            initial_epoch=resume.epoch,
            callbacks=[resume],
            **FIT,
        )
        assert history.epoch == [epochs - 1]
        assert float(model.optimizer.learning_rate) == 0.25


def test_an_epoch_that_was_stopped_is_trained_from_its_start(tmp_path):
    x, y = digits(32)
    whole, model = compiled(dense_net()), compiled(dense_net())
    whole.fit(x, y, epochs=2, **FIT)
    resume = ka.callbacks.Resume(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, epochs=2, callbacks=[resume, Stop(1)], **FIT)
    model.fit(x, y, epochs=2, callbacks=[resume], **FIT)
    _assert_same_state(model, whole)


def test_the_same_network_built_again_in_a_process_is_the_same(tmp_path):
    finished = compiled(unnamed_net())
    _fit(finished, tmp_path, 1)
    again = compiled(unnamed_net())
    # Keras numbered its layers on.
    assert [weight.path for weight in again.weights] != [
        weight.path for weight in finished.weights
    ]
    for model in (again, compiled(keras.models.clone_model(again))):
        ka.callbacks.Resume(tmp_path).restore(model)
        _assert_same_state(model, finished)


@pytest.mark.parametrize(
    "other",
    [
        lambda: unnamed_net(filters=6),
        lambda: unnamed_net(between=layers.ReLU()),
        lambda: unnamed_net(between=layers.Conv2D(8, 1)),
    ],
)
def test_networks_without_names_are_told_apart(tmp_path, other):
    _fit(compiled(unnamed_net()), tmp_path, 1)
    with pytest.raises(ValueError, match="its network differs"):
        ka.callbacks.Resume(tmp_path).restore(compiled(other()))


@pytest.mark.slow
def test_greedy_training_goes_on_with_a_network_built_again(tmp_path):
    x, y = digits(32)
    whole = compiled(unnamed_net())
    ka.training.fit_greedy(whole, x, y, epochs=2, **FIT)
    with pytest.raises(KeyboardInterrupt):
        ka.training.fit_greedy(
            compiled(unnamed_net()),
            x,
            y,
            epochs=2,
            callbacks=lambda stage: [Stop(1)] if stage == 2 else [],
            workdir=tmp_path,
            **FIT,
        )
    # What it did not write stays where it is.
    (tmp_path / "stage_2" / "notes.txt").write_text("mine")
    again = compiled(unnamed_net())
    histories = ka.training.fit_greedy(
        again, x, y, epochs=2, workdir=tmp_path, **FIT
    )
    assert [history.epoch for history in histories] == [[], [1]]
    for ours, theirs in zip(again.variables, whole.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [path.name for path in (tmp_path / "stage_2").iterdir()] == [
        "notes.txt"
    ]
