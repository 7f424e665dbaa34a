import keras
import numpy as np

from keras_anytime.convert.crossing import Crossing
from keras_anytime.stages import graph


def _random_graph(seed):
    """A random graph of additions and concatenations with two inputs."""
    rng = np.random.default_rng(seed)
    inputs = [keras.Input((2,), name=f"in{index}") for index in range(2)]
    tensors = list(inputs)
    for index in range(12):
        # Mostly recent tensors, so that some graphs are chains.
        count = int(rng.integers(1, 3))
        near = tensors[-3:] if rng.random() < 0.8 else tensors
        chosen = rng.choice(
            len(near), size=min(count, len(near)), replace=False
        )
        read = [near[place] for place in chosen]
        if len(read) > 1:
            tensors.append(keras.layers.Add(name=f"op{index}")(read))
        elif rng.random() < 0.2:
            tensors += keras.ops.split(
                keras.ops.concatenate([read[0], read[0]], -1), 2, axis=-1
            )
        else:
            tensors.append(keras.layers.ReLU(name=f"op{index}")(read[0]))
    return keras.Model(inputs, tensors[-1])


def _cut_vertices(model):
    """The names of tensors that cross alone, by definition."""
    reads = {
        operation.name: list(map(id, graph.tensors_read(model, operation)))
        for operation in model.operations
    }
    makes = {
        operation.name: list(map(id, graph.tensors_made(model, operation)))
        for operation in model.operations
    }
    maker = {key: name for name, keys in makes.items() for key in keys}
    raw = set(map(id, model.inputs))
    names = graph.tensor_names(model)

    def needed(key):
        done, waiting = set(), [maker[key]]
        while waiting:
            name = waiting.pop()
            if name not in done:
                done.add(name)
                waiting += [maker[read] for read in reads[name]]
        return done

    cuts = set()
    for key in maker:
        if key in raw or key == id(model.outputs[0]):
            continue
        before = needed(key)
        crossing = {
            read
            for name in reads
            if name not in before
            for read in reads[name]
            if maker[read] in before and read not in raw
        }
        if crossing == {key}:
            cuts.add(names[key])
    return cuts


def test_cuts_of_random_graphs_are_those_of_the_definition():
    found = []
    for seed in range(20):
        model = _random_graph(seed)
        crossing = Crossing(model)
        cuts = {
            crossing.names[id(tensor)]
            for tensor in crossing.tensors()
            if crossing.is_cut(tensor)
        }
        assert cuts == _cut_vertices(model), seed
        for tensor in crossing.tensors():
            if crossing.is_read(tensor):
                name = crossing.names[id(tensor)]
                assert (name in cuts) == (not crossing.beside(tensor))
        found.append(len(cuts))
    # The graphs are of both kinds.
    assert min(found) < 3
    assert max(found) > 4


def test_an_output_that_nobody_reads_carries_nothing():
    image = keras.Input((4,))
    left, right = keras.ops.split(keras.layers.Dense(4)(image), 2, axis=-1)
    crossing = Crossing(keras.Model(image, right))
    cuts = [tensor for tensor in crossing.tensors() if crossing.is_cut(tensor)]
    assert left.shape == (None, 2)
    assert [tuple(tensor.shape) for tensor in cuts] == [(None, 4)]


def test_a_long_network():
    x = image = keras.Input((4,))
    for _ in range(60):
        x = keras.layers.Add()([keras.layers.ReLU()(x), x])
    crossing = Crossing(keras.Model(image, x))
    assert sum(map(crossing.is_cut, crossing.tensors())) == 60
