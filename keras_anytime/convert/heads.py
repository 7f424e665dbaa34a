"""Heads: what is between a cut and the classifier of a stage."""

import math
from collections.abc import Callable
from typing import Any
from typing import TypeAlias

import keras
from keras import layers

from keras_anytime import tasks
from keras_anytime.layers import BatchNormalization
from keras_anytime.nets.blocks import Classes

#: From a tensor and the number of its stage to what the classifier reads.
Head: TypeAlias = Callable[[keras.KerasTensor, int], keras.KerasTensor]

# By the rank of the tensor: a convolution, and pooling of all positions.
_BY_RANK: dict[int, tuple[Any, Any]] = {
    3: (layers.Conv1D, layers.GlobalAveragePooling1D),
    4: (layers.Conv2D, layers.GlobalAveragePooling2D),
    5: (layers.Conv3D, layers.GlobalAveragePooling3D),
}
_OF_TOKENS = (
    layers.AdditiveAttention,
    layers.Attention,
    layers.GroupQueryAttention,
    layers.LayerNormalization,
    layers.MultiHeadAttention,
    layers.RMSNormalization,
)


class Heads:
    """Makes the heads of a network, under names that it does not use.

    Args:
        network: The functional model that gets heads.
        classes: As for `add_heads`.
        head: As for `add_heads`.
        width: Integer or `None`, as for `add_heads`.
    """

    def __init__(
        self,
        network: keras.Model,
        classes: Classes,
        head: Head | None,
        width: int | None,
    ) -> None:
        self._head = head
        self._width = width
        entries = classes if isinstance(classes, dict) else {"": classes}
        self.tasks = {name: tasks.get(entry) for name, entry in entries.items()}
        self._taken = {operation.name for operation in network.operations}
        self._normalizes = any(
            isinstance(layer, _OF_TOKENS) for layer in network.layers
        )

    @property
    def outputs(self) -> int:
        """Number of values that the classifiers of one stage give."""
        return sum(task.size for task in self.tasks.values())

    def outputs_of(
        self,
        x: keras.KerasTensor,
        stage: int,
        most: float | None,
        size: tuple[int, ...],
    ) -> list[keras.KerasTensor]:
        """Returns the outputs of a stage on a tensor, one for each task.

        Args:
            x: Symbolic tensor, the batch axis first.
            stage: Integer, counted from 1.
            most: Float, the multiply-adds that the head may have if it is the
                default one; `None` for pooled features without a convolution.
            size: Tuple of integers, the positions of the labels of a
                segmentation.
        """
        dense = any(task.name == "segmentation" for task in self.tasks.values())
        if self._head is None:
            x = self._default(x, stage, most, pool=not dense)
        else:
            x = self._head(x, stage)
            _check_features(x, stage, dense)
        return [
            self._classifier(x, name, task, stage, size)
            for name, task in self.tasks.items()
        ]

    def _default(
        self,
        x: keras.KerasTensor,
        stage: int,
        most: float | None,
        pool: bool,
    ) -> keras.KerasTensor:
        """Returns the features of the default head."""
        rank = len(x.shape)
        if rank == 2:
            return x
        convolution, pooling = _BY_RANK[rank]
        normalizes = self._normalizes
        if normalizes and rank == 3:
            x = layers.LayerNormalization(name=self._name(stage, "norm"))(x)
        elif most is not None and (width := self._wider(x, most)):
            x = convolution(
                width,
                1,
                use_bias=False,
                kernel_initializer="he_normal",
                name=self._name(stage, "conv"),
            )(x)
            x = BatchNormalization(name=self._name(stage, "norm"))(x)
            x = layers.ReLU(name=self._name(stage, "relu"))(x)
            normalizes = False
        if pool:
            x = pooling(name=self._name(stage, "pool"))(x)
        if normalizes and rank > 3:
            x = layers.LayerNormalization(name=self._name(stage, "norm"))(x)
        return x

    def _wider(self, x: keras.KerasTensor, most: float) -> int:
        """Returns the channels that a thin tensor gets; 0 for none."""
        channels = x.shape[-1]
        if self._width is None:
            return 0
        positions = math.prod(x.shape[1:-1])
        each = positions * channels + self.outputs
        width = min(self._width, int(most / each) // 8 * 8)
        return width if width > channels else 0

    def _classifier(
        self,
        x: keras.KerasTensor,
        label_set: str,
        task: tasks.Task,
        stage: int,
        size: tuple[int, ...],
    ) -> keras.KerasTensor:
        """Returns the logits of a task, from a layer named after the stage."""
        suffix = f"_{label_set}" if label_set else ""
        name = f"stage_{stage}{suffix}"
        if task.name != "segmentation":
            return layers.Dense(task.size, dtype="float32", name=name)(x)
        convolution, _ = _BY_RANK[len(x.shape)]
        positions = tuple(x.shape[1:-1])
        if positions == size:
            return convolution(task.size, 1, dtype="float32", name=name)(x)
        x = convolution(
            task.size,
            1,
            dtype="float32",
            name=self._name(stage, f"logits{suffix}"),
        )(x)
        return _upsampled(x, size, name)

    def _name(self, stage: int, part: str) -> str:
        """Returns a name for a layer that no layer has."""
        name = f"head_{stage}_{part}"
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


def _upsampled(
    x: keras.KerasTensor, size: tuple[int, ...], name: str
) -> keras.KerasTensor:
    """Returns logits at the positions of the labels."""
    factors = [
        wanted / given
        for wanted, given in zip(size, x.shape[1:-1], strict=True)
    ]
    whole = all(factor.is_integer() for factor in factors)
    if len(size) == 2:
        if whole:
            return layers.UpSampling2D(
                tuple(map(int, factors)),
                interpolation="bilinear",
                dtype="float32",
                name=name,
            )(x)
        return layers.Resizing(*size, dtype="float32", name=name)(x)
    upsampling = {1: layers.UpSampling1D, 3: layers.UpSampling3D}[len(size)]
    if not whole:
        raise ValueError(
            "The answers of a segmentation of series or volumes are repeated "
            "to the size of the labels, which must be a multiple of the size "
            f"at the cut. Received: a cut of {tuple(x.shape[1:-1])} and labels "
            f"of {size} positions"
        )
    factors = [int(factor) for factor in factors]
    layer = upsampling(
        factors[0] if len(size) == 1 else tuple(factors),
        dtype="float32",
        name=name,
    )
    return layer(x)


def _check_features(x: keras.KerasTensor, stage: int, dense: bool) -> None:
    """Raises a `ValueError` if a head gives no features for a classifier."""
    rank = len(getattr(x, "shape", ()))
    if (rank not in _BY_RANK) if dense else (rank != 2):
        wanted = (
            "(batch, height, width, channels)" if dense else "(batch, features)"
        )
        raise ValueError(
            f"`head` must return a tensor of shape {wanted}, which the "
            f"classifier reads. Received: {x!r} for stage {stage}"
        )
