"""The operators of exported LiteRT files."""

import collections
import dataclasses

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_anytime.export.flatbuffer import operator_codes
from keras_anytime.export.flatbuffer import unpack

_NAMES = {
    value: name
    for name, value in vars(schema.BuiltinOperator).items()
    if isinstance(value, int)
}


@dataclasses.dataclass(frozen=True)
class Operator:
    """One operator of a signature; tensors are numbers in its graph.

    Attributes:
        kind: String, such as `"CONV_2D"`.
        inputs: Tuple of tensors.
        outputs: Tuple of tensors.
        options: Tuple of what else it is given.
    """

    kind: str
    inputs: tuple
    outputs: tuple
    options: tuple


@dataclasses.dataclass(frozen=True)
class Graph:
    """The operators of one signature.

    Attributes:
        operators: List of `Operator`s in order of execution.
        inputs: Set of tensors.
        outputs: Set of tensors.
        constants: Dict from tensors to the numbers of their buffers.
    """

    operators: list
    inputs: set
    outputs: set
    constants: dict

    @property
    def kinds(self):
        """How many operators there are of each kind."""
        return collections.Counter(operator.kind for operator in self.operators)

    @property
    def dead(self):
        """Operators whose outputs nothing reads."""
        read = self.outputs.union(
            *(operator.inputs for operator in self.operators)
        )
        return [
            operator
            for operator in self.operators
            if not read & set(operator.outputs)
        ]

    @property
    def duplicated(self):
        """Operators that compute what another one before them has."""
        first, again = {}, []
        same = {}  # Tensors that are equal to earlier ones.
        for operator in self.operators:
            inputs = tuple(
                ("constant", self.constants[tensor])
                if tensor in self.constants
                else same.get(tensor, tensor)
                for tensor in operator.inputs
            )
            key = (operator.kind, inputs, operator.options)
            if key in first:
                again.append(operator)
                pairs = zip(operator.outputs, first[key].outputs, strict=True)
                same.update(pairs)
            else:
                first[key] = operator
        return again

    @property
    def unfolded(self):
        """Multiplications and additions of constants after a convolution.

        Where nothing else reads the convolution, they could be in its kernel.
        """
        readers = collections.Counter(
            tensor for operator in self.operators for tensor in operator.inputs
        )
        alone = {
            operator.outputs[0]
            for operator in self.operators
            if operator.kind
            in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
            and readers[operator.outputs[0]] == 1
            and operator.outputs[0] not in self.outputs
        }
        return [
            operator
            for operator in self.operators
            if operator.kind in ("MUL", "ADD")
            and set(operator.inputs) & alone
            and set(operator.inputs) & set(self.constants)
        ]


def graphs(path):
    """Returns the `Graph` of each signature of a file, by its name."""
    model = unpack(path.read_bytes())
    codes = [_NAMES[code] for code in operator_codes(model)]
    found = {}
    for signature in model.signatureDefs:
        graph = model.subgraphs[signature.subgraphIndex]
        found[signature.signatureKey.decode()] = Graph(
            operators=[
                Operator(
                    codes[operator.opcodeIndex],
                    tuple(map(int, operator.inputs)),
                    tuple(map(int, operator.outputs)),
                    _values(operator.builtinOptions),
                )
                for operator in graph.operators
            ],
            inputs={argument.tensorIndex for argument in signature.inputs},
            outputs={output.tensorIndex for output in signature.outputs},
            constants={
                index: tensor.buffer
                for index, tensor in enumerate(graph.tensors)
                if model.buffers[tensor.buffer].data is not None
            },
        )
    return found


def _values(options):
    return (
        tuple(
            (name, value.tobytes() if isinstance(value, np.ndarray) else value)
            for name, value in sorted(vars(options).items())
        )
        if options is not None
        else ()
    )
