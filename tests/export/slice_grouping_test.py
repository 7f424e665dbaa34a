"""Groups of slices, from the description of a graph alone."""

from keras_anytime.export.slice_grouping import Node
from keras_anytime.export.slice_grouping import group_tensors
from keras_anytime.export.slice_grouping import ordered_groups
from keras_anytime.export.slice_grouping import wide_pieces

NODES = {
    "image": Node(()),
    "conv_1": Node(("image",), "conv", concatenates=True),
    "conv_2": Node(("image",), "conv", concatenates=True),
    "relu_1": Node(("conv_1",), "relu"),
    "relu_2": Node(("conv_2",), "relu"),
    "head": Node(("relu_1", "relu_2"), "dense", concatenates=True),
}


def test_slices_that_are_read_side_by_side_are_a_group():
    groups = group_tensors(NODES)
    assert groups["conv_1"] == groups["conv_2"] == ("conv_1", "conv_2")
    assert groups["relu_2"] == ("relu_1", "relu_2")
    assert ordered_groups(NODES, groups) == [
        ("image",),
        ("conv_1", "conv_2"),
        ("relu_1", "relu_2"),
        ("head",),
    ]


def test_an_operation_of_another_kind_stays_alone():
    groups = group_tensors({**NODES, "relu_2": Node(("conv_2",), "tanh")})
    assert all(group == (name,) for name, group in groups.items())


def test_tensors_are_cut_where_another_wide_tensor_begins():
    groups = group_tensors(NODES)
    assert wide_pieces(groups, ("conv_1", "conv_2", "image")) == [
        ("conv_1", "conv_2"),
        ("image",),
    ]
