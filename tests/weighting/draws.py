"""Long runs of a sampler, and what chance allows in them."""

import keras
import numpy as np

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
    if keras.backend.backend() == "jax":
        return _run_on_jax(sampler, losses)
    import tensorflow as tf

    steps = len(losses)

    @tf.function(jit_compile=jit_compile)
    def loop(losses):
        stages = tf.TensorArray(tf.int32, steps)
        weights = tf.TensorArray(tf.float32, steps)
        for step in tf.range(steps):
            weights = weights.write(step, sampler(losses[step]))
            stages = stages.write(step, sampler.last_drawn.value)
        return stages.stack(), weights.stack()

    return tuple(output.numpy() for output in loop(losses))


def _run_on_jax(sampler, losses):
    import jax

    variables = [
        *sampler.variables,
        # A base weighting has variables of its own.
        *getattr(sampler.base, "variables", []),
    ]
    variables = list(
        {id(variable): variable for variable in variables}.values()
    )

    def step(state, row):
        mapping = list(zip(variables, state, strict=True))
        with keras.StatelessScope(mapping) as scope:
            weights = sampler(row)
            stage = sampler.last_drawn.value
        state = [scope.get_current_value(variable) for variable in variables]
        return state, (stage, weights)

    state = [variable.value for variable in variables]
    state, outputs = jax.lax.scan(step, state, losses)
    for variable, value in zip(variables, state, strict=True):
        variable.assign(value)
    return tuple(np.asarray(output) for output in outputs)


def assert_drawn_with(probabilities, stages):
    """Tests the stages drawn by chi-square; probability 0 means never drawn."""
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
