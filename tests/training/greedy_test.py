import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import hierarchical_digits
from tests.testing import hierarchical_net
from tests.testing import passes_net
from tests.testing import sampled
from tests.testing import tiny_net

FIT = {"batch_size": 16, "shuffle": False, "verbose": 0}


def _train():
    """A data set of two batches, whose order depends on the pass."""
    return ka.data.load(
        "digits", batch_size=32, splits=("train[:64]", "train[-32:]")
    )[0]


def _interlaced_net():
    keras.utils.set_random_seed(0)
    return ka.nets.sparse_resnet(
        (8, 8, 1), 10, nesting="d1-d2", units=(2,), filters=(4,)
    )


def _subnetwork(model, k):
    """The values of all variables of stages 1 to k, statistics included."""
    return {
        variable.path: variable.numpy()
        for stage in range(1, k + 1)
        for variable in model.stage(stage).variables
    }


def test_it_says_which_stage_is_trained(tmp_path, capsys):
    def train(**verbose):
        model = compiled(dense_net(2))
        options = {**FIT, "callbacks": [ka.callbacks.StageProgress()]}
        del options["verbose"]
        ka.training.fit_greedy(
            model,
            *digits(32),
            epochs=[1, 2],
            workdir=tmp_path,
            **options,
            **verbose,
        )
        return capsys.readouterr().err.splitlines()

    assert train() == ["Stage 1 of 2: 1 epoch", "Stage 2 of 2: 2 epochs"]
    assert train() == [
        f"Stage {k} of 2: trained before, in {tmp_path}/stage_{k}.keras"
        for k in (1, 2)
    ]
    assert not train(verbose=0)


@pytest.mark.parametrize(
    "build",
    sampled(
        [tiny_net, _interlaced_net, passes_net, hierarchical_net],
        [tiny_net, hierarchical_net],
    ),
)
def test_what_is_trained_never_changes_again(build):
    model = compiled(build(), "orthogonal", "adaloss")
    x, y = hierarchical_digits(32) if model.label_sets else digits(32)
    untrained = _subnetwork(model, model.num_stages)
    after = {}

    def note(stage):
        return [
            keras.callbacks.LambdaCallback(
                on_train_end=lambda logs: after.update(
                    {stage: _subnetwork(model, stage)}
                )
            )
        ]

    ka.training.fit_greedy(model, x, y, epochs=2, callbacks=note, **FIT)
    for stage, values in after.items():
        final = _subnetwork(model, stage)
        for path, value in values.items():
            np.testing.assert_array_equal(final[path], value, err_msg=path)
        # What it adds was trained, all of it.
        before = after.get(stage - 1, {})
        for path in set(values) - set(before):
            assert not np.array_equal(values[path], untrained[path]), path


def test_the_first_stage_is_a_plain_network_alone():
    x, y = digits(48)
    plain = tiny_net().stage(1)
    plain.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=keras.backend.backend() == "tensorflow",
    )
    plain.fit(x, y, epochs=2, **FIT)
    model = compiled(tiny_net(), "orthogonal")
    ka.training.fit_greedy(model, x, y, epochs=[2, 1, 1], **FIT)
    for ours, theirs in zip(
        model.stage(1).variables, plain.variables, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_each_stage_has_its_epochs_logs_and_optimizer():
    x, y = digits(32)
    model = compiled(dense_net(3))
    rates = []
    decay = ka.callbacks.StepDecay(0.2, factor=2, epochs=(1,))
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: rates.append(logs["learning_rate"])
    )
    histories = ka.training.fit_greedy(
        model,
        x,
        y,
        epochs=[1, 3, 2],
        callbacks=[decay, watch],
        validation_data=(x, y),
        **FIT,
    )
    assert [len(history.epoch) for history in histories] == [1, 3, 2]
    np.testing.assert_allclose(rates, [0.2, 0.2, 0.1, 0.1, 0.2, 0.1])
    for k, history in enumerate(histories, start=1):
        assert set(history.history) == {
            "loss",
            "learning_rate",
            f"stage_{k}_loss",
            f"stage_{k}_accuracy",
            "val_loss",
            f"val_stage_{k}_loss",
            f"val_stage_{k}_accuracy",
        }
    # The model's own optimizer took no step.
    assert int(model.optimizer.iterations) == 0


