import inspect

import keras
import pytest
from keras import layers as L
from keras import ops

from keras_anytime.stages import multiply_adds as lib
from keras_anytime.stages.calls import graph_calls
from keras_anytime.stages.calls import upstream_calls

IMAGE, LINE, QUERY, VALUE = (10, 8, 6), (9, 6), (5, 6), (7, 4)


def graph(shapes, function):
    """A model of a function of inputs of some shapes."""
    inputs = [keras.Input(shape) for shape in shapes]
    return keras.Model(inputs, function(*inputs))


def counted(model, unknown=()):
    """Returns a model's multiply-adds, unknown only for `unknown`."""
    reasons = {}
    calls, _ = graph_calls(model.inputs, model.outputs)
    total = sum(lib.multiply_adds(call, reasons) for call in calls)
    assert sorted(reasons) == sorted(unknown), reasons
    return total


# By hand: values times the weights that each is multiplied with.
LAYERS = {
    "conv 1d": (L.Conv1D(4, 3, padding="same"), [LINE], 9 * 4 * 3 * 6),
    "conv 2d": (L.Conv2D(4, 3, padding="same"), [IMAGE], 10 * 8 * 4 * 54),
    "strides": (L.Conv2D(4, 3, strides=2), [IMAGE], 4 * 3 * 4 * 54),
    "dilation": (L.Conv2D(4, 3, dilation_rate=2), [IMAGE], 6 * 4 * 4 * 54),
    "groups": (L.Conv2D(6, 3, groups=3, padding="same"), [IMAGE], 80 * 6 * 18),
    "conv 3d": (L.Conv3D(4, 2), [(3, 4, 5, 6)], 2 * 3 * 4 * 4 * 8 * 6),
    "transposed 1d": (L.Conv1DTranspose(4, 3, strides=2), [LINE], 54 * 3 * 4),
    "transposed 2d": (L.Conv2DTranspose(4, 3), [IMAGE], 480 * 9 * 4),
    "transposed 3d": (L.Conv3DTranspose(4, 2), [(3, 4, 5, 6)], 360 * 8 * 4),
    "depthwise 1d": (
        L.DepthwiseConv1D(3, depth_multiplier=2),
        [LINE],
        7 * 6 * 2 * 3,
    ),
    "depthwise 2d": (
        L.DepthwiseConv2D(3, padding="same"),
        [IMAGE],
        80 * 6 * 9,
    ),
    "separable 1d": (
        L.SeparableConv1D(4, 3, depth_multiplier=2),
        [LINE],
        7 * (12 * 3 + 12 * 4),
    ),
    "separable 2d": (
        L.SeparableConv2D(4, 3, strides=2),
        [IMAGE],
        4 * 3 * (6 * 9 + 6 * 4),
    ),
    "dense": (L.Dense(5), [IMAGE], 80 * 6 * 5),
    "dense without bias": (L.Dense(5, use_bias=False), [(6,)], 6 * 5),
    "einsum dense": (
        L.EinsumDense("abc,cde->abde", (None, 2, 4)),
        [QUERY],
        5 * 6 * 8,
    ),
    "einsum dense of all axes": (
        L.EinsumDense("...bc,bcd->...d", 3),
        [(5, 2, 6)],
        5 * 2 * 6 * 3,
    ),
    "attention": (
        L.MultiHeadAttention(2, 3, value_dim=5, output_shape=9),
        [QUERY, VALUE],
        # Query, key, value; scores and their sum; output.
        2 * (5 * 6 * 3 + 7 * 4 * 3 + 7 * 4 * 5 + 35 * (3 + 5) + 5 * 5 * 9),
    ),
    "attention with a gate": (
        L.MultiHeadAttention(2, 3, use_gate=True),
        [QUERY, VALUE],
        2 * 3 * (2 * 30 + 2 * 28 + 2 * 35 + 30),
    ),
    "attention along an axis": (
        L.MultiHeadAttention(2, 3, attention_axes=2),
        [(4, 5, 6), (4, 5, 6)],
        2 * 3 * (4 * 120 + 2 * 4 * 5 * 5),
    ),
    "attention in groups": (
        L.GroupQueryAttention(3, 4, 2),
        [(5, 6), (7, 6)],
        4 * 30 * 3 + 2 * 2 * 42 * 3 + 2 * 35 * 4 * 3 + 5 * 12 * 6,
    ),
    "lstm": (L.LSTM(4), [QUERY], 5 * 4 * (6 + 4) * 4),
    "gru": (L.GRU(4, return_sequences=True), [QUERY], 5 * 3 * (6 + 4) * 4),
    "simple rnn": (L.SimpleRNN(4), [QUERY], 5 * (6 + 4) * 4),
    "cells": (
        L.RNN([L.LSTMCell(4), L.GRUCell(3)]),
        [QUERY],
        5 * (4 * 10 * 4 + 3 * 7 * 3),
    ),
    "conv lstm": (
        L.ConvLSTM2D(4, 3),
        [(3, 5, 7, 2)],
        3 * (3 * 5) * 9 * (2 + 4) * 16,
    ),
    "conv lstm of all steps": (
        L.ConvLSTM1D(4, 3, padding="same", return_sequences=True),
        [(3, 5, 2)],
        3 * 5 * 3 * (2 + 4) * 16,
    ),
    "two directions": (
        L.Bidirectional(L.LSTM(4)),
        [QUERY],
        2 * 5 * 4 * (6 + 4) * 4,
    ),
    "each moment": (
        L.TimeDistributed(L.Conv2D(4, 3)),
        [(3, *IMAGE)],
        3 * 8 * 6 * 4 * 54,
    ),
    "spectral": (
        L.SpectralNormalization(L.Conv2D(4, 3)),
        [IMAGE],
        8 * 6 * 4 * 54,
    ),
    "lookup": (L.Embedding(100, 6), [(5,)], 0),
    "embedding": (L.ReversibleEmbedding(100, 6), [(5,)], 0),
    "prelu": (L.PReLU(), [IMAGE], 0),
    "batch norm": (L.BatchNormalization(), [IMAGE], 0),
    "group norm": (L.GroupNormalization(2), [IMAGE], 0),
    "layer norm": (L.LayerNormalization(), [IMAGE], 0),
    "pooling": (L.GlobalAveragePooling2D(), [IMAGE], 0),
    "augmentation": (L.RandomFlip(), [IMAGE], 0),
    "resizing": (L.Resizing(20, 20), [IMAGE], 0),
    "pipeline": (L.Pipeline([L.Rescaling(2), L.RandomFlip()]), [IMAGE], 0),
}

