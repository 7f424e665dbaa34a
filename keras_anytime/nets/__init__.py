"""Builders of anytime networks, one module per family."""

from keras_anytime.nets.width_nested_resnet import width_nested_resnet

__all__ = ["width_nested_resnet"]
