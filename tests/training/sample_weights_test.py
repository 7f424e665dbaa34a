"""Sample weights mean what they mean to Keras' models of several outputs."""

import keras
import numpy as np
import pytest

from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import hierarchical_digits
from tests.testing import hierarchical_net
from tests.testing import sampled


class _Batches(keras.utils.PyDataset):
    """Batches of 16, with weights as they are given."""

    def __init__(self, x, y, weights):
        super().__init__()
        self.parts = x, y, weights

    def __len__(self):
        return len(self.parts[0]) // 16

    def __getitem__(self, index):
        rows = slice(16 * index, 16 * index + 16)
        return keras.tree.map_structure(lambda part: part[rows], self.parts)


def _generator(batches):
    for index in range(len(batches)):
        yield batches[index]


def _dataset(batches):
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.data.Dataset.from_tensor_slices(batches.parts).batch(16)
    return batches


@pytest.mark.parametrize(
    ("source", "form"),
    sampled(
        [
            (source, form)
            for source in (
                *("arrays", "split", "dataset", "pydataset", "generator"),
            )
            for form in ("list", "tuple", "dict")
        ],
        lambda case: (
            case
            in (
                ("arrays", "list"),
                ("split", "dict"),
                ("generator", "dict"),
                ("pydataset", "dict"),
            )
        ),
    ),
)
def test_each_stage_is_trained_with_its_own_weights(source, form):
    model = compiled(dense_net(), weighted_metrics=["accuracy"])
    x, y = digits(64)
    rng = np.random.default_rng(0)
    own = [rng.random(64).astype("float32"), np.zeros(64, "float32")]
    weights = {
        "list": own,
        "tuple": tuple(own),
        "dict": {"stage_2": own[1], "stage_1": own[0]},
    }[form]
    last = [weight.numpy() for weight in model.get_layer("stage_2").weights]
    first = model.get_layer("stage_1").weights[0].numpy()
    batches = _Batches(x, y, tuple(own) if form == "list" else weights)
    if source in ("arrays", "split"):
        split = 0.25 if source == "split" else 0
        logs = model.fit(
            x, y, sample_weight=weights, validation_split=split, verbose=0
        ).history
    else:
        make = {"dataset": _dataset, "generator": _generator}
        logs = model.fit(
            make.get(source, lambda arrays: arrays)(batches),
            steps_per_epoch=4,
            verbose=0,
        ).history
    assert logs["stage_2_loss"] == [0]
    assert logs["stage_1_loss"][0] > 0.5
    assert np.any(model.get_layer("stage_1").weights[0].numpy() != first)
    for before, after in zip(
        last, model.get_layer("stage_2").weights, strict=True
    ):
        np.testing.assert_array_equal(before, after.numpy())


def test_evaluation_and_validation_weigh_each_stage():
    model = compiled(dense_net())
    x, y = digits(64)
    weights = [np.arange(64) / 32, np.arange(64)[::-1] / 64]
    weights = [weight.astype("float32") for weight in weights]
    logs = model.evaluate(
        x, y, sample_weight=weights, return_dict=True, verbose=0
    )
    for k, logits in enumerate(model.predict(x, verbose=0), start=1):
        chances = keras.ops.convert_to_numpy(keras.ops.log_softmax(logits))
        expected = -np.mean(weights[k - 1] * chances[np.arange(64), y])
        assert logs[f"stage_{k}_loss"] == pytest.approx(expected, rel=1e-4)
    history = model.fit(
        x,
        y,
        sample_weight=[0 * weight for weight in weights],
        validation_data=(x, y, weights),
        verbose=0,
    ).history
    assert history["loss"] == [0]
    assert history["val_loss"][0] == pytest.approx(logs["loss"], rel=1e-4)


def test_weights_of_single_outputs_come_with_batches_of_label_sets():
    model = compiled(hierarchical_net())
    x, y = hierarchical_digits(32)
    weights = {
        name: np.full(32, "stage_2" in name, "float32")
        for name in model.output_names
    }
    logs = model.evaluate(_Batches(x, y, weights), return_dict=True, verbose=0)
    assert [logs[f"stage_{k}_loss"] > 0 for k in (1, 2, 3)] == [0, 1, 0]
    with pytest.raises(ValueError, match="beside a dict of labels"):
        model.fit(x, y, sample_weight=weights, verbose=0)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones((32, 2), "float32"), r"one weight per image.*\(32, 2\)"),
        ([np.ones(32)] * 3, "3 weights"),
        ({"stage_1": np.ones(32)}, r"dict of \['stage_1'\]"),
    ],
)
def test_weights_that_fit_no_output_are_refused(weights, message):
    model = compiled(dense_net())
    x, y = digits(32)
    with pytest.raises(ValueError, match=message):
        model.fit(x, y, sample_weight=weights, verbose=0)
    with pytest.raises(ValueError, match=message):
        model.evaluate(x, y, sample_weight=weights, verbose=0)
    assert model.optimizer.iterations == 0
