"""Formulas for multiply-adds, each for one kind of operation.

Each function of a `Call` returns an integer, and raises an `UnknownCost` where
a size that it needs is left open.
"""

import math

from keras import layers


class UnknownCost(Exception):
    """The multiply-adds of a call are not known. Its text says why."""


CELLS = (layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell)


def size(shape):
    """Returns the number of values in a tensor of a shape."""
    if None in shape:
        raise UnknownCost("the size of what they read is left open")
    return math.prod(shape)


def output(call):
    """Returns the number of values in a call's first output."""
    if not call.outputs:
        raise UnknownCost("the size of what they make could not be computed")
    return size(call.output)


def nothing(call):
    """Returns those of what has no sums of products."""
    return 0


def kernel(call):
    """Returns those of convolutions and dense layers."""
    # Each output value takes one multiply-add per weight that it reads.
    return output(call) * math.prod(call.operation.kernel.shape[:-1])


def transposed_kernel(call):
    """Returns those of transposed convolutions."""
    # Each input value takes one per weight that it is multiplied with.
    return size(call.inputs[0]) * math.prod(call.operation.kernel.shape[:-1])


def shared_kernel(call):
    """Returns those of `SharedConv2D`, which is given its kernel in slices."""
    kernels = call.inputs[1:]
    return size(call.output[1:-1]) * sum(map(size, kernels))


def depthwise(call):
    """Returns those of depthwise convolutions."""
    return output(call) * math.prod(call.operation.kernel_size)


def separable(call):
    """Returns those of separable convolutions: of both of their kernels."""
    layer = call.operation
    weights = math.prod(layer.depthwise_kernel.shape)
    weights += math.prod(layer.pointwise_kernel.shape)
    return output(call) // layer.filters * weights


def einsum_dense(call):
    """Returns those of `EinsumDense`."""
    kernel = tuple(call.operation.kernel.shape)
    return _einsum(call.operation.equation, call.inputs[0], kernel)


def reversible_embedding(call):
    """Returns those of `ReversibleEmbedding`: a product only in reverse."""
    if not call.argument("reverse"):
        return 0
    return output(call) * call.operation.output_dim


def cell(call):
    """Returns those of one step of a recurrent cell."""
    return cell_weights(call.operation)


def cell_weights(cell):
    """Returns the weights that a step of a recurrent cell multiplies with."""
    if isinstance(cell, layers.StackedRNNCells):
        return sum(map(cell_weights, cell.cells))
    if not isinstance(cell, CELLS):
        kind = type(cell).__name__
        raise UnknownCost(f"cells of the class {kind} are not known")
    return math.prod(cell.kernel.shape) + math.prod(cell.recurrent_kernel.shape)


def recurrent(call):
    """Returns those of recurrent layers: of all steps of the sequence."""
    return size(call.inputs[0][1:2]) * cell_weights(call.operation.cell)


def recurrent_convolution(call):
    """Returns those of `ConvLSTM`s, whose cells convolve input and state."""
    layer = call.operation
    steps = size(call.inputs[0][1:2])
    positions = output(call) // layer.filters
    if layer.return_sequences:
        positions //= steps
    weights = math.prod(layer.cell.kernel.shape)
    weights += math.prod(layer.cell.recurrent_kernel.shape)
    return steps * positions * weights


def multi_head_attention(call):
    """Returns those of `MultiHeadAttention`: dense layers and attention."""
    layer = call.operation
    query, value, key = _attended(call)
    rank = len(query)
    config = layer.get_config()
    axes = config["attention_axes"]
    if axes is None:
        axes = range(1, rank - 1)
    elif isinstance(axes, int):
        axes = (axes,)
    axes = [axis % rank for axis in axes]
    heads, of_key, of_value = layer.num_heads, layer.key_dim, layer.value_dim
    total = size(query) * heads * of_key
    total += size(key) * heads * of_key
    total += size(value) * heads * of_value
    if config["use_gate"]:
        total += size(query) * heads * of_value
    # Each query is multiplied with each key, and each score with a value.
    pairs = size(query[:-1]) * math.prod(value[axis] for axis in axes)
    total += pairs * heads * (of_key + of_value)
    return total + output(call) * heads * of_value


