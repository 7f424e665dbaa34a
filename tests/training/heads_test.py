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
from tests.testing import scramble
from tests.testing import tiny_net

FIT = {"batch_size": 16, "shuffle": False, "verbose": 0}


def _train():
    """A data set of two batches, whose order depends on the pass."""
    return ka.data.load(
        "digits", batch_size=32, splits=("train[:64]", "train[-32:]")
    )[0]


def _values(variables):
    return {
        variable.path: keras.ops.convert_to_numpy(variable)
        for variable in variables
    }


@pytest.mark.parametrize(
    "build",
    sampled(
        [tiny_net, passes_net, hierarchical_net], [tiny_net, hierarchical_net]
    ),
)
def test_the_network_stays_and_all_of_the_heads_is_trained(build):
    model = scramble(compiled(build(), "orthogonal", "adaloss"))
    x, y = hierarchical_digits(32) if model.label_sets else digits(32)
    trainable = [variable.path for variable in model.trainable_variables]
    last = model.stage(model.num_stages)
    network, before = _values(last.variables), _values(model.variables)
    answers = last.predict(x, verbose=0)
    ka.training.fit_heads(model, x, y, epochs=1, **FIT)
    after = _values(model.variables)
    for path, value in network.items():
        np.testing.assert_array_equal(after[path], value, err_msg=path)
    keras.tree.map_structure(
        np.testing.assert_array_equal, last.predict(x, verbose=0), answers
    )
    heads = [path for path in trainable if path not in network]
    assert heads
    for path in heads:
        assert not np.array_equal(after[path], before[path]), path
    assert [variable.path for variable in model.trainable_variables] == (
        trainable
    )


def test_each_head_is_trained_as_if_alone():
    x, y = digits(48)
    together = compiled(tiny_net(), optimizer=keras.optimizers.SGD(0.05, 0.9))
    ka.training.fit_heads(together, x, y, epochs=2, **FIT)
    for k in (1, 2):
        whole = tiny_net()
        for layer in whole.stage(3).layers:
            layer.trainable = False
        alone = whole.stage(k)
        alone.compile(
            keras.optimizers.SGD(0.05, momentum=0.9),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            run_eagerly=keras.backend.backend() == "tensorflow",
        )
        alone.fit(x, y, epochs=2, **FIT)
        for ours, theirs in zip(
            together.stage(k).variables, alone.variables, strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_it_goes_on_where_it_was_stopped(tmp_path):
    def model_and_data():
        model = compiled(dense_net(3), optimizer=keras.optimizers.SGD(0.1, 0.9))
        return model, _train()

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    def fit(epochs=3, callbacks=(), **changes):
        model, train = model_and_data()
        for variable in changes.pop("other", []):
            variables = {each.path: each for each in model.variables}
            variables[variable].assign(variables[variable] + 0.1)
        history = ka.training.fit_heads(
            model,
            train,
            epochs=epochs,
            callbacks=callbacks,
            verbose=0,
            **changes,
        )
        return model, len(history.epoch)

    whole, _ = fit()
    with pytest.raises(KeyboardInterrupt):
        fit(callbacks=[Stop()], workdir=tmp_path)
    for left in (2, 0):
        again, epochs = fit(workdir=tmp_path)
        assert epochs == left
        for ours, theirs in zip(again.variables, whole.variables, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert {path.name for path in tmp_path.iterdir()} == {
        "heads.keras",
        "network.json",
    }
    with pytest.raises(ValueError, match="was trained for 3 epochs"):
        fit(epochs=4, workdir=tmp_path)
    # Another frozen network, in a layer that no checkpoint of heads holds.
    with pytest.raises(ValueError, match="a network with other weights"):
        fit(workdir=tmp_path, other=["stage_3/bias"])


def test_sample_weights_may_differ_between_stages():
    x, y = digits(32)
    model = compiled(dense_net(3))
    before = _values(model.stage(1).variables)
    nothing, ones = np.zeros(32), np.ones(32)
    weights = {"stage_1": nothing, "stage_2": ones, "stage_3": ones}
    ka.training.fit_heads(model, x, y, epochs=1, sample_weight=weights, **FIT)
    for path, value in _values(model.stage(1).variables).items():
        np.testing.assert_array_equal(value, before[path])


def test_what_makes_no_sense_is_refused():
    x, y = digits(16)
    with pytest.raises(ValueError, match="must be compiled"):
        ka.training.fit_heads(dense_net(), x, y, epochs=1)
    for wrong, message in (
        ({"epochs": 0}, "epochs=0"),
        ({"epochs": 1, "initial_epoch": 1}, "initial_epoch=1"),
    ):
        with pytest.raises(ValueError, match=message):
            ka.training.fit_heads(compiled(dense_net()), x, y, **wrong)
    with pytest.raises(ValueError, match="a network of one stage"):
        ka.training.fit_heads(compiled(dense_net(1)), x, y, epochs=1)
    image = keras.Input((4,))
    first = keras.layers.Dense(3, name="stage_1")(image)
    bare = ka.AnytimeModel(
        image, [first, keras.layers.Dense(3, name="stage_2")(first)]
    )
    with pytest.raises(ValueError, match="stage 1 has no variables of its own"):
        ka.training.fit_heads(compiled(bare), x, y, epochs=1)
