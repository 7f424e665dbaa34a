"""Calls of layers and operations in a functional graph, for one image.

Keras' public attributes of an operation describe its first call only, and they
leave the batch size open, which a reshape may merge with other axes. The graph
is therefore run again on symbolic tensors of one image, from its
configuration.
"""

import dataclasses
import inspect
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime.stages.graph import restore_arguments
from keras_anytime.stages.graph import tensor_references

# The name of an operation, and the number of its call.
_CallKey = tuple[str, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """One call of an operation on symbolic tensors.

    Args:
        operation: A Keras operation, for example a layer or a model.
        args: Tuple of its positional arguments.
        kwargs: Dict of its keyword arguments.
        outputs: List of its symbolic outputs; empty if they could not be
            computed.
        sources: List of the calls whose outputs it reads.
    """

    operation: Any
    args: tuple
    kwargs: dict[str, Any]
    outputs: list[keras.KerasTensor]
    sources: "Sequence[Call]" = ()

    @classmethod
    def record(cls, operation: Any, *args: Any, **kwargs: Any) -> "Call":
        """Computes an operation's symbolic outputs without changing its graph.

        Args:
            operation: A Keras operation.
            *args: Positional arguments, with a `keras.KerasTensor` for each
                tensor.
            **kwargs: Keyword arguments, likewise.

        Returns:
            A `Call`.
        """
        try:
            spec = operation.compute_output_spec(*args, **kwargs)
            outputs = keras.tree.flatten(spec)
        except Exception:  # A user's layer may raise anything.
            outputs = []
        return cls(operation, args, kwargs, outputs)

    @property
    def input_shapes(self) -> list[tuple]:
        """List of the shapes of all tensors among the arguments."""
        values = keras.tree.flatten([list(self.args), self.kwargs])
        return [
            tuple(value.shape) for value in values if hasattr(value, "shape")
        ]

    @property
    def output_shape(self) -> tuple:
        """The shape of the first output."""
        return tuple(self.outputs[0].shape)

    def argument(self, name: str) -> Any:
        """Returns an argument by its name; `None` if the call omits it."""
        signature = inspect.signature(self.operation.call)
        bound = signature.bind(*self.args, **self.kwargs)
        return bound.arguments.get(name)


def graph_calls(
    inputs: Sequence[keras.KerasTensor],
    outputs: Sequence[keras.KerasTensor],
    new_inputs: Sequence[keras.KerasTensor] | None = None,
) -> tuple[list[Call], list[Call | None]]:
    """Returns the calls between symbolic tensors of a functional graph.

    Args:
        inputs: List of the graph's symbolic inputs.
        outputs: List of symbolic tensors that are computed from the inputs.
        new_inputs: List of `keras.KerasTensor`s on which the graph is run;
            `None` for tensors of one image.

    Returns:
        Pair: the list of all `Call`s in order of execution, and the list of
        the call that computes each output (`None` if that is an input).
    """
    graph = keras.Model(list(inputs), list(outputs))
    config = graph.get_config()
    operations = {operation.name: operation for operation in graph.operations}
    if new_inputs is None:
        new_inputs = [
            keras.KerasTensor((1, *tensor.shape[1:]), tensor.dtype)
            for tensor in inputs
        ]
    # Each call's symbolic outputs and the call itself. Inputs have no call.
    done: dict[_CallKey, tuple[list[keras.KerasTensor], Call | None]] = {
        (name, number): ([tensor], None)
        for (name, number, _), tensor in zip(
            _tensor_keys(config["input_layers"]), new_inputs, strict=True
        )
    }
    waiting = [
        ((entry["name"], number), node)
        for entry in config["layers"]
        for number, node in enumerate(entry["inbound_nodes"])
    ]
    calls = []
    # A layer that is called twice may wait for later layers.
    while waiting:
        postponed = []
        for key, node in waiting:
            source_keys = [
                (name, number) for name, number, _ in tensor_references(node)
            ]
            if all(source_key in done for source_key in source_keys):
                sources = [done[source_key][1] for source_key in source_keys]
                call = dataclasses.replace(
                    _replay(operations[key[0]], node, done),
                    sources=[call for call in sources if call is not None],
                )
                done[key] = call.outputs, call
                calls.append(call)
            else:
                postponed.append((key, node))
        waiting = postponed
    output_calls = []
    for name, number, _ in _tensor_keys(config["output_layers"]):
        # In the list of outputs, the calls of a functional model count from 1.
        operation = operations[name]
        is_functional = isinstance(operation, keras.Model) and isinstance(
            operation, keras.Function
        )
        output_calls.append(done[name, number - is_functional][1])
    return calls, output_calls


def upstream_calls(calls: Iterable[Call | None]) -> set[Call]:
    """Returns the set of the calls and of all calls that they depend on."""
    upstream: set[Call] = set()
    waiting = list(calls)
    while waiting:
        call = waiting.pop()
        if call is not None and call not in upstream:
            upstream.add(call)
            waiting += call.sources
    return upstream


def calls_of_stage(
    calls: list[Call],
    answers: list[Call | None],
    operations: list[keras.Operation],
) -> set[Call]:
    """Returns the set of calls that have run when a stage answers.

    Args:
        calls: List of all calls, as from `graph_calls`.
        answers: List of the calls that compute the stage's outputs.
        operations: List of the operations that the stage needs, as from
            `AnytimeModel.stage_operations`.
    """
    upstream = upstream_calls(answers)
    # Of an operation upstream, only the calls upstream count, because a layer
    # may be called for another answer too. The model may list further
    # operations: in an ensemble, all networks that ran before.
    upstream_ids = {id(call.operation) for call in upstream}
    other_ids = {id(operation) for operation in operations} - upstream_ids
    return upstream | {
        call for call in calls if id(call.operation) in other_ids
    }


def _replay(
    operation: Any,
    node: dict[str, Any],
    done: dict[_CallKey, tuple[list[keras.KerasTensor], Call | None]],
) -> Call:
    """Returns the call that a node of the configuration describes."""

    def tensor_of(config: dict[str, Any]) -> keras.KerasTensor:
        name, number, index = config["keras_history"]
        outputs, _ = done[name, number]
        if outputs:
            return outputs[index]
        return _of_one_image(config["shape"], config["dtype"])

    try:
        args, kwargs = restore_arguments(
            [node["args"], node["kwargs"]], tensor_of
        )
    except Exception:  # The class of an argument is not registered.
        return Call(operation, (), {}, [])
    return Call.record(operation, *args, **kwargs)


def _of_one_image(shape: tuple, dtype: str) -> keras.KerasTensor:
    """Returns a symbolic tensor whose batch is one image."""
    # Tensors without a batch, such as kernels, have a first axis of known size.
    if shape and shape[0] is None:
        shape = (1, *shape[1:])
    return keras.KerasTensor(shape, dtype)


def _tensor_keys(references: list) -> list[list]:
    """Returns a list of references; Keras does not wrap a single one."""
    return [references] if isinstance(references[0], str) else references
