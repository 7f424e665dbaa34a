"""Layers that do not change for a while."""

import contextlib
from collections.abc import Iterator
from collections.abc import Sequence

import keras


@contextlib.contextmanager
def frozen(layers: Sequence[keras.layers.Layer]) -> Iterator[None]:
    """A context in which no variable of some layers changes.

    Batch normalization then uses its moving statistics, and does not update
    them. Afterwards the layers, all layers within them and their variables are
    as trainable as before: what a user has frozen stays frozen.

    Args:
        layers: Sequence of Keras layers.
    """
    # Setting `trainable` of a layer overwrites that of all parts of it. So a
    # layer comes before its parts, which are fewer.
    parts_of = {id(layer): layer for layer in layers}
    for layer in layers:
        parts_of.update({id(part): part for part in _parts(layer)})
    ordered = sorted(
        parts_of.values(), key=lambda layer: len(_parts(layer)), reverse=True
    )
    layers_before = [layer.trainable for layer in ordered]
    variables = [variable for layer in layers for variable in layer.variables]
    variables_before = [variable.trainable for variable in variables]
    try:
        for layer in layers:
            layer.trainable = False
        yield
    finally:
        for layer, trainable in zip(ordered, layers_before, strict=True):
            layer.trainable = trainable
        for variable, trainable in zip(
            variables, variables_before, strict=True
        ):
            variable.trainable = trainable


def _parts(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns all layers within a layer, at any depth, each once."""
    found: dict[int, keras.layers.Layer] = {}
    waiting = [layer]
    while waiting:
        for value in keras.tree.flatten(list(vars(waiting.pop()).values())):
            if isinstance(value, keras.layers.Layer) and (
                value is not layer and id(value) not in found
            ):
                found[id(value)] = value
                waiting.append(value)
    return list(found.values())
