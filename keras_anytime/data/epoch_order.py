"""The order and the augmentation of each epoch of a training set.

NumPy draws both, so that an epoch is the same on every backend.
"""

import dataclasses

import numpy as np

from keras_anytime.data.augmentation import Augmentation


@dataclasses.dataclass(frozen=True, eq=False)
class EpochSample:
    """The random choices of one epoch over a training set.

    Args:
        order: Int64 array `(examples,)`. The examples in the order of the
            epoch.
        crop_offsets: Int32 array `(examples, 2)`. For each example, the top
            left corner of its crop in the padded image, 0 to 2 * pad.
        flips: Boolean array `(examples,)`. Whether each example is mirrored.
        blurs: Float32 array `(examples, radius + 1)`. For each example, the
            weights of the pixels 0, 1, ... `radius` away in a row or column,
            which add up to 1 over both sides. Without blur, `radius` is -1.
    """

    order: np.ndarray
    crop_offsets: np.ndarray
    flips: np.ndarray
    blurs: np.ndarray


def sample_epoch(
    seed: int, epoch: int, count: int, augmentation: Augmentation
) -> EpochSample:
    """Draws the order and the augmentation of an epoch.

    The result depends on the arguments alone.

    Args:
        seed: Integer of 0 or more.
        epoch: Integer. The number of the epoch, counted from 0.
        count: Integer. The number of examples.
        augmentation: The `Augmentation` of the images.

    Returns:
        An `EpochSample`.
    """
    random = np.random.default_rng([seed, epoch])
    pad = augmentation.pad
    # The blur is drawn last, so that it changes nothing else.
    return EpochSample(
        order=random.permutation(count),
        crop_offsets=random.integers(0, 2 * pad + 1, (count, 2), "int32"),
        flips=random.random(count) < 0.5,
        blurs=_sample_blurs(random, count, augmentation),
    )


def _sample_blurs(
    random: np.random.Generator, count: int, augmentation: Augmentation
) -> np.ndarray:
    """Draws the weights of `EpochSample.blurs`."""
    if not augmentation.blur:
        return np.zeros((count, 0), "float32")
    sigma = np.maximum(augmentation.blur * random.random(count), 1e-3)
    distance = np.arange(augmentation.blur_radius + 1)
    weights = np.exp(-((distance / sigma[:, None]) ** 2) / 2)
    total = 2 * weights.sum(axis=1, keepdims=True) - weights[:, :1]
    return (weights / total).astype("float32")


class EpochCounter:
    """Numbers the epochs of a training set.

    The order and the augmentation of an epoch depend on the seed and on the
    epoch's number only. Iterating over the data outside of training counts as
    an epoch too. `fit` therefore sets the number of each epoch before it
    begins.

    Attributes:
        next: Integer. The number of the epoch that begins next, from 0.
        trained: Integer. The number of epochs that training has completed.
    """

    def __init__(self) -> None:
        self.next = 0
        self.trained = 0

    def set_next(self, epoch: int) -> None:
        """Sets the number of the epoch that begins next."""
        self.next = epoch

    def mark_trained(self, epoch: int) -> None:
        """Records that training has completed an epoch."""
        self.trained = epoch + 1

    def advance(self) -> int:
        """Returns the number of the epoch that begins now, and counts it."""
        epoch, self.next = self.next, self.next + 1
        return epoch
