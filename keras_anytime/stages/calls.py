"""The calls that make up a functional graph, for one image.

Keras' public attributes of an operation tell of its first call only, and leave
the batch size open, which a reshape may mix with other axes. So the graph is
run anew on symbolic tensors of one image, as its configuration says.
"""

import dataclasses
import inspect

import keras

from keras_anytime.stages.graph import revived


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """One call of an operation on symbolic tensors.

    Args:
        operation: A Keras operation; layers and models are such.
        args: Sequence of its positional arguments.
        kwargs: Dict of the others.
        outputs: List of its symbolic outputs; empty where they could not be
            computed.
        reads: List of the calls whose outputs it reads.
    """

    operation: object
    args: tuple
    kwargs: dict
    outputs: list
    reads: list = ()

    @classmethod
    def on(cls, operation, *args, **kwargs):
        """Calls an operation, which leaves no trace in its graph.

        Args:
            operation: A Keras operation.
            *args: Its arguments, with a `keras.KerasTensor` for each tensor.
            **kwargs: Likewise.
        """
        try:
            spec = operation.compute_output_spec(*args, **kwargs)
            outputs = keras.tree.flatten(spec)
        except Exception:  # A layer of the user's own may raise anything.
            outputs = []
        return cls(operation, args, kwargs, outputs)

    @property
    def inputs(self):
        """List of the shapes of all tensors in its arguments."""
        flat = keras.tree.flatten([list(self.args), self.kwargs])
        return [tuple(one.shape) for one in flat if hasattr(one, "shape")]

    @property
    def output(self):
        """The shape of its first output."""
        return tuple(self.outputs[0].shape)

    def argument(self, name):
        """Returns an argument by its name; `None` where it is not given."""
        signature = inspect.signature(self.operation.call)
        bound = signature.bind(*self.args, **self.kwargs)
        return bound.arguments.get(name)


def graph_calls(inputs, outputs, given=None):
    """Returns the calls between symbolic tensors of a functional graph.

    Args:
        inputs: List of the graph's symbolic inputs.
        outputs: List of symbolic tensors, computed from them.
        given: List of `keras.KerasTensor`s to run the graph on; `None` for one
            image.

    Returns:
        Pair of the list of all `Call`s in order of execution, and the list of
        the call that makes each output, `None` where that is an input.
    """
    graph = keras.Model(list(inputs), list(outputs))
    config = graph.get_config()
    operations = {operation.name: operation for operation in graph.operations}
    if given is None:
        given = [
            keras.KerasTensor((1, *one.shape[1:]), one.dtype) for one in inputs
        ]
    # The symbolic outputs of each call and the call itself, by the operation's
    # name and the number of the call. An input is not called.
    made = {
        (name, number): ([tensor], None)
        for (name, number, _), tensor in zip(
            _keys(config["input_layers"]), given, strict=True
        )
    }
    waiting = [
        ((entry["name"], number), node)
        for entry in config["layers"]
        for number, node in enumerate(entry["inbound_nodes"])
    ]
    calls = []
    # A layer that is called twice may wait for layers behind it.
    while waiting:
        later = []
        for key, node in waiting:
            sources = _sources(node)
            if all(source in made for source in sources):
                call = _again(operations[key[0]], node, made)
                reads = [made[one][1] for one in sources]
                call = dataclasses.replace(
                    call, reads=[read for read in reads if read is not None]
                )
                made[key] = call.outputs, call
                calls.append(call)
            else:
                later.append((key, node))
        waiting = later
    makers = []
    for name, number, _ in _keys(config["output_layers"]):
        # In the list of outputs, calls of a functional model count from 1.
        kind = operations[name]
        nested = isinstance(kind, keras.Model) and isinstance(
            kind, keras.Function
        )
        makers.append(made[name, number - nested][1])
    return calls, makers


def needed(calls):
    """Returns some calls and all that they need, as a set."""
    found, waiting = set(), list(calls)
    while waiting:
        call = waiting.pop()
        if call is not None and call not in found:
            found.add(call)
            waiting += call.reads
    return found


def _again(operation, node, made):
    """Returns the call that a node of the configuration describes."""

    def tensor_of(config):
        name, number, index = config["keras_history"]
        outputs, _ = made[name, number]
        if outputs:
            return outputs[index]
        return _of_one_image(config["shape"], config["dtype"])

    try:
        args, kwargs = revived([node["args"], node["kwargs"]], tensor_of)
    except Exception:  # An argument of a class that is not registered.
        return Call(operation, (), {}, [])
    return Call.on(operation, *args, **kwargs)


def _of_one_image(shape, dtype):
    """Returns a symbolic tensor with one image where the batch was."""
    # Tensors without a batch, such as kernels, have a first axis of known size.
    if shape and shape[0] is None:
        shape = (1, *shape[1:])
    return keras.KerasTensor(shape, dtype)


def _sources(node):
    """Returns the keys of the calls that a node reads."""
    if isinstance(node, dict):
        if node.get("class_name") == "__keras_tensor__":
            name, number, _ = node["config"]["keras_history"]
            return [(name, number)]
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        return [source for one in node for source in _sources(one)]
    return []


def _keys(layers):
    """Returns the list of references, which Keras leaves out around one."""
    return [layers] if isinstance(layers[0], str) else layers
