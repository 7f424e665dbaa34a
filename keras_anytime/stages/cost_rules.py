"""Formulas for multiply-adds, one for each kind of operation.

Each formula takes a `Call` and returns an integer. It raises `UnknownCost` if
a size that it needs is not fixed.
"""

import math
from collections.abc import Sequence
from typing import Any

from keras import layers

from keras_anytime.stages.calls import Call


class UnknownCost(Exception):
    """Raised if a call's multiply-adds are unknown. Its text is the reason."""


CELLS = (layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell)


def size(shape: Sequence[int | None]) -> int:
    """Returns the number of values in a tensor of a shape."""
    sizes = [length for length in shape if length is not None]
    if len(sizes) < len(shape):
        raise UnknownCost("the size of their input is left open")
    return math.prod(sizes)


def output_size(call: Call) -> int:
    """Returns the number of values in a call's first output."""
    if not call.outputs:
        raise UnknownCost("the size of their output could not be computed")
    return size(call.output_shape)


def zero(call: Call) -> int:
    """Returns 0, for operations without sums of products."""
    return 0


def kernel(call: Call) -> int:
    """Multiply-adds of a convolution or dense layer."""
    # Each output value takes one multiply-add per weight that it reads.
    return output_size(call) * math.prod(call.operation.kernel.shape[:-1])


def transposed_kernel(call: Call) -> int:
    """Multiply-adds of a transposed convolution."""
    # Each input value is multiplied with this many weights.
    weights = math.prod(call.operation.kernel.shape[:-1])
    return size(call.input_shapes[0]) * weights


def shared_kernel(call: Call) -> int:
    """Multiply-adds of `SharedConv2D`, whose kernel slices are inputs."""
    kernels = call.input_shapes[1:]
    return size(call.output_shape[1:-1]) * sum(map(size, kernels))


def depthwise(call: Call) -> int:
    """Multiply-adds of a depthwise convolution."""
    return output_size(call) * math.prod(call.operation.kernel_size)


def separable(call: Call) -> int:
    """Multiply-adds of a separable convolution, with both of its kernels."""
    layer = call.operation
    weights = math.prod(layer.depthwise_kernel.shape)
    weights += math.prod(layer.pointwise_kernel.shape)
    return output_size(call) // layer.filters * weights


def einsum_dense(call: Call) -> int:
    """Multiply-adds of `EinsumDense`."""
    kernel = tuple(call.operation.kernel.shape)
    return _einsum(call.operation.equation, call.input_shapes[0], kernel)


def reversible_embedding(call: Call) -> int:
    """Multiply-adds of `ReversibleEmbedding`: a product only in reverse."""
    if not call.argument("reverse"):
        return 0
    return output_size(call) * call.operation.output_dim


def cell(call: Call) -> int:
    """Multiply-adds of a recurrent cell, for one time step."""
    return cell_weights(call.operation)


def cell_weights(cell: Any) -> int:
    """Returns the number of weights in the products of a recurrent cell."""
    if isinstance(cell, layers.StackedRNNCells):
        return sum(map(cell_weights, cell.cells))
    if not isinstance(cell, CELLS):
        kind = type(cell).__name__
        raise UnknownCost(f"cells of the class {kind} are not known")
    return math.prod(cell.kernel.shape) + math.prod(cell.recurrent_kernel.shape)


def recurrent(call: Call) -> int:
    """Multiply-adds of a recurrent layer, for all time steps."""
    time_steps = size(call.input_shapes[0][1:2])
    return time_steps * cell_weights(call.operation.cell)


def recurrent_convolution(call: Call) -> int:
    """Multiply-adds of a `ConvLSTM`, whose cell convolves input and state."""
    layer = call.operation
    time_steps = size(call.input_shapes[0][1:2])
    positions = output_size(call) // layer.filters
    if layer.return_sequences:
        positions //= time_steps
    weights = math.prod(layer.cell.kernel.shape)
    weights += math.prod(layer.cell.recurrent_kernel.shape)
    return time_steps * positions * weights


def multi_head_attention(call: Call) -> int:
    """Multiply-adds of `MultiHeadAttention`: projections and attention."""
    layer = call.operation
    query, value, key = _attention_shapes(call)
    rank = len(query)
    config = layer.get_config()
    axes = config["attention_axes"]
    if axes is None:
        axes = range(1, rank - 1)
    elif isinstance(axes, int):
        axes = (axes,)
    axes = [axis % rank for axis in axes]
    heads, key_dim, value_dim = layer.num_heads, layer.key_dim, layer.value_dim
    total = size(query) * heads * key_dim
    total += size(key) * heads * key_dim
    total += size(value) * heads * value_dim
    if config["use_gate"]:
        total += size(query) * heads * value_dim
    # Each query is multiplied with each key, and each score with a value.
    pairs = size(query[:-1]) * math.prod(value[axis] for axis in axes)
    total += pairs * heads * (key_dim + value_dim)
    return total + output_size(call) * heads * value_dim


