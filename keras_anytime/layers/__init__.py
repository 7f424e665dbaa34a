"""Layers that hold one slice of a nested network, or all of them masked."""

from keras_anytime.layers.masked import MaskedConv2D
from keras_anytime.layers.masked import MaskedDense
from keras_anytime.layers.sliced import SlicedConv2D
from keras_anytime.layers.sliced import SlicedDense

__all__ = ["MaskedConv2D", "MaskedDense", "SlicedConv2D", "SlicedDense"]
