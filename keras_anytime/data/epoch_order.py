"""The order and the augmentation of each pass over a training set.

They come from NumPy, so that a pass is the same on every backend.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Draws:
    """What is drawn at random for one pass over a training set.

    Args:
        order: Int64 array `(examples,)`, the examples in the order of the pass.
        corners: Int32 array `(examples, 2)`, for each example the top left
            corner of its crop in the padded image, 0 to 2 * pad.
        flips: Boolean array `(examples,)`, whether each example is mirrored.
    """

    order: np.ndarray
    corners: np.ndarray
    flips: np.ndarray


def draws(seed, epoch, count, pad):
    """Returns the draws of a pass.

    Args:
        seed: Integer of 0 or more.
        epoch: Integer from 0, the number of the pass.
        count: Integer, the number of examples.
        pad: Integer, by how many pixels images are padded before the crop.

    Returns:
        `Draws` that depend on these alone.
    """
    random = np.random.default_rng([seed, epoch])
    return Draws(
        order=random.permutation(count),
        corners=random.integers(0, 2 * pad + 1, (count, 2), "int32"),
        flips=random.random(count) < 0.5,
    )


class Epochs:
    """Numbers the passes over a training set.

    The order and the augmentation of a pass depend on the seed and on its
    number alone. Looking at the data outside of training passes over it too;
    `start` gives the next pass its number whatever was looked at.

    Attributes:
        next: Integer. The number of the pass that starts next, from 0.
        trained: Integer. The number of passes that were trained on.
    """

    def __init__(self):
        self.next = 0
        self.trained = 0

    def start(self, epoch):
        """Numbers the pass that starts next."""
        self.next = epoch

    def finish(self, epoch):
        """Notes that a pass was trained on to its end."""
        self.trained = epoch + 1

    def begin(self):
        """Returns the number of the pass that starts now, and counts it."""
        epoch, self.next = self.next, self.next + 1
        return epoch
