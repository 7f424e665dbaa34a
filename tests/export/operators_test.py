"""What exported files compute, and how often."""

import pytest
import tensorflow as tf

import keras_anytime as ka
from keras_anytime.export import preparation
from keras_anytime.export.fusion import fuse_normalisations
from tests.conformance.catalogue import NETWORKS
from tests.export.operators import Graph
from tests.export.operators import Operator
from tests.export.operators import graphs
from tests.testing import scramble

# What multiplies and adds; other operators lay tensors out in another way.
_WORK = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MUL")


@pytest.mark.parametrize("name", NETWORKS)
def test_no_work_is_dead_or_done_twice(name, tmp_path):
    model = scramble(NETWORKS[name]())
    ka.export.tflite(model, tmp_path / "net.tflite")
    found = graphs(tmp_path / "net.tflite")
    for graph in found.values():
        assert not graph.dead
        assert not graph.duplicated
        assert not graph.unfolded
    if not model.interruptible:
        return
    # All steps together do what the network does once with all its outputs.
    path = tmp_path / "whole.tflite"
    whole = preparation.exportable(model, zero_filled=False)
    content = tf.lite.TFLiteConverter.from_keras_model(whole).convert()
    path.write_bytes(fuse_normalisations(content))
    (once,) = graphs(path).values()
    steps = [found[f"step_{k}"].kinds for k in range(1, model.num_stages + 1)]
    assert once.kinds["CONV_2D"]
    for kind in _WORK:
        assert sum(one[kind] for one in steps) == once.kinds[kind]


def _graph(*operators, constants=None):
    return Graph(
        [Operator(kind, *rest, ()) for kind, *rest in operators],
        {0},
        {9},
        constants or {},
    )


def test_dead_duplicated_and_unfolded_operators_are_found():
    graph = _graph(
        ("CONV_2D", (0, 1), (2,)),
        ("CONV_2D", (0, 3), (4,)),
        ("RELU", (2,), (5,)),
        ("RELU", (4,), (6,)),
        ("ADD", (5, 6), (9,)),
        ("RELU", (5,), (7,)),
        constants={1: 10, 3: 10},
    )
    assert [one.outputs for one in graph.dead] == [(7,)]
    assert [one.outputs for one in graph.duplicated] == [(4,), (6,)]
    assert not graph.unfolded
    graph = _graph(
        ("CONV_2D", (0, 1), (2,)),
        ("MUL", (2, 3), (9,)),
        constants={1: 10, 3: 11},
    )
    assert [one.outputs for one in graph.unfolded] == [(9,)]
