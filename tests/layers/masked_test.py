import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_anytime.layers import MaskedConv2D
from keras_anytime.layers import MaskedDense

INPUTS = (4, 0, 8)
OUTPUTS = (2, 2, 4)
MASKED = [
    lambda **kwargs: MaskedConv2D(
        INPUTS,
        OUTPUTS,
        3,
        padding="same",
        bias_initializer="normal",
        name="masked",
        **kwargs,
    ),
    lambda **kwargs: MaskedDense(
        INPUTS, OUTPUTS, bias_initializer="normal", name="masked", **kwargs
    ),
]


def _image():
    rng = np.random.default_rng(0)
    return rng.standard_normal((2, 5, 5, sum(INPUTS))).astype("float32")


def _sliced_outputs(slices, x):
    """Returns each slice's output from the channels of its own stages."""
    ends = np.cumsum(INPUTS)
    return tf.concat(
        [layer(x[..., :end]) for layer, end in zip(slices, ends, strict=True)],
        axis=-1,
    )


@pytest.mark.parametrize("make", MASKED)
def test_output_and_gradient_equal_the_slices(make):
    layer, x = make(), tf.constant(_image())
    layer(x)
    slices = layer.to_slices()
    target = tf.random.stateless_normal((2, 5, 5, sum(OUTPUTS)), seed=(1, 2))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        whole = layer(x)
        parts = _sliced_outputs(slices, x)
        whole_loss = tf.reduce_sum((whole - target) ** 2)
        parts_loss = tf.reduce_sum((parts - target) ** 2)
    np.testing.assert_allclose(whole, parts, atol=1e-5)
    np.testing.assert_allclose(
        tape.gradient(whole_loss, x), tape.gradient(parts_loss, x), atol=1e-4
    )
    kernel, bias = layer.trainable_variables
    got = tape.gradient(whole_loss, [kernel.value, bias.value])
    want = tape.gradient(
        parts_loss,
        [[v.value for v in part.trainable_variables] for part in slices],
    )
    # The gradient of the one kernel holds those of the slices, and no more.
    from keras_anytime.layers import masks

    np.testing.assert_allclose(
        got[0],
        masks.assemble_kernel(
            [np.asarray(kernel) for kernel, _ in want], INPUTS, OUTPUTS
        ),
        rtol=1e-4,
        atol=1e-3,
    )
    np.testing.assert_allclose(
        got[1], tf.concat([bias for _, bias in want], 0), rtol=1e-4, atol=1e-3
    )


@pytest.mark.parametrize("make", MASKED)
def test_slices_give_their_weights_back(make):
    layer, other, x = make(), make(), _image()
    output = layer(x)
    other.build(x.shape)
    assert not np.allclose(other(x), output)
    other.set_slices(layer.to_slices())
    np.testing.assert_array_equal(other(x), output)


def test_a_stage_that_adds_nothing_has_no_slice():
    layer = MaskedDense((2, 2), (3, 0))
    layer.build((None, 4))
    first, second = layer.to_slices()
    assert first.units == 3
    assert second is None
    layer.set_slices([first, second])


def test_each_slice_is_drawn_with_its_own_fan_in():
    layer = MaskedDense(
        (10, 990), (500, 500), kernel_initializer="he_normal", use_bias=False
    )
    layer.build((None, 1000))
    first, second = [layer.get_weights()[0] for layer in layer.to_slices()]
    assert np.std(first) == pytest.approx(np.sqrt(2 / 10), rel=0.1)
    assert np.std(second) == pytest.approx(np.sqrt(2 / 1000), rel=0.1)


@pytest.mark.parametrize("make", MASKED)
def test_a_saved_masked_layer_is_the_same(make, tmp_path):
    x = _image()
    image = keras.Input(x.shape[1:])
    model = keras.Model(image, make(kernel_initializer="he_normal")(image))
    model.save(tmp_path / "masked.keras")
    again = keras.models.load_model(tmp_path / "masked.keras")
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), again.predict(x, verbose=0)
    )
    assert again.layers[1].get_config() == model.layers[1].get_config()


@pytest.mark.parametrize("make", MASKED)
def test_mixed_precision_computes_in_16_bits(make):
    assert make(dtype="mixed_bfloat16")(_image()).dtype == "bfloat16"


def test_its_initializer_is_one_of_keras():
    layer = MaskedDense((2, 2), (3, 1))
    again = layer.kernel_initializer.clone()
    assert again.get_config() == layer.kernel_initializer.get_config()
    with pytest.raises(ValueError, match="groups=2"):
        MaskedConv2D((2, 2), (2, 2), 3, groups=2)


def test_wrong_channels_are_refused():
    with pytest.raises(ValueError, match="input_shape"):
        MaskedDense((2, 2), (1, 1)).build((None, 5))
    with pytest.raises(ValueError, match="output_slices"):
        MaskedConv2D((2, 2), (1,), 3)
