"""Long runs of a sampler, and what chance allows in them."""

import numpy as np
import tensorflow as tf

# Exceeded by chance once in 10,000 times, by degrees of freedom.
CHI_SQUARE_LIMITS = {1: 15.1, 2: 18.4, 3: 21.1, 4: 23.5, 14: 42.6, 24: 58.6}


def run(sampler, losses, jit_compile=False):
    """Calls a sampler on each row of losses, in one compiled loop.

    Args:
        sampler: A `Sampler` for K stages.
        losses: Array `(steps, K)`.
        jit_compile: Boolean. Whether XLA compiles the loop.

    Returns:
        Tuple of the stages drawn `(steps,)` and the weights `(steps, K)`.
    """
    losses = np.asarray(losses, "float32")
    sampler.ensure_built(losses.shape[1])
    steps = len(losses)

    @tf.function(jit_compile=jit_compile)
    def loop(losses):
        stages = tf.TensorArray(tf.int32, steps)
        weights = tf.TensorArray(tf.float32, steps)
        for step in tf.range(steps):
            weights = weights.write(step, sampler(losses[step]))
            stages = stages.write(step, sampler.last_drawn.value)
        return stages.stack(), weights.stack()

    return tuple(one.numpy() for one in loop(losses))


def assert_drawn_with(probabilities, stages):
    """Chi-square test of the stages drawn; one of probability 0 never is."""
    probabilities = np.asarray(probabilities, "float64")
    counts = np.bincount(stages, minlength=len(probabilities) + 1)
    assert len(counts) == len(probabilities) + 1 and counts[0] == 0
    possible = probabilities > 0
    counts, impossible = counts[1:][possible], counts[1:][~possible]
    assert not np.any(impossible)
    expected = probabilities[possible] / probabilities.sum() * len(stages)
    assert expected.min() >= 5, "too few draws for this test"
    statistic = np.sum((counts - expected) ** 2 / expected)
    assert statistic < CHI_SQUARE_LIMITS[len(counts) - 1], (counts, expected)
