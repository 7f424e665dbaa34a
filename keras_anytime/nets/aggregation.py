"""Power-of-two aggregation in a block whose units several stages share."""

import keras

from keras_anytime.nesting import Nesting
from keras_anytime.nets import blocks

# The units that sums can be read by: those that begin with BN-ReLU.
UNITS = ("basic", "bottleneck")


def source_positions(position: int) -> list[int]:
    """Returns the positions of the units whose sum a unit reads.

    Args:
        position: Integer, counted from 0.

    Returns:
        List of `position - 1`, `position - 2`, `position - 4`, ... down to
        -1, which stands for the block's input.

    Reference:
        [Zhu et al., 2018, Section 3](https://arxiv.org/abs/1801.05895)
    """
    offsets = (2**power for power in range((position + 1).bit_length()))
    return [position - offset for offset in offsets]


class NestedBlock:
    """One block's units, and the sums of units that each stage reads.

    The output of a unit is stored per stage, as the list of tensors that make
    up the stage's channels: the tensors of earlier stages first, then the
    slice that the stage added.

    Args:
        nesting: A `Nesting`.
        inputs: Dict from each stage to the list of tensors of its input.
        name: String. Prefix of the layers' names.
    """

    def __init__(
        self,
        nesting: Nesting,
        inputs: dict[int, list[keras.KerasTensor]],
        name: str,
    ):
        self.nesting = nesting
        self.name = name
        self._units = {-1: inputs}
        self._joined: dict[tuple[int, ...], keras.KerasTensor] = {}
        self._sums: dict[tuple[int, ...], keras.KerasTensor] = {}
        self._normalized: dict[tuple[int, int], list[keras.KerasTensor]] = {}

    @property
    def size(self) -> int:
        """Number of units added so far."""
        return len(self._units) - 1

    def add_unit(
        self, position: int, outputs: dict[int, list[keras.KerasTensor]]
    ) -> None:
        """Adds a unit.

        Args:
            position: Integer, counted from 0 in the full network.
            outputs: Dict from each stage that has the unit to the list of
                tensors of the unit's channels.
        """
        self._units[position] = outputs

    def normalized_input(
        self, position: int, stage: int, name: str
    ) -> list[keras.KerasTensor]:
        """Returns the input of a unit for one stage, after BN-ReLU.

        Where a stage is as deep as the stage before it, the first channels of
        its sums are the sums that the earlier stage normalized, so these
        tensors are shared. Where the stage is deeper, the sums differ and get
        a normalization of their own.

        Args:
            position: Integer. A unit of the stage; or the number of units in
                the block, for the block's output.
            stage: Integer, counted from 1.
            name: String. Prefix of the layers' names; the same in each call
                with this position.

        Returns:
            List of tensors `(batch, height, width, channels)`.
        """
        key = position, stage
        if key not in self._normalized:
            stride = self.nesting.strides[stage - 1]
            sources = [
                source if source < 0 else source * stride
                for source in source_positions(position // stride)
            ]
            if self.nesting.deepens(stage):
                shared = []
                tensors = [
                    self._all_channels(source, stage) for source in sources
                ]
            else:
                shared = self.normalized_input(position, stage - 1, name)
                tensors = [self._units[source][stage][-1] for source in sources]
            total = self._sum(tensors, f"{name}_sum_stage{stage}")
            self._normalized[key] = [
                *shared,
                blocks.batch_norm_relu(total, f"{name}_in_stage{stage}"),
            ]
        return self._normalized[key]

    def _sum(
        self, tensors: list[keras.KerasTensor], name: str
    ) -> keras.KerasTensor:
        """Returns the sum of the tensors, from a layer that is made once."""
        key = tuple(id(tensor) for tensor in tensors)
        if key not in self._sums:
            self._sums[key] = blocks.add(tensors, name)
        return self._sums[key]

    def _all_channels(self, position: int, stage: int) -> keras.KerasTensor:
        """Returns a unit's channels as one tensor, concatenated once."""
        tensors = self._units[position][stage]
        key = tuple(id(tensor) for tensor in tensors)
        if key not in self._joined:
            unit = f"unit{position + 1}" if position >= 0 else "input"
            self._joined[key] = blocks.concatenate(
                tensors, f"{self.name}_{unit}_joined_stage{stage}"
            )
        return self._joined[key]


def add_interlaced_unit(
    block: NestedBlock, position: int, filters: int, kind: str, *, l2: float
) -> None:
    """Adds the unit at a position to a block, one slice per widening stage.

    Args:
        block: A `NestedBlock` with the units before this position.
        position: Integer, counted from 0 in the full network.
        filters: Integer. Output channels in the full network.
        kind: `"basic"` or `"bottleneck"`.
        l2: Float. Factor of each kernel's squared norm in the loss.
    """
    nesting = block.nesting
    name = f"{block.name}_unit{position + 1}"
    # The normalized slices that each convolution but the first reads.
    inner: dict[int, list[keras.KerasTensor]] = {}
    outputs = {}
    tensors: list[keras.KerasTensor] = []
    owned = 0
    for k, channels in enumerate(nesting.channels(filters), start=1):
        if position % nesting.strides[k - 1]:
            continue
        if channels > owned:
            x = block.normalized_input(position, k, name)
            sizes = blocks.unit_convolutions(kind, channels - owned)
            for index, size in enumerate(sizes, start=1):
                if index > 1:
                    x = blocks.batch_norm_relu(
                        x, f"{name}_conv{index - 1}_stage{k}"
                    )
                    x = inner[index] = [*inner.get(index, []), x]
                x = blocks.convolution(
                    x, *size, l2=l2, name=f"{name}_conv{index}_stage{k}"
                )
            tensors = [*tensors, x]
            owned = channels
        outputs[k] = tensors
    block.add_unit(position, outputs)