@pytest.mark.slow
def test_it_trains_under_the_models_strategy():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("strategies are TensorFlow's")
    import tensorflow as tf

    x, y = digits(32)
    plain = compiled(dense_net(), optimizer=keras.optimizers.SGD(0.1))
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    with strategy.scope():
        distributed = compiled(dense_net(), optimizer=keras.optimizers.SGD(0.1))
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: seen.append(1)
    )
    for model in (plain, distributed):
        ka.training.fit_greedy(model, x, y, epochs=1, callbacks=[watch], **FIT)
    assert len(seen) == 4
    for ours, theirs in zip(
        distributed.variables, plain.variables, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_variables_are_trainable_afterwards_whatever_happened():
    x, y = digits(16)
    model = compiled(tiny_net())
    model.get_layer("stem_stage1_conv").trainable = False
    before = [variable.path for variable in model.trainable_variables]

    def fail(stage):
        if stage == 3:
            raise KeyError("stop")
        return []

    with pytest.raises(KeyError):
        ka.training.fit_greedy(model, x, y, epochs=1, callbacks=fail, **FIT)
    assert [variable.path for variable in model.trainable_variables] == before
    ka.training.fit_greedy(model, x, y, epochs=1, **FIT)
    assert [variable.path for variable in model.trainable_variables] == before


@pytest.mark.parametrize(
    ("every", "left"),
    sampled([(1, [0, 1, 2]), (2, [0, 2, 2])], [(1, [0, 1, 2])]),
)
def test_it_goes_on_where_it_was_stopped(tmp_path, every, left):
    def model_and_data():
        return compiled(dense_net(3)), _train()

    whole, train = model_and_data()
    ka.training.fit_greedy(whole, train, epochs=2, verbose=0)

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    stopped, train = model_and_data()
    with pytest.raises(KeyboardInterrupt):
        ka.training.fit_greedy(
            stopped,
            train,
            epochs=2,
            callbacks=lambda stage: [Stop()] if stage == 2 else [],
            workdir=tmp_path,
            checkpoint_every=every,
            verbose=0,
        )
    again, train = model_and_data()
    histories = ka.training.fit_greedy(
        again, train, epochs=2, workdir=tmp_path, verbose=0
    )
    assert [len(history.epoch) for history in histories] == left
    for ours, theirs in zip(again.variables, whole.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)

    assert {path.name for path in tmp_path.iterdir()} == {
        "stage_1.keras",
        "stage_2.keras",
        "stage_3.keras",
    }

    # Nothing is left to train; what is trained does not go on.
    model, train = model_and_data()
    histories = ka.training.fit_greedy(
        model, train, epochs=2, workdir=tmp_path, verbose=0
    )
    assert [len(history.epoch) for history in histories] == [0, 0, 0]
    for ours, theirs in zip(model.variables, whole.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match="was trained for 2 epochs"):
        ka.training.fit_greedy(
            model, train, epochs=[3, 2, 2], workdir=tmp_path, verbose=0
        )
    other = compiled(dense_net(3), optimizer="adam")
    with pytest.raises(ValueError, match="its optimizer differs"):
        ka.training.fit_greedy(
            other, train, epochs=2, workdir=tmp_path, verbose=0
        )


@pytest.mark.parametrize("epochs", [0, [1, 1], [1, 0, 1], 1.5])
def test_epochs_must_fit_the_stages(epochs):
    x, y = digits(16)
    with pytest.raises(ValueError, match="one for each of the 3 stages"):
        ka.training.fit_greedy(compiled(dense_net(3)), x, y, epochs=epochs)


def test_what_makes_no_sense_is_refused():
    x, y = digits(16)
    with pytest.raises(ValueError, match="must be compiled"):
        ka.training.fit_greedy(dense_net(), x, y, epochs=1)
    with pytest.raises(ValueError, match="initial_epoch=1"):
        ka.training.fit_greedy(
            compiled(dense_net()), x, y, epochs=2, initial_epoch=1
        )
