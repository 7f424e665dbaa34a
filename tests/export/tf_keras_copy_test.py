import keras
import numpy as np
import pytest
import tf_keras

import keras_anytime as ka
from keras_anytime.export.tf_keras_copy import copy_weights_back
from keras_anytime.export.tf_keras_copy import tf_keras_copy
from tests.conformance import catalogue
from tests.conformance.networks import built
from tests.testing import passes_net
from tests.testing import sampled
from tests.testing import scramble
from tests.testing import tiny_net

WITHOUT = ("inclusive_resnext",)
FAMILIES = [name for name in catalogue.NETWORKS if name not in WITHOUT]


def _logits(model, images):
    outputs = keras.tree.flatten(model(images, training=False))
    return [np.asarray(output) for output in outputs]


def _two_stages(layers):
    """A network whose first stage runs through the given layers."""
    image = keras.Input((8, 8, 2), name="image")
    x = image
    for layer in layers:
        x = layer(x)
    x = keras.layers.Flatten(name="flat")(x)
    first = keras.layers.Dense(3, name="stage_1")(x)
    second = ka.layers.SlicedDense(3, name="stage_2")([x, first])
    return ka.AnytimeModel(image, [first, second], name="two")


@pytest.mark.parametrize(
    "family",
    sampled(
        FAMILIES,
        ["sparse_resnet", "hierarchical"],
    ),
)
def test_a_copy_gives_the_same_logits_and_the_same_weights_back(family):
    model = built(family)
    copy = tf_keras_copy(model)
    images = np.random.default_rng(1).standard_normal(
        (3, *model.input_shape[1:])
    )
    images = images.astype("float32")
    want, got = _logits(model, images), _logits(copy, images)
    assert len(got) == len(model.outputs)
    for logits, copied in zip(want, got, strict=True):
        np.testing.assert_allclose(
            copied, logits, rtol=1e-5, atol=1e-5 * np.max(np.abs(logits))
        )
    assert copy.output_names == model.output_names
    assert {layer.name for layer in model.layers} <= {
        layer.name for layer in copy.layers
    }
    for layer in copy.layers:
        module = type(layer).__module__
        assert module.startswith("tf_keras.")
    network = copy_weights_back(model, copy)
    assert type(network) is type(model)
    assert not network.compiled
    for weight, returned in zip(
        model.get_weights(), network.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(weight, returned)


def test_weights_come_back_to_a_new_model():
    model = tiny_net()
    before = model.get_weights()
    copy = tf_keras_copy(model)
    copy.set_weights([weight + 1 for weight in copy.get_weights()])
    network = copy_weights_back(model, copy)
    for weight, returned, now in zip(
        before, network.get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(returned, weight + 1)
        np.testing.assert_array_equal(now, weight)


def test_weights_need_every_layer():
    image = tf_keras.Input((8, 8, 1))
    with pytest.raises(ValueError, match="stem_stage1_conv.*Received"):
        copy_weights_back(tiny_net(), tf_keras.Model(image, image))


def test_stock_layers_have_counterparts():
    layers = keras.layers
    model = _two_stages(
        [
            layers.Conv2D(4, 3, groups=2, name="grouped"),
            layers.BatchNormalization(name="norm"),
            layers.Activation("tanh", name="tanh"),
            layers.GroupNormalization(groups=2, name="groups"),
            layers.DepthwiseConv2D(2, name="depthwise"),
            layers.Dropout(0.5, name="dropout"),
            ka.layers.ChannelPadding(2, name="padded"),
            layers.ReLU(6.0, name="relu"),
        ]
    )
    scramble(model)
    images = np.random.default_rng(1).standard_normal((3, 8, 8, 2))
    copy = tf_keras_copy(model)
    for logits, copied in zip(
        _logits(model, images), _logits(copy, images), strict=True
    ):
        np.testing.assert_allclose(copied, logits, rtol=1e-5, atol=1e-5)


def test_mixed_precision_has_a_copy_in_floats():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = tiny_net()
    finally:
        keras.config.set_dtype_policy("float32")
    copy = tf_keras_copy(model)
    assert {layer.compute_dtype for layer in copy.layers} == {"float32"}
    network = copy_weights_back(model, copy)
    assert network.layers[1].compute_dtype == "bfloat16"


@pytest.mark.slow
def test_groups_stay_apart_in_training():
    model = ka.nets.shallow_resnext(
        (8, 8, 1),
        10,
        units=(1, 1),
        filters=(8, 16),
        branches=2,
        branch_filters=2,
    )
    copy = tf_keras_copy(model)
    names = [
        layer.name
        for layer in model.layers
        if isinstance(layer, ka.layers.GroupedConv2D)
    ]
    assert names
    before = [copy.get_layer(name).kernel.numpy() for name in names]
    copy.compile(
        "adam",
        tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    images = np.random.default_rng(0).standard_normal((8, 8, 8, 1))
    labels = np.arange(8)
    copy.fit(images, [labels] * model.num_stages, verbose=0)
    for name, kernel in zip(names, before, strict=True):
        trained = copy.get_layer(name).kernel.numpy()
        assert np.any(trained != kernel)
        np.testing.assert_array_equal(trained != 0, kernel != 0)


@pytest.mark.parametrize("family", WITHOUT)
def test_kernels_in_the_graph_have_no_counterpart(family):
    with pytest.raises(ValueError, match="kernel1_stage1.*SharedKernel"):
        tf_keras_copy(catalogue.NETWORKS[family]())


def test_layers_without_counterpart_are_named():
    with pytest.raises(ValueError, match="Received: layer 'kernel'"):
        tf_keras_copy(passes_net())
    # An operation, though a layer of tf_keras has its name.
    image = keras.Input((8,), name="image")
    x = keras.ops.add(image, image)
    model = ka.AnytimeModel(image, [keras.layers.Dense(3, name="stage_1")(x)])
    with pytest.raises(ValueError, match="no counterpart.*of class Add"):
        tf_keras_copy(model)


def test_what_the_two_keras_do_otherwise_is_refused():
    model = _two_stages([keras.layers.Activation("hard_sigmoid", name="odd")])
    with pytest.raises(ValueError, match="something else.*Received"):
        tf_keras_copy(model)
    model = _two_stages([keras.layers.LeakyReLU(0.3, name="leaky")])
    with pytest.raises(ValueError, match="negative_slope.*Received"):
        tf_keras_copy(model)


def test_layers_that_are_called_twice_are_refused():
    image = keras.Input((8,), name="image")
    shared = keras.layers.Dense(8, name="shared")
    model = ka.AnytimeModel(
        image, [keras.layers.Dense(3, name="stage_1")(shared(shared(image)))]
    )
    with pytest.raises(ValueError, match="once each.*shared"):
        tf_keras_copy(model)
