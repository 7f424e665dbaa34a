"""Steps backward in a flat graph: who makes a tensor, what a layer reads."""

import keras

from keras_anytime.convert.inlining import Tensors
from keras_anytime.stages import graph


def maker_of(
    model: keras.Model,
    tensor: keras.KerasTensor,
    tensors: Tensors | None = None,
) -> tuple[keras.Operation, int]:
    """Returns the operation that makes a tensor, and its place among those.

    Args:
        model: A functional model that calls each operation once.
        tensor: A tensor of the graph.
        tensors: The tensors of `flat_graph`, if the tensor is one of them.
    """
    for operation in model.operations:
        made = graph.tensors_made(model, operation)
        if tensors is not None:
            made = tensors[operation.name]
        for index, other in enumerate(made):
            if other is tensor:
                return operation, index
    raise KeyError(tensor.name)


def sources_of(
    model: keras.Model, operation: keras.Operation, tensors: Tensors
) -> list[keras.KerasTensor]:
    """Returns the tensors of `flat_graph` that an operation reads."""
    result = []
    for tensor in graph.tensors_read(model, operation):
        maker, index = maker_of(model, tensor)
        result.append(tensors[maker.name][index])
    return result
