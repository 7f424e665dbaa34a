"""Exported files compute nothing twice and nothing in vain."""

import pytest
import tensorflow as tf

from keras_anytime.export import rebuild
from keras_anytime.export.fusion import fuse_normalizations
from tests.conformance.catalogue import NETWORKS
from tests.conformance.networks import built
from tests.conformance.networks import exported
from tests.export.operators import Graph
from tests.export.operators import Operator
from tests.export.operators import graphs
from tests.testing import sampled

# What multiplies and adds; other operators lay tensors out in another way.
_WORK = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MUL")


@pytest.mark.parametrize(
    "name",
    sampled(list(NETWORKS), ["sparse_resnet"]),
)
def test_no_work_is_dead_or_done_twice(name, made_once):
    for graph in graphs(exported(made_once, name)).values():
        assert not graph.dead
        assert not graph.duplicated
        assert not graph.unfolded


@pytest.mark.parametrize(
    "name",
    sampled(
        [network for network in NETWORKS if network != "inclusive_resnext"],
        [],
    ),
)
def test_steps_do_what_the_network_does_once(name, made_once, tmp_path):
    model = built(name)
    found = graphs(exported(made_once, name))
    # With all its outputs.
    path = tmp_path / "whole.tflite"
    whole = rebuild.exportable(model, dense_kernels=False)
    content = tf.lite.TFLiteConverter.from_keras_model(whole).convert()
    path.write_bytes(fuse_normalizations(content))
    (once,) = graphs(path).values()
    steps = [found[f"step_{k}"].kinds for k in range(1, model.num_stages + 1)]
    assert once.kinds["CONV_2D"]
    for kind in _WORK:
        assert sum(step[kind] for step in steps) == once.kinds[kind]


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
    assert [operator.outputs for operator in graph.dead] == [(7,)]
    assert [operator.outputs for operator in graph.duplicated] == [(4,), (6,)]
    assert not graph.unfolded
    graph = _graph(
        ("CONV_2D", (0, 1), (2,)),
        ("MUL", (2, 3), (9,)),
        constants={1: 10, 3: 11},
    )
    assert [operator.outputs for operator in graph.unfolded] == [(9,)]
