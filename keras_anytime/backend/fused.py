"""Fused operations that `keras.ops` does not offer."""

import keras

from keras_anytime.backend.types import Tensor


def batch_normalization(
    inputs: Tensor,
    gamma: Tensor,
    beta: Tensor,
    epsilon: float,
    synchronized: bool = False,
) -> tuple[Tensor, Tensor, Tensor] | None:
    """Normalizes a batch in one operation, if the backend has one.

    Args:
        inputs: Tensor `(batch, height, width, channels)`.
        gamma: Float32 tensor `(channels,)`, the scale.
        beta: Float32 tensor `(channels,)`, the offset.
        epsilon: Float, added to the variance.
        synchronized: Boolean. Whether the statistics are those of the batch of
            all replicas.

    Returns:
        Tuple of the normalized tensor, like `inputs`, and of the batch's mean
        and biased variance, float32 `(channels,)`. `None` if the backend has
        no such operation for these dtypes or for several replicas.
    """
    if keras.backend.backend() != "tensorflow":
        return None
    if inputs.dtype == "float64" or gamma.dtype != "float32":
        return None
    import tensorflow as tf

    if synchronized and tf.distribute.get_strategy().num_replicas_in_sync > 1:
        return None
    outputs, mean, unbiased, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=tf.convert_to_tensor(gamma),
        offset=tf.convert_to_tensor(beta),
        mean=[],
        variance=[],
        epsilon=epsilon,
        is_training=True,
    )
    # The operation returns the unbiased variance, although it normalizes with
    # the biased one. That of a single value is 0.
    shape = tf.shape(inputs)
    count = tf.cast(shape[0] * shape[1] * shape[2], unbiased.dtype)
    variance = tf.where(count > 1, unbiased * (count - 1) / count, 0)
    return outputs, mean, variance
