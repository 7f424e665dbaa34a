import keras
import numpy as np
import pytest

from keras_anytime.layers import SlicedConv2D
from keras_anytime.layers import SlicedDense


def _features(*shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype("float32") for shape in shapes]


def test_a_convolution_slice_convolves_what_its_stage_may_read():
    a, b = _features((2, 6, 6, 3), (2, 6, 6, 2))
    layer = SlicedConv2D(4, 3, padding="same", bias_initializer="normal")
    plain = keras.layers.Conv2D(4, 3, padding="same")
    joined = np.concatenate([a, b], axis=-1)
    plain.build(joined.shape)
    output = layer([a, b])
    plain.set_weights(layer.get_weights())
    assert layer.kernel.shape == (3, 3, 5, 4)
    np.testing.assert_allclose(output, plain(joined), atol=1e-6)


def test_a_dense_slice_reads_what_its_stage_may_read():
    a, b = _features((2, 3), (2, 2))
    layer = SlicedDense(4, bias_initializer="normal")
    output = layer([a, b])
    kernel, bias = layer.get_weights()
    expected = np.concatenate([a, b], axis=-1) @ kernel + bias
    np.testing.assert_allclose(output, expected, atol=1e-6)


@pytest.mark.parametrize("one_in_list", [True, False])
def test_a_slice_of_the_first_stage_reads_one_tensor(one_in_list):
    (a,) = _features((2, 6, 6, 3))
    layer = SlicedConv2D(4, 3)
    assert layer([a] if one_in_list else a).shape == (2, 4, 4, 4)


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (SlicedConv2D(4, 3, strides=2), [(8, 8, 3), (8, 8, 2)]),
        (SlicedDense(4), [(3,), (2,)]),
    ],
)
def test_a_saved_slice_is_the_same(layer, shapes, tmp_path):
    inputs = [keras.Input(shape) for shape in shapes]
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "slice.keras")
    again = keras.models.load_model(tmp_path / "slice.keras")
    data = _features(*[(2, *shape) for shape in shapes])
    np.testing.assert_array_equal(
        model.predict(data, verbose=0), again.predict(data, verbose=0)
    )
    assert again.output_shape == model.output_shape


def test_channels_first_is_refused():
    with pytest.raises(ValueError, match="channels_first"):
        SlicedConv2D(4, 3, data_format="channels_first")
