"""Layers of nested networks: slices, masked layers and shared kernels."""

from keras_anytime.layers.grouped import GroupedConv2D
from keras_anytime.layers.masked import MaskedConv2D
from keras_anytime.layers.masked import MaskedDense
from keras_anytime.layers.normalization import BatchNormalization
from keras_anytime.layers.padding import ChannelPadding
from keras_anytime.layers.shared import SharedConv2D
from keras_anytime.layers.shared import SharedKernel
from keras_anytime.layers.sliced import SlicedConv2D
from keras_anytime.layers.sliced import SlicedDense

__all__ = [
    "BatchNormalization",
    "ChannelPadding",
    "GroupedConv2D",
    "MaskedConv2D",
    "MaskedDense",
    "SharedConv2D",
    "SharedKernel",
    "SlicedConv2D",
    "SlicedDense",
]
