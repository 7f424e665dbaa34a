"""Queries of a functional Keras graph: operations, tensors and calls.

Keras' public attributes of an operation describe its first call only, so each
operation of a graph must be called once.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras


def subnetwork_operations(inputs: Any, outputs: Any) -> list[keras.Operation]:
    """Returns the operations that the outputs need, in order of execution.

    Args:
        inputs: Symbolic input tensors of a functional model.
        outputs: Symbolic tensor, or a structure of tensors, computed from the
            inputs.

    Returns:
        List of Keras operations (layers among them).
    """
    return keras.Function(inputs, outputs).operations


def input_tensors(operation: keras.Operation) -> list[keras.KerasTensor]:
    """Returns the list of symbolic tensors that an operation reads."""
    if isinstance(operation, keras.layers.InputLayer):
        return []
    return keras.tree.flatten(operation.input)


def output_tensors(operation: keras.Operation) -> list[keras.KerasTensor]:
    """Returns the list of symbolic tensors that an operation computes."""
    return keras.tree.flatten(operation.output)


def tensor_names(operations: Sequence[keras.Operation]) -> dict[int, str]:
    """Returns a name for each tensor: that of the operation that computes it.

    Args:
        operations: Keras operations, whose names are unique in a model.

    Returns:
        Dict from the `id` of each tensor to its name.
    """
    names = {}
    taken = {operation.name for operation in operations}
    for operation in operations:
        tensors = output_tensors(operation)
        for index, tensor in enumerate(tensors):
            name = operation.name
            if len(tensors) > 1:
                # `lstm_1` may be another layer.
                name = f"{name}_{index}"
                while name in taken:
                    name += "_"
                taken.add(name)
            names[id(tensor)] = name
    return names


def needed_operations(model: keras.Model) -> dict[int, int]:
    """Returns the set of operations that each tensor of a model needs.

    Args:
        model: A functional model. Of an operation that is called more than
            once, the first call counts.

    Returns:
        Dict from the `id` of each symbolic tensor to an integer, whose bit i
        is set if the tensor needs `model.operations[i]`.
    """
    needed: dict[int, int] = {}
    for index, operation in enumerate(model.operations):
        bits = 1 << index
        for tensor in input_tensors(operation):
            bits |= needed.get(id(tensor), 0)
        needed |= dict.fromkeys(map(id, output_tensors(operation)), bits)
    return needed


def boundary(
    earlier: Sequence[keras.Operation],
    added: Sequence[keras.Operation],
    network: Iterable[keras.Operation],
) -> tuple[list[keras.KerasTensor], list[keras.KerasTensor]]:
    """Returns the tensors that a step reads, and those that it leaves.

    Args:
        earlier: Operations that have run before the step.
        added: Operations that the step runs.
        network: Operations of the whole network.

    Returns:
        Pair of lists of symbolic tensors without duplicates: the outputs of
        `earlier` that `added` reads, and the outputs of `added` that
        operations of `network` outside both read.
    """
    available = {id(t): t for op in earlier for t in output_tensors(op)}
    computed = {id(t): t for op in added for t in output_tensors(op)}
    done = {id(op) for op in (*earlier, *added)}
    reads = _read_tensors(available, added)
    leaves = _read_tensors(
        computed, [op for op in network if id(op) not in done]
    )
    return reads, leaves


def repeated(model: keras.Model) -> dict[str, int]:
    """Returns the operations that a model calls more than once.

    Args:
        model: A functional model.

    Returns:
        Dict from the operations' names to their numbers of calls.
    """
    counts = {name: len(nodes) for name, nodes in _call_nodes(model).items()}
    return {name: count for name, count in counts.items() if count > 1}


def call_again(
    model: keras.Model,
    operations: Iterable[keras.Operation],
    tensors: dict[int, keras.KerasTensor],
) -> None:
    """Calls operations of a model on other tensors, sharing their variables.

    All arguments of the calls, including those that are no tensors, come from
    the model's configuration. The model must call each operation once.

    Args:
        model: The functional model whose graph holds the operations.
        operations: Keras operations, each after those whose output it reads.
        tensors: Dict from the `id` of each tensor that is read from outside
            to its replacement. This function adds the new outputs, by the
            `id` of the original output.
    """
    by_name = {operation.name: operation for operation in model.operations}
    nodes = _call_nodes(model)

    def tensor_of(config: dict[str, Any]) -> keras.KerasTensor:
        name, _, index = config["keras_history"]
        return tensors[id(output_tensors(by_name[name])[index])]

    for operation in operations:
        (node,) = nodes[operation.name]
        args, kwargs = restore_arguments(
            [node["args"], node["kwargs"]], tensor_of
        )
        outputs = operation(*args, **kwargs)
        for old, new in zip(
            output_tensors(operation), keras.tree.flatten(outputs), strict=True
        ):
            tensors[id(old)] = new


def restore_arguments(
    value: Any, tensor_of: Callable[[dict[str, Any]], Any]
) -> Any:
    """Returns the arguments of a call, from their form in a configuration.

    Args:
        value: An argument, or a structure of arguments.
        tensor_of: Function from the configuration of a symbolic tensor, a dict
            with `keras_history`, `shape` and `dtype`, to its replacement.

    Returns:
        The argument, or the same structure of arguments.
    """
    if isinstance(value, (list, tuple)):
        return type(value)(restore_arguments(item, tensor_of) for item in value)
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__keras_tensor__":
        return tensor_of(value["config"])
    if "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    return {
        key: restore_arguments(item, tensor_of) for key, item in value.items()
    }


def _call_nodes(model: keras.Model) -> dict[str, list]:
    """Returns the configuration of each operation's calls, by its name."""
    return {
        layer["name"]: layer["inbound_nodes"]
        for layer in model.get_config()["layers"]
    }


def _read_tensors(
    tensors: dict[int, keras.KerasTensor],
    operations: Iterable[keras.Operation],
) -> list[keras.KerasTensor]:
    """Returns those of the tensors that the operations read, once each."""
    read = {}
    for operation in operations:
        for tensor in input_tensors(operation):
            if id(tensor) in tensors:
                read[id(tensor)] = tensor
    return list(read.values())