def grouped_query_attention(call: Call) -> int:
    """Multiply-adds of `GroupQueryAttention`: projections and attention."""
    layer = call.operation
    query, value, key = _attention_shapes(call)
    width = layer.num_query_heads * layer.head_dim
    total = size(query) * width * (2 if layer.use_gate else 1)
    key_value_width = layer.num_key_value_heads * layer.head_dim
    total += (size(key) + size(value)) * key_value_width
    total += size(query[:-1]) * value[1] * 2 * width
    return total + output_size(call) * width


def _attention_shapes(call: Call) -> list[tuple]:
    """Returns the shapes of query, value and key of a call."""
    query, value = call.argument("query"), call.argument("value")
    key = call.argument("key")
    tensors = (query, value, value if key is None else key)
    shapes = [tuple(tensor.shape) for tensor in tensors]
    for shape in shapes:
        size(shape)
    return shapes


def attention(call: Call) -> int:
    """Multiply-adds of `Attention`, which has no projections."""
    query, value, *_ = call.input_shapes
    return size(query) * value[1] + size(query[:-1]) * size(value)


def additive_attention(call: Call) -> int:
    """Multiply-adds of `AdditiveAttention`: scores are products if scaled."""
    query, value, *_ = call.input_shapes
    scores = size(query) * value[1] if call.operation.use_scale else 0
    return scores + size(query[:-1]) * size(value)


def dot_layer(call: Call) -> int:
    """Multiply-adds of the layer `Dot`, which contracts one axis."""
    axes = call.operation.axes
    axis = axes if isinstance(axes, int) else axes[0]
    return output_size(call) * size(call.input_shapes[0][axis:][:1])


def matrix_product(call: Call) -> int:
    """Multiply-adds of `matmul`."""
    return output_size(call) * size(call.input_shapes[0][-1:])


def inner_product(call: Call) -> int:
    """Multiply-adds of `vdot`, which contracts all axes."""
    return size(call.input_shapes[0])


def dot(call: Call) -> int:
    """Multiply-adds of `dot` and `inner`."""
    # The product with a scalar is elementwise.
    return matrix_product(call) if all(call.input_shapes) else 0


def tensordot(call: Call) -> int:
    """Multiply-adds of `tensordot`."""
    first, second = map(size, call.input_shapes)
    # A contracted axis is in both inputs, any other in one input and the
    # output.
    return math.isqrt(first * second * output_size(call))


def einsum_operation(call: Call) -> int:
    """Multiply-adds of `einsum`."""
    return _einsum(call.operation.subscripts, *call.input_shapes)


def convolution(call: Call) -> int:
    """Multiply-adds of `conv`."""
    return output_size(call) * size(call.input_shapes[1][:-1])


def transposed_convolution(call: Call) -> int:
    """Multiply-adds of `conv_transpose`."""
    return size(call.input_shapes[0]) * size(call.input_shapes[1][:-1])


def depthwise_convolution(call: Call) -> int:
    """Multiply-adds of `depthwise_conv`."""
    return output_size(call) * size(call.input_shapes[1][:-2])


def separable_convolution(call: Call) -> int:
    """Multiply-adds of `separable_conv`."""
    _, depthwise, pointwise = call.input_shapes
    positions = output_size(call) // pointwise[-1]
    return positions * (size(depthwise) + size(pointwise))


def attention_products(call: Call) -> int:
    """Multiply-adds of `dot_product_attention`."""
    query, key, value = call.input_shapes[:3]
    pairs = size(query[:-1]) * key[1]
    return pairs * (size(key[-1:]) + size(value[-1:]))


def _einsum(subscripts: str, *shapes: tuple) -> int:
    """Returns the multiply-adds of a sum of products of two tensors."""
    if len(shapes) < 2:
        return 0
    if len(shapes) > 2:
        raise UnknownCost("the order of more than two factors is not known")
    factors, arrow, kept = subscripts.replace(" ", "").partition("->")
    if not arrow:
        kept = "".join(label for label in factors if factors.count(label) == 1)
    lengths: dict[str | int, int] = {}
    for labels, shape in zip(factors.split(","), shapes, strict=True):
        before, _, after = labels.partition("...")
        others = len(shape) - len(before) - len(after)
        # Axes under the ellipsis are numbered from the last.
        names = [*before, *range(others)[::-1], *after]
        for name, length in zip(names, shape, strict=True):
            lengths[name] = max(lengths.get(name, 0), size((length,)))
    if all(isinstance(name, int) or name in kept for name in lengths):
        return 0  # The product is elementwise.
    return math.prod(lengths.values())
