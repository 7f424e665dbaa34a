"""Queries of a functional Keras graph: operations, tensors and calls.

Keras' public attributes of an operation describe its first call only. That may
be the call of another model, as when layers of a nested model are called again
in a flat one. `tensors_read` and `tensors_made` describe the call of a model,
whose configuration tells which tensors are meant.
"""

import weakref
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras

# What the operations of a model read and make, by the `id` of each operation.
_Calls = dict[int, tuple[list[keras.KerasTensor], list[keras.KerasTensor]]]
_CALLS: "weakref.WeakKeyDictionary[keras.Model, _Calls]" = (
    weakref.WeakKeyDictionary()
)


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


def subnetwork_variables(inputs: Any, outputs: Any) -> list[keras.Variable]:
    """Returns the trainable variables that the outputs need.

    Args:
        inputs: As of `subnetwork_operations`.
        outputs: As of `subnetwork_operations`.

    Returns:
        List of `keras.Variable`, in the order of execution.
    """
    variables = {
        id(variable): variable
        for operation in subnetwork_operations(inputs, outputs)
        for variable in getattr(operation, "trainable_variables", ())
    }
    return list(variables.values())


def input_tensors(operation: keras.Operation) -> list[keras.KerasTensor]:
    """Returns the tensors that an operation reads in its first call."""
    if isinstance(operation, keras.layers.InputLayer):
        return []
    return keras.tree.flatten(operation.input)


def output_tensors(operation: keras.Operation) -> list[keras.KerasTensor]:
    """Returns the tensors that an operation computes in its first call."""
    return keras.tree.flatten(operation.output)


def tensors_read(
    model: keras.Model, operation: keras.Operation
) -> list[keras.KerasTensor]:
    """Returns the list of symbolic tensors that an operation of a model reads.

    Args:
        model: A functional model. Of an operation that it calls more than
            once, the first call counts.
        operation: One of its operations.
    """
    return _calls(model)[id(operation)][0]


def tensors_made(
    model: keras.Model, operation: keras.Operation
) -> list[keras.KerasTensor]:
    """Returns the list of symbolic tensors that an operation of a model makes.

    A tensor has the shape and type that it has in this model, and is the same
    object at each call of this function. Outputs of the model are those of
    `model.outputs`.

    Args:
        model: A functional model. Of an operation that it calls more than
            once, the first call counts.
        operation: One of its operations.
    """
    return _calls(model)[id(operation)][1]


def makes_first_calls(model: keras.Model) -> bool:
    """Returns whether no operation was called before the model called it.

    Then the tensors of `tensors_made` are those of the graph, on which further
    layers can be called. Otherwise some only describe them.
    """
    return _first_calls(model) is not None


def tensor_names(model: keras.Model) -> dict[int, str]:
    """Returns a name for each tensor: that of the operation that computes it.

    Args:
        model: A functional model.

    Returns:
        Dict from the `id` of each tensor to its name.
    """
    names = {}
    operations = model.operations
    taken = {operation.name for operation in operations}
    for operation in operations:
        tensors = tensors_made(model, operation)
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
        for tensor in tensors_read(model, operation):
            bits |= needed.get(id(tensor), 0)
        made = tensors_made(model, operation)
        needed |= dict.fromkeys(map(id, made), bits)
    return needed


