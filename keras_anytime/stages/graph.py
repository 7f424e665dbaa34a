"""Reading a Keras functional graph: which operations make a subnetwork.

Keras' public attributes of an operation tell of its first call only, so each
operation of a graph must be called once.
"""

import keras


def subnetwork_operations(inputs, outputs):
    """Returns the operations that the outputs need, in order of execution.

    Args:
        inputs: Symbolic input tensors of a functional model.
        outputs: Symbolic tensor, or a structure of them, computed from the
            inputs.

    Returns:
        List of Keras operations (layers among them).
    """
    return keras.Function(inputs, outputs).operations


def input_tensors(operation):
    """Returns the list of symbolic tensors that an operation reads."""
    if isinstance(operation, keras.layers.InputLayer):
        return []
    return keras.tree.flatten(operation.input)


def output_tensors(operation):
    """Returns the list of symbolic tensors that an operation makes."""
    return keras.tree.flatten(operation.output)


def tensor_names(operations):
    """Returns names for tensors, from the operations that make them.

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


def needed_operations(model):
    """Returns which operations each tensor of a model needs.

    Args:
        model: A functional model. Of an operation that is called more than
            once, the first call counts.

    Returns:
        Dict from the `id` of each symbolic tensor to an integer, whose bit i
        is set if the tensor needs `model.operations[i]`.
    """
    needed = {}
    for index, operation in enumerate(model.operations):
        found = 1 << index
        for tensor in input_tensors(operation):
            found |= needed.get(id(tensor), 0)
        needed |= dict.fromkeys(map(id, output_tensors(operation)), found)
    return needed


def boundary(earlier, added, needed):
    """Returns what a step reads and what it leaves for later.

    Args:
        earlier: Operations that have run before the step.
        added: Operations that the step runs.
        needed: Operations of the whole network.

    Returns:
        Pair of lists of symbolic tensors: those that `added` reads and
        `earlier` made, and those that `added` makes and operations of `needed`
        outside both read. No tensor stands twice.
    """
    before = {id(t): t for op in earlier for t in output_tensors(op)}
    made = {id(t): t for op in added for t in output_tensors(op)}
    done = {id(op) for op in (*earlier, *added)}
    reads = _used(before, added)
    leaves = _used(made, [op for op in needed if id(op) not in done])
    return reads, leaves


def repeated(model):
    """Returns the operations that are called more than once in a model.

    Args:
        model: A functional model.

    Returns:
        Dict from their names to the numbers of calls.
    """
    calls = {name: len(nodes) for name, nodes in _calls(model).items()}
    return {name: count for name, count in calls.items() if count > 1}


def call_again(model, operations, tensors):
    """Calls operations of a model on other tensors, sharing their variables.

    They get the arguments of their call, other than tensors too, from the
    model's configuration. None may be called more than once in the model.

    Args:
        model: The functional model whose graph they are in.
        operations: Keras operations, each after those whose output it reads.
        tensors: Dict from the `id` of each tensor that they read from outside
            to the tensor to read instead. Gets the new outputs added, by the
            `id` of the original output.
    """
    by_name = {operation.name: operation for operation in model.operations}
    calls = _calls(model)

    def tensor_of(config):
        name, _, index = config["keras_history"]
        return tensors[id(output_tensors(by_name[name])[index])]

    for operation in operations:
        (call,) = calls[operation.name]
        args, kwargs = revived([call["args"], call["kwargs"]], tensor_of)
        outputs = operation(*args, **kwargs)
        for old, new in zip(
            output_tensors(operation), keras.tree.flatten(outputs), strict=True
        ):
            tensors[id(old)] = new


def revived(value, tensor_of):
    """Returns arguments of a call, from their form in a configuration.

    Args:
        value: An argument, or a structure of them.
        tensor_of: Function from the configuration of a symbolic tensor, a dict
            with `keras_history`, `shape` and `dtype`, to what takes its place.
    """
    if isinstance(value, (list, tuple)):
        return type(value)(revived(one, tensor_of) for one in value)
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__keras_tensor__":
        return tensor_of(value["config"])
    if "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    return {key: revived(one, tensor_of) for key, one in value.items()}


def _calls(model):
    return {
        layer["name"]: layer["inbound_nodes"]
        for layer in model.get_config()["layers"]
    }


def _used(tensors, operations):
    used = {}
    for operation in operations:
        for tensor in input_tensors(operation):
            if id(tensor) in tensors:
                used[id(tensor)] = tensor
    return list(used.values())
