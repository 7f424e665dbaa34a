"""Layers by their definition, in NumPy."""

import numpy as np


def grouped_by_hand(x, kernel, groups):
    """Returns a grouped 3x3 convolution, padded to keep the size.

    Args:
        x: Array `(batch, height, width, channels)`.
        kernel: Array `(3, 3, channels / groups, filters)`.
        groups: Integer.

    Returns:
        Array `(batch, height, width, filters)`.
    """
    batch, height, width, channels = x.shape
    filters = kernel.shape[-1]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    out = np.zeros((batch, height, width, filters))
    for f in range(filters):
        group = f // (filters // groups)
        size = channels // groups
        own = padded[..., group * size : (group + 1) * size]
        for i in range(3):
            for j in range(3):
                window = own[:, i : i + height, j : j + width]
                out[..., f] += window @ kernel[i, j, :, f]
    return out
