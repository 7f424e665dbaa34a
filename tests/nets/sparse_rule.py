"""The rules of Sparse ResNets, stated anew by brute force, for tests.

From Wan 2020, Section 3.3, as `DESIGN.md` words them, and from Zhu 2018. What
the rules say is computed in two ways: `Traced` tells what each layer reads,
channel by channel, and `numbers.Computed` the numbers, in NumPy.
"""

import collections
import re

import keras

from keras_anytime.layers import ChannelPadding
from keras_anytime.stages import graph

# Width and depth of each stage.
NESTINGS = {
    "d1": [(1, 1)],
    "d1-d2-d4": [(1, 1), (1, 2), (1, 4)],
    "d1-d2-d4-d8": [(1, 1), (1, 2), (1, 4), (1, 8)],
    "w1d1-w2d1-w2d2-w4d2-w4d4": [(1, 1), (2, 1), (2, 2), (4, 2), (4, 4)],
    "w1d1-w2d2-w4d4": [(1, 1), (2, 2), (4, 4)],
    "w1-w2": [(1, 1), (2, 1)],
    "w1-w2-w3": [(1, 1), (2, 1), (3, 1)],
    "d1-d3": [(1, 1), (1, 3)],
    "w1d1-w1d2-w3d2": [(1, 1), (1, 2), (3, 2)],
    "d1-d2-w2d2-w3d4": [(1, 1), (1, 2), (2, 2), (3, 4)],
    "w2d1-w3d3": [(2, 1), (3, 3)],
}

# Kernel sizes in a unit, and how much narrower it is inside.
UNITS = {"basic": ((3, 3), 1), "bottleneck": ((1, 3, 1), 4)}


def aggregated(j):
    """The units j - 1, j - 2, j - 4, ...; the block's input is unit -1."""
    return [i for i in range(-1, j) if (j - i).bit_count() == 1]


class Plan:
    """The widths and strides of a nesting, and the stages that deepen."""

    def __init__(self, nesting):
        self.sizes = dict(enumerate(NESTINGS[nesting], start=1))
        self.width, self.depth = self.sizes[len(self.sizes)]
        self.strides = {
            k: self.depth // depth for k, (_, depth) in self.sizes.items()
        }

    def deepens(self, k):
        return k == 1 or self.sizes[k][1] > self.sizes[k - 1][1]

    def channels(self, filters):
        """The channels of each stage, and 0 before the first."""
        return {0: 0} | {
            k: filters * width // self.width
            for k, (width, _) in self.sizes.items()
        }


def follow_rules(ways, nesting, units, filters, unit="basic", stem="cifar"):
    """Goes through a nested network as the rules say.

    Args:
        ways: A `Traced` or a `Computed`, that says what layers do.
        nesting: String, a key of `NESTINGS`.
        units: Sequence of integers.
        filters: Sequence of integers.
        unit: String, a key of `UNITS`.
        stem: `"cifar"` or `"imagenet"`.

    Returns:
        List of what `ways.head` returns, for each stage.
    """
    plan = Plan(nesting)
    outputs = None
    sizes = zip(units, filters, strict=True)
    for b, (count, width) in enumerate(sizes, start=1):
        channels = plan.channels(width)
        if outputs is None:
            has = {-1: _stem(ways, plan, channels, stem)}
        else:
            name = f"block{b - 1}_transition"
            has = {-1: _transition(ways, plan, channels, name, outputs)}
        for p in range(count):
            name = f"block{b}_unit{p + 1}"
            has[p] = _unit(ways, plan, channels, name, p, has, unit)
        name = f"block{b}_output" if b < len(units) else "final"
        outputs = {
            k: _read(ways, plan, channels, name, count, k, has)
            for k in plan.sizes
        }
    return [ways.head(f"stage_{k}", outputs[k]) for k in plan.sizes]


def _stem(ways, plan, channels, kind):
    """A slice of the stem wherever the width grows."""
    inputs = {}
    slices = []
    for k in plan.sizes:
        adds = channels[k] - channels[k - 1]
        if adds:
            slices.append(ways.stem(f"stem_stage{k}_conv", adds, kind))
        inputs[k] = ways.joined(slices)
    return inputs


def _transition(ways, plan, channels, name, outputs):
    """Stages that widen append channels, those that deepen add a whole map."""
    inputs = {}
    for k in plan.sizes:
        adds = channels[k] - channels[k - 1]
        made = ways.convolved(
            f"{name}_stage{k}_conv",
            outputs[k],
            channels[k] if plan.deepens(k) else adds,
            3,
            2,
        )
        if k == 1:
            inputs[k] = made
        elif plan.deepens(k):
            before = ways.padded(inputs[k - 1], adds)
            inputs[k] = ways.total([before, made])
        else:
            inputs[k] = ways.joined([inputs[k - 1], made])
    return inputs


