import numpy as np

from keras_anytime.layers import ChannelPadding


def test_zeros_follow_the_channels():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype("f")
    layer = ChannelPadding(2)
    padded = np.asarray(layer(x))
    assert padded.shape == layer.compute_output_shape(x.shape) == (2, 3, 4, 7)
    np.testing.assert_array_equal(padded[..., :5], x)
    assert not padded[..., 5:].any()
    assert ChannelPadding.from_config(layer.get_config()).channels == 2
