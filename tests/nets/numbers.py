"""Sparse ResNets in NumPy, computed by the rules of `sparse_rule`."""

import keras
import numpy as np


class Computed:
    """Computes the numbers, in NumPy, with weights found by layers' names.

    Args:
        model: The Keras model that has the weights.
        image: Array `(batch, height, width, channels)`.
        training: Whether normalization is by the statistics of the batch.
    """

    def __init__(self, model, image, training=False):
        self.model = model
        self.image = np.asarray(image, "float64")
        self.training = training
        self.used = set()

    def weights(self, name):
        """A layer's weights by their names."""
        layer = self.model.get_layer(name)
        self.used.add(name)
        return {
            weight.name: np.asarray(weight.numpy(), "float64")
            for weight in layer.weights
        }

    def stem(self, name, channels, kind):
        if kind == "cifar":
            return self.convolved(name, self.image, channels, 3)
        x = self.convolved(name, self.image, channels, 7, 2)
        return np.max(_windows(x, 3, 2, -np.inf), axis=(3, 4))

    def convolved(self, name, x, channels, size, strides=1):
        weights = self.weights(name)
        kernel = weights.pop("kernel")
        assert not weights  # There is no bias.
        assert kernel.shape == (size, size, x.shape[-1], channels)
        windows = _windows(x, size, strides, 0)
        return np.einsum("bhwijc,ijcd->bhwd", windows, kernel)

    def normalized(self, name, x, relu=True):
        weights = self.weights(name)
        mean, variance = weights["moving_mean"], weights["moving_variance"]
        if self.training:
            mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        x = (x - mean) / np.sqrt(variance + 1e-5)
        x = x * weights["gamma"] + weights["beta"]
        return np.maximum(x, 0) if relu else x

    def head(self, name, x):
        weights = self.weights(name)
        return x.mean((1, 2)) @ weights["kernel"] + weights["bias"]

    def part(self, x, first, last):
        return x[..., first:last]

    def joined(self, tensors):
        return np.concatenate(tensors, axis=-1)

    def total(self, tensors):
        return sum(tensors)

    def padded(self, x, channels):
        return np.pad(x, [(0, 0), (0, 0), (0, 0), (0, channels)])


def _windows(x, size, strides, value):
    """The square around each pixel: (batch, h, w, size, size, channels).

    Padded as TensorFlow does for `"same"`: if by an odd number of rows, then
    by one more after the image than before it.
    """
    padding = []
    counts = []
    for length in x.shape[1:3]:
        counts.append(-(-length // strides))
        added = max((counts[-1] - 1) * strides + size - length, 0)
        padding.append((added // 2, added - added // 2))
    x = np.pad(x, [(0, 0), *padding, (0, 0)], constant_values=value)
    return np.stack(
        [
            np.stack(
                [
                    x[:, row : row + size, column : column + size]
                    for column in range(0, counts[1] * strides, strides)
                ],
                axis=1,
            )
            for row in range(0, counts[0] * strides, strides)
        ],
        axis=1,
    )


def moved(model, seed=0):
    """Moves normalizations and biases off their first values.

    A fresh network would hide mistakes: its means are 0 and variances 1.
    """
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        ranges = {
            "gamma": (0.5, 1.5),
            "beta": (-0.3, 0.3),
            "bias": (-0.3, 0.3),
            "moving_mean": (-0.3, 0.3),
            "moving_variance": (0.5, 1.5),
        }
        if variable.name in ranges:
            low, high = ranges[variable.name]
            variable.assign(rng.uniform(low, high, variable.shape))
    return model


def assert_same_function(model, other, x):
    """Asserts that models with the same weights compute the same.

    Args:
        model: A Keras model, that gets the weights of the other one.
        other: A Keras model with the same layers in the same order.
        x: Array of images.
    """
    for layer, source in zip(model.layers, other.layers, strict=True):
        assert type(layer) is type(source)
        layer.set_weights(source.get_weights())
    # Training moves the statistics: they are compared after it.
    for training in (False, True):
        for actual, expected in zip(
            keras.tree.flatten(model(x, training=training)),
            keras.tree.flatten(other(x, training=training)),
            strict=True,
        ):
            np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
    for actual, expected in zip(
        model.get_weights(), other.get_weights(), strict=True
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
