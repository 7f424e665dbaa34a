import keras
import numpy as np

from keras_anytime.stages import graph


def _graph():
    image = keras.Input((4,), name="image")
    a = keras.layers.Dense(3, name="a")(image)
    b = keras.layers.Dense(3, name="b")(image)
    c = keras.layers.Add(name="c")([a, b])
    d = keras.ops.add(c, a)
    return keras.Model(image, [a, c, d])


def _names(operations):
    return [operation.name for operation in operations]


def test_a_subnetwork_is_what_its_output_needs():
    model = _graph()
    first, second = (
        graph.subnetwork_operations(model.inputs, model.outputs[k])
        for k in (0, 1)
    )
    assert _names(first) == ["image", "a"]
    assert sorted(_names(second)) == ["a", "b", "c", "image"]


def test_a_boundary_names_what_is_read_and_left_once():
    model = _graph()
    by_name = {operation.name: operation for operation in model.operations}
    reads, leaves = graph.boundary(
        model,
        [by_name["image"], by_name["a"]],
        [by_name["b"], by_name["c"]],
    )
    names = graph.tensor_names(model)
    assert [names[id(read)] for read in reads] == ["image", "a"]
    assert [names[id(leaf)] for leaf in leaves] == ["c"]


def test_operations_called_again_share_their_variables():
    model = _graph()
    image = keras.Input((4,))
    tensors = {id(model.inputs[0]): image}
    graph.call_again(model, model.operations[1:], tensors)
    again = keras.Model(
        image, [tensors[id(output)] for output in model.outputs]
    )
    x = np.random.default_rng(0).standard_normal((2, 4)).astype("float32")
    for ours, theirs in zip(
        model.predict(x, verbose=0), again.predict(x, verbose=0), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert again.get_layer("a") is model.get_layer("a")


def test_a_graph_is_read_where_its_layers_were_called_before():
    # Keras' attributes of these layers describe their calls on another size.
    other = keras.Input((None, 2))
    first = keras.layers.Conv1D(3, 1, name="first")
    second = keras.layers.Conv1D(4, 1, name="second")
    second(first(other))
    series = keras.Input((5, 2), name="series")
    middle = first(series)
    model = keras.Model(series, second(middle))
    assert not graph.makes_first_calls(model)
    assert graph.makes_first_calls(_graph())
    (read,) = graph.tensors_read(model, second)
    (made,) = graph.tensors_made(model, first)
    assert read is made
    assert made.shape == (None, 5, 3)
    (made,) = graph.tensors_made(model, second)
    assert made is model.outputs[0]
    reads, leaves = graph.boundary(model, [model.operations[0]], [first])
    assert [tensor.shape for tensor in (*reads, *leaves)] == [
        (None, 5, 2),
        (None, 5, 3),
    ]
    names = graph.tensor_names(model)
    assert sorted(names.values()) == ["first", "second", "series"]
