"""Operations that some backends fuse, and that `keras.ops` does not offer."""

import keras


def batch_normalization(inputs, gamma, beta, epsilon):
    """Normalises a batch in one operation, where the backend has one.

    Args:
        inputs: Tensor `(batch, height, width, channels)`.
        gamma: Float32 tensor `(channels,)`, the scale.
        beta: Float32 tensor `(channels,)`, the offset.
        epsilon: Float, added to the variance.

    Returns:
        Tuple of the normalised tensor, like `inputs`, and of the batch's mean
        and (biased) variance, float32 `(channels,)`; or `None` where the
        backend has no such operation.
    """
    if keras.backend.backend() != "tensorflow":
        return None
    from keras_anytime.fused import tensorflow

    return tensorflow.batch_normalization(inputs, gamma, beta, epsilon)