OPERATIONS = {
    "add": (lambda x: x + 2 * x, [QUERY], 0),
    "einsum by value": (lambda x: ops.einsum("bij,bij->bij", x, x), [QUERY], 0),
    "sum": (lambda x: ops.einsum("bij->b", x), [QUERY], 0),
    "matmul": (lambda x: x @ ops.ones((6, 3)), [QUERY], 5 * 6 * 3),
    "vector": (lambda x: x @ ops.ones(6), [QUERY], 5 * 6),
    "einsum": (
        lambda x, y: ops.einsum("bij,bkj->bik", x, y),
        [QUERY, (7, 6)],
        5 * 6 * 7,
    ),
    "einsum of any axes": (
        lambda x: ops.einsum("...j,jk->...k", x, ops.ones((6, 3))),
        [(2, *QUERY)],
        2 * 5 * 6 * 3,
    ),
    "einsum without an output": (
        lambda x: ops.einsum("bij,jk", x, ops.ones((6, 3))),
        [QUERY],
        5 * 6 * 3,
    ),
    "tensordot": (
        lambda x: ops.tensordot(x, ops.ones((6, 5, 3)), [[2, 1], [0, 1]]),
        [QUERY],
        5 * 6 * 3,
    ),
    "dot": (lambda x: ops.dot(x, ops.ones((6, 3))), [QUERY], 5 * 6 * 3),
    "inner": (lambda x: ops.inner(x, ops.ones((3, 6))), [QUERY], 5 * 6 * 3),
    "vdot": (lambda x: ops.vdot(x, ops.ones((1, 5, 6))), [QUERY], 5 * 6),
    "conv": (
        lambda x: ops.conv(x, ops.ones((3, 3, 6, 4))),
        [IMAGE],
        8 * 6 * 4 * 54,
    ),
    "transposed": (
        lambda x: ops.conv_transpose(x, ops.ones((3, 3, 4, 6)), 2),
        [IMAGE],
        480 * 9 * 4,
    ),
    "depthwise": (
        lambda x: ops.depthwise_conv(x, ops.ones((3, 3, 6, 2))),
        [IMAGE],
        8 * 6 * 12 * 9,
    ),
    "separable": (
        lambda x: ops.separable_conv(
            x, ops.ones((3, 3, 6, 2)), ops.ones((1, 1, 12, 5))
        ),
        [IMAGE],
        8 * 6 * 12 * (9 + 5),
    ),
    "attention": (
        lambda x, y: ops.dot_product_attention(x, y, y),
        [(5, 2, 6), (7, 2, 6)],
        35 * 2 * (6 + 6),
    ),
    "attention layer": (
        lambda x, y: L.Attention()([x, y]),
        [(5, 6), (7, 6)],
        2 * 35 * 6,
    ),
    "additive attention layer": (
        lambda x, y: L.AdditiveAttention(use_scale=False)([x, y]),
        [(5, 6), (7, 6)],
        35 * 6,
    ),
    "dot layer": (
        lambda x, y: L.Dot((1, 2))([x, y]),
        [(6, 5), (7, 6)],
        5 * 7 * 6,
    ),
    "reverse embedding": (
        lambda x: L.ReversibleEmbedding(100, 6)(x, reverse=True),
        [QUERY],
        5 * 6 * 100,
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_multiply_adds_of_layers_by_hand(name):
    layer, shapes, expected = LAYERS[name]
    assert counted(graph(shapes, layer.from_config(layer.get_config()))) == (
        expected
    )


@pytest.mark.parametrize("name", OPERATIONS)
def test_multiply_adds_of_operations_by_hand(name):
    function, shapes, expected = OPERATIONS[name]
    assert counted(graph(shapes, function)) == expected


def test_what_each_layer_of_keras_costs_is_decided():
    """A layer that Keras adds is not silently free."""
    stock = {
        value
        for value in vars(L).values()
        if inspect.isclass(value) and issubclass(value, keras.Layer)
    }
    of_parts = {
        L.Bidirectional,
        L.Pipeline,
        L.SpectralNormalization,
        L.TimeDistributed,
    }
    decided = set(lib._LAYERS) | of_parts
    undecided = {kind for kind in stock if not decided & set(kind.__mro__)}
    assert {kind.__name__ for kind in undecided} == {
        "FlaxLayer",
        "JaxLayer",
        "Lambda",
        "Layer",
        "MelSpectrogram",
        "STFTSpectrogram",
        "TFSMLayer",
        "TorchModuleWrapper",
        "Wrapper",
    }


def test_a_layer_is_counted_at_each_call():
    conv, dense = L.Conv2D(6, 3, padding="same"), L.Dense(6)

    def twice(x):
        x = conv(L.MaxPooling2D(2)(conv(x)))
        # The second call comes before the layer between them in no order of
        # layers.
        return dense(L.ReLU()(dense(L.Flatten()(x)[:, :6])))

    expected = 6 * 54 * (10 * 8 + 5 * 4) + 2 * 36
    assert counted(graph([IMAGE], twice)) == expected


def test_the_batch_may_be_mixed_with_other_axes():
    def windows(x):
        x = ops.reshape(x, (-1, 10, 6))  # 8 windows of each image.
        return ops.reshape(L.Dense(5)(x), (-1, 10, 8, 5))

    assert counted(graph([IMAGE], windows)) == 80 * 6 * 5


def test_a_fixed_batch_is_not_counted():
    image = keras.Input(batch_shape=(4, *IMAGE))
    x = L.Conv2D(4, 3)(image) @ ops.ones((4, 2))
    assert counted(keras.Model(image, x)) == 48 * (4 * 54 + 4 * 2)


def test_models_in_a_model_are_the_sum_of_their_layers():
    inner = graph([IMAGE], lambda x: L.Dense(6)(x) @ ops.ones((6, 6)))
    chain = keras.Sequential([L.Conv2D(4, 3), L.Flatten(), L.Dense(2)])

    def outer(x):
        return chain(inner(inner(x)))

    expected = 2 * 80 * (36 + 36) + 8 * 6 * 4 * 54 + 192 * 2
    model = graph([IMAGE], outer)
    assert counted(model) == expected
    calls, (answer,) = graph_calls(model.inputs, [inner(inner(model.input[0]))])
    assert upstream_calls([answer]) == set(calls) and len(calls) == 2


def test_models_of_any_size_are_counted_for_the_size_they_are_called_on():
    inner = graph([(None, None, 6)], L.Conv2D(4, 3))
    assert counted(graph([IMAGE], inner)) == 48 * 4 * 54
    name = inner.layers[-1].name
    assert counted(inner, unknown=[name]) == 0


@keras.saving.register_keras_serializable("tests")
class Product(keras.Layer):
    """A layer that no rule knows, with sizes that only a batch of 2 has."""

    def build(self, shape):
        self.inner = L.Dense(3)
        self.inner.build(shape)

    def call(self, inputs):
        return self.inner(inputs)

    def compute_output_shape(self, shape):
        if shape[0] == 1:
            raise RuntimeError("one image is too few")
        return (*shape[:-1], 3)


@keras.saving.register_keras_serializable("tests")
class Standardized(L.Conv2D):
    """A kind of convolution."""


@keras.saving.register_keras_serializable("tests")
class Cell(keras.Layer):
    """A recurrence that no rule knows."""

    state_size = 6

    def call(self, inputs, states):
        return inputs + states[0], [inputs]


@keras.saving.register_keras_serializable("tests")
class Wordless(L.Dense):
    """Derived from a known kind, but without what the rule reads."""

    @property
    def kernel(self):
        raise AttributeError("no kernel")

    def build(self, shape):
        self.built = True

    def call(self, inputs):
        return inputs[..., :1] + ops.zeros(self.units)


def test_own_layers_count_nothing_and_others_go_on():
    def own(x):
        return L.Dense(5)(Product(name="own")(x))

    assert counted(graph([IMAGE], own), unknown=["own"]) == 80 * 3 * 5


def test_own_layers_of_a_known_kind_are_counted_as_that():
    assert counted(graph([IMAGE], Standardized(4, 3))) == 48 * 4 * 54


@pytest.mark.parametrize(
    ("layer", "length", "reason"),
    [
        (L.Lambda(lambda x: x, name="odd"), 5, "class Lambda"),
        (L.LSTM(3, name="odd"), None, "left open"),
        (L.RNN(Cell(), name="odd"), 5, "class Cell"),
        (Wordless(3, name="odd"), 5, "no kernel"),
        (Product(name="odd"), 5, "class Product"),
    ],
)
def test_why_something_is_not_known_is_told(layer, length, reason):
    model = graph([(length, 6)], layer)
    found = {}
    (call,), _ = graph_calls(model.inputs, model.outputs)
    assert lib.multiply_adds(call, found) == 0
    assert list(found) == ["odd"] and reason in found["odd"]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: ops.linalg.inv(x @ ops.transpose(x, (0, 2, 1))),
        lambda x: ops.vectorized_map(lambda row: row * 2, x),
        lambda x: ops.einsum("bij,bij,bij->b", x, x, x),
    ],
)
def test_operations_of_which_nothing_is_known_are_named(function):
    model = graph([QUERY], function)
    name = model.operations[-1].name
    assert counted(model, unknown=[name]) in (0, 5 * 6 * 5)
