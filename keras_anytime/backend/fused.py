"""Operations that a backend fuses, and that `keras.ops` does not offer."""

import keras


def batch_normalization(inputs, gamma, beta, epsilon, synchronized=False):
    """Normalizes a batch in one operation, where the backend has one.

    Args:
        inputs: Tensor `(batch, height, width, channels)`.
        gamma: Float32 tensor `(channels,)`, the scale.
        beta: Float32 tensor `(channels,)`, the offset.
        epsilon: Float, added to the variance.
        synchronized: Boolean. Whether statistics are those of all replicas.

    Returns:
        Tuple of the normalized tensor, like `inputs`, and of the batch's mean
        and (biased) variance, float32 `(channels,)`; or `None` where the
        backend has no such operation: none over several replicas, or for these
        dtypes.
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
    # The operation tells the unbiased variance, though it normalizes with the
    # other one, which of a single value is 0.
    shape = tf.shape(inputs)
    count = tf.cast(shape[0] * shape[1] * shape[2], unbiased.dtype)
    variance = tf.where(count > 1, unbiased * (count - 1) / count, 0)
    return outputs, mean, variance