def grouped_query_attention(call):
    """Returns those of `GroupQueryAttention`, likewise."""
    layer = call.operation
    query, value, key = _attended(call)
    width = layer.num_query_heads * layer.head_dim
    total = size(query) * width * (2 if layer.use_gate else 1)
    shared = layer.num_key_value_heads * layer.head_dim
    total += (size(key) + size(value)) * shared
    total += size(query[:-1]) * value[1] * 2 * width
    return total + output(call) * width


def _attended(call):
    """Returns the shapes of query, value and key of a call."""
    query, value = call.argument("query"), call.argument("value")
    key = call.argument("key")
    shapes = [
        tuple(one.shape)
        for one in (query, value, value if key is None else key)
    ]
    for shape in shapes:
        size(shape)
    return shapes


def attention(call):
    """Returns those of `Attention`, which has no dense layers."""
    query, value, *_ = call.inputs
    return size(query) * value[1] + size(query[:-1]) * size(value)


def additive_attention(call):
    """Returns those of `AdditiveAttention`: scores are products if scaled."""
    query, value, *_ = call.inputs
    scores = size(query) * value[1] if call.operation.use_scale else 0
    return scores + size(query[:-1]) * size(value)


def dot_layer(call):
    """Returns those of the layer `Dot`, which contracts one axis."""
    axes = call.operation.axes
    axis = axes if isinstance(axes, int) else axes[0]
    return output(call) * size(call.inputs[0][axis:][:1])


def matrix_product(call):
    """Returns those of `matmul`."""
    return output(call) * size(call.inputs[0][-1:])


def inner_product(call):
    """Returns those of `vdot`, which contracts all axes."""
    return size(call.inputs[0])


def dot(call):
    """Returns those of `dot` and `inner`."""
    # With a single number it is a product value by value.
    return matrix_product(call) if all(call.inputs) else 0


def tensordot(call):
    """Returns those of `tensordot`."""
    first, second = map(size, call.inputs)
    # Each contracted axis is in both, and each other axis in the output.
    return math.isqrt(first * second * output(call))


def einsum_operation(call):
    """Returns those of `einsum`."""
    return _einsum(call.operation.subscripts, *call.inputs)


def convolution(call):
    """Returns those of `conv`."""
    return output(call) * size(call.inputs[1][:-1])


def transposed_convolution(call):
    """Returns those of `conv_transpose`."""
    return size(call.inputs[0]) * size(call.inputs[1][:-1])


def depthwise_convolution(call):
    """Returns those of `depthwise_conv`."""
    return output(call) * size(call.inputs[1][:-2])


def separable_convolution(call):
    """Returns those of `separable_conv`."""
    _, depthwise, pointwise = call.inputs
    positions = output(call) // pointwise[-1]
    return positions * (size(depthwise) + size(pointwise))


def attention_products(call):
    """Returns those of `dot_product_attention`."""
    query, key, value = call.inputs[:3]
    pairs = size(query[:-1]) * key[1]
    return pairs * (size(key[-1:]) + size(value[-1:]))


def _einsum(subscripts, *shapes):
    """Returns the multiply-adds of a sum of products of two tensors."""
    if len(shapes) < 2:
        return 0
    if len(shapes) > 2:
        raise UnknownCost("the order of more than two factors is not known")
    factors, arrow, kept = subscripts.replace(" ", "").partition("->")
    if not arrow:
        kept = "".join(
            factor for factor in factors if factors.count(factor) == 1
        )
    lengths = {}
    for labels, shape in zip(factors.split(","), shapes, strict=True):
        before, _, after = labels.partition("...")
        others = len(shape) - len(before) - len(after)
        # Axes under the dots count from the last.
        names = [*before, *range(others)[::-1], *after]
        for name, length in zip(names, shape, strict=True):
            lengths[name] = max(lengths.get(name, 0), size((length,)))
    if all(isinstance(name, int) or name in kept for name in lengths):
        return 0  # A product value by value.
    return math.prod(lengths.values())
