"""Power-of-two aggregation in a block whose units several stages share."""

from keras_anytime.nets import blocks


def aggregated(position):
    """Returns the positions whose sum the unit at a position reads.

    Args:
        position: Integer, counted from 0.

    Returns:
        List of `position - 1`, `position - 2`, `position - 4`, ... down to
        -1, the block's input.

    Reference:
        [Zhu et al., 2018, Section 3](https://arxiv.org/abs/1801.05895)
    """
    offsets = (2**power for power in range((position + 1).bit_length()))
    return [position - offset for offset in offsets]


class NestedBlock:
    """The units of one block, and the sums of them that each stage reads.

    What a unit computes is held per stage, as the list of tensors that make up
    the stage's channels: tensors of earlier stages first, then the slice that
    the stage added.

    Args:
        nesting: A `Nesting`.
        inputs: Dict from each stage to the list of tensors of its input.
        name: String. Start of the layers' names.
    """

    def __init__(self, nesting, inputs, name):
        self.nesting = nesting
        self.name = name
        self._units = {-1: inputs}
        self._joined = {}
        self._sums = {}
        self._normalized = {}

    @property
    def size(self):
        """Number of units added."""
        return len(self._units) - 1

    def add(self, position, outputs):
        """Adds a unit.

        Args:
            position: Integer, counted from 0 in the full network.
            outputs: Dict from each stage that has the unit to the list of
                tensors of its channels.
        """
        self._units[position] = outputs

    def normalized(self, position, stage, name):
        """Returns what a stage reads at a position: sums, normalized.

        Where the stage is as deep as the one before it, the first channels are
        the very sums that this one normalized, and are shared; where depth
        grew in between, the sums are others.

        Args:
            position: Integer. A unit of the stage, or the number of units in
                the block for the block's output.
            stage: Integer, counted from 1.
            name: String. Start of the layers' names; the same in each call
                with this position.

        Returns:
            List of tensors `(batch, height, width, channels)`.
        """
        key = position, stage
        if key not in self._normalized:
            stride = self.nesting.strides[stage - 1]
            sources = [
                one if one < 0 else one * stride
                for one in aggregated(position // stride)
            ]
            if self.nesting.deepens(stage):
                shared = []
                tensors = [self._whole(source, stage) for source in sources]
            else:
                shared = self.normalized(position, stage - 1, name)
                tensors = [self._units[source][stage][-1] for source in sources]
            total = self._sum(tensors, f"{name}_sum_stage{stage}")
            self._normalized[key] = [
                *shared,
                blocks.normalized(total, f"{name}_in_stage{stage}"),
            ]
        return self._normalized[key]

    def _sum(self, tensors, name):
        """The sum of tensors, made once."""
        key = tuple(id(tensor) for tensor in tensors)
        if key not in self._sums:
            self._sums[key] = blocks.added(tensors, name)
        return self._sums[key]

    def _whole(self, position, stage):
        """All channels of a unit as one tensor, joined once."""
        tensors = self._units[position][stage]
        key = tuple(id(tensor) for tensor in tensors)
        if key not in self._joined:
            where = f"unit{position + 1}" if position >= 0 else "input"
            self._joined[key] = blocks.joined(
                tensors, f"{self.name}_{where}_joined_stage{stage}"
            )
        return self._joined[key]


def interlaced_unit(block, position, width, kind, *, l2):
    """Adds the unit at a position to a block, slice by slice.

    Args:
        block: A `NestedBlock` with the units before it.
        position: Integer, counted from 0 in the full network.
        width: Integer. Output channels in the full network.
        kind: `"basic"` or `"bottleneck"`.
        l2: Float. Factor of the squared norm of each kernel in the loss.
    """
    nesting = block.nesting
    name = f"{block.name}_unit{position + 1}"
    inside = {}
    outputs = {}
    tensors = []
    owned = 0
    for k, channels in enumerate(nesting.channels(width), start=1):
        if position % nesting.strides[k - 1]:
            continue
        if channels > owned:
            x = block.normalized(position, k, name)
            convolutions = blocks.unit_convolutions(kind, channels - owned)
            for index, one in enumerate(convolutions, start=1):
                if index > 1:
                    x = blocks.normalized(x, f"{name}_conv{index - 1}_stage{k}")
                    x = inside[index] = [*inside.get(index, []), x]
                x = blocks.convolution(
                    x, *one, l2=l2, name=f"{name}_conv{index}_stage{k}"
                )
            tensors = [*tensors, x]
            owned = channels
        outputs[k] = tensors
    block.add(position, outputs)
