"""Prunes a trained network: sets its smallest weights to zero."""

from collections.abc import Sequence
from typing import Any

import keras
import tf_keras

from keras_anytime.export.fine_tuning import FineTuning
from keras_anytime.export.fine_tuning import has_plain_kernel
from keras_anytime.export.fine_tuning import load_tfmot
from keras_anytime.export.tf_keras_copy import tf_keras_copy

_MAX_UPDATES = 100


def prune(
    model: keras.Model,
    data: Any,
    *,
    sparsity: float = 0.5,
    initial_sparsity: float = 0.0,
    begin: float = 0.0,
    end: float = 0.75,
    epochs: int = 2,
    learning_rate: float = 1e-3,
    stage_weights: Sequence[float] | None = None,
    verbose: bool = True,
) -> keras.Model:
    """Sets the smallest weights of each kernel to zero and trains the others.

    The share of zeros rises along a cubic curve while all stages are trained
    together.

    ```python notest
    pruned = ka.export.prune(model, (images, labels), sparsity=0.5)
    ka.export.tflite(pruned, "run/pruned.tflite")
    print(ka.export.file_sizes("run/pruned.tflite"))
    ```

    Args:
        model: A trained `AnytimeModel`, which does not change.
        data: As in `quantization_aware`.
        sparsity: Float between 0 and 1, the share of zeros in each kernel of
            a convolution or dense layer.
        initial_sparsity: Float from 0 to `sparsity`, where the curve starts.
        begin: Float. Share of the training steps before the first weights are
            pruned.
        end: Float, larger than `begin`. Share of the training steps after
            which no more weights are pruned.
        epochs: Integer. Passes over the data.
        learning_rate: Float, the learning rate of Adam.
        stage_weights: As in `quantization_aware`.
        verbose: Boolean. Whether a line on the standard error says of each
            epoch what is done and how long it took.

    Returns:
        A new `AnytimeModel`, not compiled.

    Raises:
        ValueError: As in `quantization_aware`.
        FloatingPointError: If a weight is not finite after training.

    Reference:
        [Zhu and Gupta, 2017](https://arxiv.org/abs/1710.01878)
    """
    if not 0 < sparsity < 1:
        raise ValueError(
            f"`sparsity` must be between 0 and 1. Received: sparsity={sparsity}"
        )
    if not 0 <= initial_sparsity <= sparsity:
        raise ValueError(
            "`initial_sparsity` must be from 0 to `sparsity`. "
            f"Received: initial_sparsity={initial_sparsity}"
        )
    if not 0 <= begin < end <= 1:
        raise ValueError(
            "`begin` and `end` must be shares of the training steps in rising "
            f"order. Received: begin={begin}, end={end}"
        )
    training = FineTuning(
        model, data, epochs, learning_rate, stage_weights, verbose
    )
    steps = training.steps
    if steps < 2:
        raise ValueError(
            "The schedule of pruning takes 2 training steps or more. "
            f"Received: data and epochs={epochs} of {steps} training step"
        )
    first, last, frequency = _updates(steps, begin, end)
    sparsity_lib = load_tfmot().sparsity.keras
    copy = tf_keras_copy(model)

    def wrap(layer):
        if not has_plain_kernel(layer):
            return layer
        # The zeros outside the groups come on top of the pruned weights.
        inside = 1 / getattr(layer.kernel_constraint, "groups", 1)
        schedule = sparsity_lib.PolynomialDecay(
            1 - (1 - initial_sparsity) * inside,
            1 - (1 - sparsity) * inside,
            first,
            last,
            frequency=frequency,
        )
        return sparsity_lib.prune_low_magnitude(
            layer, pruning_schedule=schedule
        )

    pruned = tf_keras.models.clone_model(copy, clone_function=wrap)
    training.fit(pruned, [sparsity_lib.UpdatePruningStep()])
    return training.network_of(sparsity_lib.strip_pruning(pruned))


def _updates(steps: int, begin: float, end: float) -> tuple[int, int, int]:
    """Returns the training steps in which weights are pruned.

    Args:
        steps: Integer, the number of training steps.
        begin: Float, as in `prune`.
        end: Float, as in `prune`.

    Returns:
        Tuple of the first and the last step, and the distance between updates.
    """
    first = min(int(begin * steps), steps - 2)
    last = max(first + 1, min(int(end * steps), steps - 1))
    frequency = max(1, (last - first) // _MAX_UPDATES)
    # The last step sets the final sparsity, so it has to be an update.
    last -= (last - first) % frequency
    return first, last, frequency
