import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_anytime as ka
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import hierarchical_net
from tests.testing import tiny_net


@pytest.fixture(name="model")
def _model():
    return compiled(tiny_net("w1-w2"))


def test_labels_that_are_no_class_are_refused_before_training(model):
    x, y = digits(16)
    for labels, seen in ((y + 5, "to 1"), (y - 3, "from -3")):
        with pytest.raises(ValueError, match=f"labels must be 0 to 9.*{seen}"):
            model.fit(x, labels, verbose=0)
        data = tf.data.Dataset.from_tensor_slices((x, labels)).batch(16)
        with pytest.raises(ValueError, match="labels must be 0 to 9"):
            model.fit(data, verbose=0)
        with pytest.raises(ValueError, match="validation_data"):
            model.fit(x, y, validation_data=(x, labels), verbose=0)
        with pytest.raises(ValueError, match="validation_data"):
            model.fit(x, y, validation_data=data, verbose=0)
    assert model.optimizer.iterations == 0


def test_images_of_another_shape_are_refused_before_training(model):
    x, y = digits(16)
    for images in (x[:, :7], x[0], np.repeat(x, 3, axis=-1)):
        with pytest.raises(ValueError, match=r"shape \(None, 8, 8, 1\)"):
            model.fit(images, y, verbose=0)
    data = tf.data.Dataset.from_tensor_slices((x[:, :7], y)).batch(16)
    with pytest.raises(ValueError, match=r"x of shape \(None, 7, 8, 1\)"):
        model.fit(data, verbose=0)


def test_a_data_set_without_labels_is_refused(model):
    data = tf.data.Dataset.from_tensor_slices(digits(16)[0]).batch(16)
    with pytest.raises(ValueError, match="pairs"):
        model.fit(data, verbose=0)


def test_labels_that_are_missing_or_one_hot_are_refused(model):
    x, y = digits(16)
    with pytest.raises(ValueError, match="needs labels"):
        model.fit(x, verbose=0)
    with pytest.raises(ValueError, match=r"one integer.*argmax.*\(16, 10\)"):
        model.fit(x, np.eye(10)[y], verbose=0)
    model.fit(x, y, verbose=0)


def test_label_sets_of_a_plain_network_are_refused(model):
    x, y = digits(16)
    labels = {"fine": y, "coarse": y}
    data = tf.data.Dataset.from_tensor_slices((x, labels)).batch(16)
    for given in ((x, labels), (data,)):
        with pytest.raises(ValueError, match="one set of labels"):
            model.fit(*given, verbose=0)


def test_targets_per_stage_and_missing_ones_are_refused(model):
    x, y = digits(16)
    for given in ([y, None, y], [y, y, y], (y, y)):
        with pytest.raises(ValueError, match="One target serves all stages"):
            model.fit(x, given, verbose=0)
    two = compiled(hierarchical_net())
    with pytest.raises(ValueError, match="no part of it may be None"):
        two.fit(x, {"fine": y, "coarse": None}, verbose=0)


def test_what_fits_is_left_alone(model):
    x, y = digits(16)
    model.fit(x, y, batch_size=8, verbose=0)
    model.fit(((x, y) for _ in range(2)), steps_per_epoch=2, verbose=0)
    sizes = tf.data.Dataset.from_tensor_slices((x, y)).batch(5)
    model.fit(sizes, validation_data=sizes, verbose=0)
    compiled(dense_net()).fit(x, y[:, None], verbose=0)
    by_name = tf.data.Dataset.from_tensor_slices(({"image": x}, y)).batch(16)
    compiled(dense_net()).fit(by_name, verbose=0)


def test_a_step_is_traced_once(monkeypatch):
    # Variables that came into being while it is traced would cost another.
    traces = []
    train_step = ka.AnytimeModel.train_step

    def traced(model, data):
        traces.append(1)
        return train_step(model, data)

    monkeypatch.setattr(ka.AnytimeModel, "train_step", traced)
    x, y = digits(24)
    model = compiled(
        tiny_net("w1-w2"), "orthogonal", "adaloss", run_eagerly=False
    )
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    assert len(traces) == 1


@pytest.mark.parametrize("shape", [(None, None), (None, 10)])
def test_labels_of_unknown_shape_are_trained_on(shape):
    x, y = digits(16)
    data = tf.data.Dataset.from_generator(
        lambda: iter([(x, np.eye(10, dtype="f")[y])]),
        output_signature=(
            tf.TensorSpec((None, 8, 8, 1)),
            tf.TensorSpec(shape),
        ),
    )
    model = dense_net(3)
    model.compile(
        "sgd",
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    logs = model.fit(data, verbose=0).history
    assert np.isfinite(logs["loss"][0])
    assert 0 <= logs["stage_3_accuracy"][0] <= 1


class _LateLabel(keras.utils.PyDataset):
    """Batches of which the third has a label that the others do not tell of."""

    def __init__(self, label):
        super().__init__()
        self.label = label

    def __len__(self):
        return 4

    def __getitem__(self, index):
        x, y = digits(16)
        if index == 2:
            y[5] = self.label
        return x, y


@pytest.mark.parametrize("label", [10, 99, -1])
def test_wrong_labels_beyond_the_first_batch_are_errors(label):
    model = compiled(dense_net())
    # TensorFlow's own loss raises its own error.
    errors = (ValueError, tf.errors.InvalidArgumentError)
    with pytest.raises(errors, match=f"{label}"):
        model.fit(_LateLabel(label), verbose=0)
    with pytest.raises(errors, match=f"{label}"):
        model.evaluate(_LateLabel(label), verbose=0)


def test_labels_between_the_classes_are_refused():
    x, y = digits(16)
    model = compiled(dense_net())
    model.fit(x, y.astype("float32"), verbose=0)
    for wrong in (y + 0.5, np.where(y > 4, np.nan, y)):
        with pytest.raises(ValueError, match="whole numbers"):
            model.fit(x, wrong.astype("float32"), verbose=0)


def test_a_class_that_the_loss_ignores_is_a_label():
    x, y = digits(16)
    model = dense_net()
    model.compile(
        "sgd",
        keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, ignore_class=-1
        ),
        run_eagerly=True,
    )
    model.fit(x, np.where(y > 4, -1, y), verbose=0)
    with pytest.raises(ValueError, match="labels must be 0 to 9"):
        model.fit(x, np.where(y > 4, -2, y), verbose=0)


def test_classes_are_no_labels_of_a_binary_loss():
    x, y = digits(16)
    model = dense_net(classes=1)
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    with pytest.raises(ValueError, match="1 logit.*from 0 to 1.*from 0 to 9"):
        model.fit(x, y, verbose=0)
