import keras
import numpy as np
import pytest

from keras_anytime.layers import GroupedConv2D
from tests.layers.references import grouped_by_hand


@pytest.mark.parametrize("zero_filled", [None, True, False])
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_each_branch_reads_its_own_channels(groups, zero_filled):
    x = np.random.default_rng(0).standard_normal((2, 5, 4, 6)).astype("f")
    layer = GroupedConv2D(
        12,
        3,
        groups=groups,
        zero_filled=zero_filled,
        padding="same",
        use_bias=False,
    )
    got = layer(x)
    assert layer.kernel.shape == (3, 3, 6 // groups, 12)
    np.testing.assert_allclose(
        got, grouped_by_hand(x, layer.kernel.numpy(), groups), atol=1e-5
    )


def test_it_is_made_again_from_its_config():
    layer = GroupedConv2D(4, 3, groups=2, zero_filled=False, strides=2)
    again = GroupedConv2D.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert (again.groups, again.zero_filled) == (2, False)


def test_zeros_outside_the_groups_are_not_learned():
    layer = GroupedConv2D(4, 3, groups=2, use_bias=False)
    image = keras.Input((6, 6, 4))
    model = keras.Model(image, layer(image))
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 6, 6, 4)).astype("f")
    model.train_on_batch(x, rng.standard_normal((8, 4, 4, 4)).astype("f"))
    before = model.predict(x, verbose=0)
    x[..., 2:] += 1.0  # The channels of the second branch.
    after = model.predict(x, verbose=0)
    np.testing.assert_array_equal(after[..., :2], before[..., :2])
    assert not np.allclose(after[..., 2:], before[..., 2:])