def boundary(
    model: keras.Model,
    earlier: Sequence[keras.Operation],
    added: Sequence[keras.Operation],
) -> tuple[list[keras.KerasTensor], list[keras.KerasTensor]]:
    """Returns the tensors that a step reads, and those that it leaves.

    Args:
        model: The functional model of the whole network.
        earlier: Operations that have run before the step.
        added: Operations that the step runs.

    Returns:
        Pair of lists of symbolic tensors without duplicates: the outputs of
        `earlier` that `added` reads, and the outputs of `added` that
        operations of the model outside both read.
    """
    available = {id(t): t for op in earlier for t in tensors_made(model, op)}
    computed = {id(t): t for op in added for t in tensors_made(model, op)}
    done = {id(op) for op in (*earlier, *added)}
    others = [op for op in model.operations if id(op) not in done]
    return (
        _read_tensors(model, available, added),
        _read_tensors(model, computed, others),
    )


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
    call: Callable[[keras.Operation, list, dict[str, Any]], Any] | None = None,
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
        call: Function of an operation, its arguments and its keyword
            arguments that returns the new outputs; `None` calls the operation.
    """
    by_name = {operation.name: operation for operation in model.operations}
    nodes = _call_nodes(model)

    def tensor_of(config: dict[str, Any]) -> keras.KerasTensor:
        name, _, index = config["keras_history"]
        return tensors[id(tensors_made(model, by_name[name])[index])]

    for operation in operations:
        (node,) = nodes[operation.name]
        args, kwargs = restore_arguments(
            [node["args"], node["kwargs"]], tensor_of
        )
        if call is None:
            outputs = operation(*args, **kwargs)
        else:
            outputs = call(operation, args, kwargs)
        made = tensors_made(model, operation)
        for old, new in zip(made, keras.tree.flatten(outputs), strict=True):
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


def _calls(model: keras.Model) -> _Calls:
    """Returns what each operation of a model reads and makes; keeps it."""
    if model not in _CALLS:
        _CALLS[model] = _find_calls(model)
    return _CALLS[model]


def _find_calls(model: keras.Model) -> _Calls:
    """Finds what each operation of a model reads and makes."""
    calls = _first_calls(model)
    if calls is not None:
        return calls
    calls = _attributes(model)
    config = model.get_config()
    nodes = {
        layer["name"]: layer["inbound_nodes"] for layer in config["layers"]
    }
    if any(len(calls_of_one) > 1 for calls_of_one in nodes.values()):
        return calls
    references = keras.tree.flatten(config["output_layers"])
    keys = zip(references[::3], references[2::3], strict=True)
    outputs = dict(zip(keys, model.outputs, strict=True))
    made: dict[str, list[keras.KerasTensor]] = {}
    for operation in model.operations:
        name = operation.name
        reads, makes = calls[id(operation)]
        for node in nodes[name]:
            sources = tensor_references([node["args"], node["kwargs"]])
            wanted = [made[source][index] for source, _, index in sources]
            if set(map(id, wanted)) != set(map(id, reads)):
                # Another model has called the operation before.
                reads = wanted
                makes = _made_again(operation, node, made)
        made[name] = [
            outputs.get((name, index), tensor)
            for index, tensor in enumerate(makes)
        ]
        calls[id(operation)] = reads, made[name]
    return calls


def _attributes(model: keras.Model) -> _Calls:
    """Returns what each operation reads and makes in its first call."""
    return {
        id(operation): (input_tensors(operation), output_tensors(operation))
        for operation in model.operations
    }


def _first_calls(model: keras.Model) -> _Calls | None:
    """Returns the first calls, if the model has made all of them."""
    calls = _attributes(model)
    made = {id(tensor) for _, makes in calls.values() for tensor in makes}
    read = [tensor for reads, _ in calls.values() for tensor in reads]
    if made.issuperset(map(id, [*read, *model.outputs])):
        return calls
    return None


def _made_again(
    operation: keras.Operation,
    node: dict[str, Any],
    made: dict[str, list[keras.KerasTensor]],
) -> list[keras.KerasTensor]:
    """Returns symbolic tensors in the place of those that a call makes.

    Keras has no public access to those of a later call.
    """

    def tensor_of(config: dict[str, Any]) -> keras.KerasTensor:
        name, _, index = config["keras_history"]
        return made[name][index]

    args, kwargs = restore_arguments([node["args"], node["kwargs"]], tensor_of)
    return keras.tree.flatten(operation.compute_output_spec(*args, **kwargs))


def tensor_references(value: Any) -> list[tuple[str, int, int]]:
    """Returns the tensors that a call reads, from its configuration.

    Args:
        value: An argument of the call in a model's configuration, or a
            structure of arguments.

    Returns:
        List of the name of the operation that makes the tensor, the number of
        the operation's call, and the tensor's place among its outputs.
    """
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return [tuple(value["config"]["keras_history"])]
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [entry for item in value for entry in tensor_references(item)]
    return []


def _read_tensors(
    model: keras.Model,
    tensors: dict[int, keras.KerasTensor],
    operations: Iterable[keras.Operation],
) -> list[keras.KerasTensor]:
    """Returns those of the tensors that the operations read, once each."""
    read = {}
    for operation in operations:
        for tensor in tensors_read(model, operation):
            if id(tensor) in tensors:
                read[id(tensor)] = tensor
    return list(read.values())