def _read(ways, plan, channels, name, p, k, has):
    """The sum that stage k reads at position p, in its numbering, normalized.

    Stages that are as deep have the same sums of their first channels, so
    that each normalizes only what is new.
    """
    stride = plan.strides[k]
    x = ways.total(
        [has[i * stride if i >= 0 else -1][k] for i in aggregated(p // stride)]
    )
    parts = []
    first = 0
    start = max(i for i in range(1, k + 1) if plan.deepens(i))
    for i in range(start, k + 1):
        part = ways.part(x, first, channels[i])
        parts.append(ways.normalized(f"{name}_in_stage{i}_bn", part))
        first = channels[i]
    return ways.joined(parts)


def _unit(ways, plan, channels, name, p, has, kind):
    """Returns a unit's tensors in each of its stages."""
    kernels, narrower = UNITS[kind]
    inside = [[] for _ in kernels]
    slices = []
    outputs = {}
    owned = 0
    for k in plan.sizes:
        if p % plan.strides[k]:
            continue
        adds = channels[k] - owned
        if adds:
            x = _read(ways, plan, channels, name, p, k, has)
            for index, size in enumerate(kernels):
                if index:
                    x = ways.normalized(f"{name}_conv{index}_stage{k}_bn", x)
                    inside[index].append(x)
                    x = ways.joined(inside[index])
                last = index == len(kernels) - 1
                x = ways.convolved(
                    f"{name}_conv{index + 1}_stage{k}",
                    x,
                    adds if last else adds // narrower,
                    size,
                )
            slices.append(x)
            owned = channels[k]
        outputs[k] = ways.joined(slices)
    return outputs


class Traced:
    """Tells what each layer reads: for each channel the sum of which ones.

    A tensor is a list with, for each of its channels, a `Counter` of the
    (layer, channel) that are summed in it. Layers are convolutions and batch
    normalizations; all others are seen through.
    """

    def __init__(self):
        self.reads = {}

    def layer(self, name, x, channels):
        """Notes what a layer reads, and returns what it makes."""
        assert self.reads.setdefault(name, x) == x
        return [collections.Counter({(name, c): 1}) for c in range(channels)]

    def stem(self, name, channels, kind):
        return self.layer(name, [collections.Counter([("image", 0)])], channels)

    def convolved(self, name, x, channels, size, strides=1):
        return self.layer(name, x, channels)

    def normalized(self, name, x):
        return self.layer(name, x, len(x))

    def head(self, name, x):
        return self.layer(name, x, 1)

    def part(self, x, first, last):
        return x[first:last]

    def joined(self, tensors):
        return [channel for tensor in tensors for channel in tensor]

    def total(self, tensors):
        return [
            sum(channels, collections.Counter())
            for channels in zip(*tensors, strict=True)
        ]

    def padded(self, x, channels):
        return [*x, *[collections.Counter()] * channels]


def graph_reads(model):
    """Returns each layer's inputs in a Keras model, like `Traced.reads`.

    Args:
        model: An `AnytimeModel` for images of one channel.

    Returns:
        Dict from the names of convolutions, batch normalizations and heads.
    """
    traced = Traced()
    made = {}
    for operation in model.operations:
        read = [made[id(tensor)] for tensor in graph.input_tensors(operation)]
        (output,) = graph.output_tensors(operation)
        kind = type(operation)
        if kind is keras.layers.InputLayer:
            x = [collections.Counter([("image", 0)])]
        elif kind is keras.layers.Add:
            x = traced.total(read)
        elif kind is ChannelPadding:
            x = traced.padded(*read, operation.channels)
        elif issubclass(kind, (keras.layers.Conv2D, keras.layers.Dense)):
            x = traced.layer(
                operation.name, traced.joined(read), output.shape[-1]
            )
        elif issubclass(kind, keras.layers.BatchNormalization):
            x = traced.layer(operation.name, *read, output.shape[-1])
        else:
            assert kind in (
                keras.layers.Concatenate,
                keras.layers.ReLU,
                keras.layers.MaxPooling2D,
                keras.layers.GlobalAveragePooling2D,
            )
            x = traced.joined(read)
        assert len(x) == output.shape[-1]
        made[id(output)] = x
    return traced.reads


_PLACE = re.compile(
    r"(?:block(\d+)_)?(?:stem|transition|unit(\d+)).*_stage(\d+)"
)


def unit_edges(reads, block):
    """Returns the inputs of a block's slices, and of each stage's output.

    Args:
        reads: Dict as `graph_reads` returns it.
        block: Integer, counted from 1, not the last one.

    Returns:
        Dict from pairs (unit, stage), counted from 1, to sets of such pairs.
        Unit 0 is the block's input, and unit `"output"` its output.
    """
    edges = {}
    for name in reads:
        match = _PLACE.match(name)
        if match is None or name.endswith("_bn"):
            continue
        number, unit, stage = match.groups()
        if number != str(block) or "_conv2" in name or "_conv3" in name:
            continue
        edges[int(unit) if unit else "output", int(stage)] = {
            (int(unit or 0), int(stage))
            for _, unit, stage in (
                _PLACE.match(convolution).groups()
                for convolution in convolutions(reads, name)
            )
        }
    return edges


def convolutions(reads, name):
    """The convolutions that a layer reads, through normalizations."""
    found = set()
    for source, _ in {source for sums in reads[name] for source in sums}:
        if source.endswith("_bn"):
            found |= convolutions(reads, source)
        else:
            found.add(source)
    return found
