import keras
import numpy as np
import pytest

from keras_anytime.layers import SharedConv2D
from keras_anytime.layers import SharedKernel
from tests.layers.references import grouped_by_hand


def test_slices_of_filters_make_one_kernel():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 5, 4, 4)).astype("f")
    kernels = [rng.standard_normal((3, 3, 2, 4)).astype("f") for _ in range(2)]
    layer = SharedConv2D(groups=2)
    want = grouped_by_hand(x, np.concatenate(kernels, axis=-1), 2)
    np.testing.assert_allclose(layer([x, *kernels]), want, atol=1e-4)
    shapes = [x.shape, *(kernel.shape for kernel in kernels)]
    assert layer.compute_output_shape(shapes) == (2, 5, 4, 8)


def test_the_filters_of_slices_can_be_tensors_of_their_own():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 5, 4, 4)).astype("f")
    kernels = [
        rng.standard_normal((3, 3, 4, count)).astype("f") for count in (1, 3, 2)
    ]
    inputs = [x, *kernels]
    joined = np.asarray(SharedConv2D()(inputs))
    layer = SharedConv2D.from_config(SharedConv2D(split=True).get_config())
    parts = layer(inputs)
    shapes = layer.compute_output_shape([value.shape for value in inputs])
    assert shapes == [part.shape for part in parts]
    assert [part.shape[-1] for part in parts] == [1, 3, 2]
    np.testing.assert_array_equal(np.concatenate(parts, axis=-1), joined)
    with pytest.raises(ValueError, match="joined='inputs'"):
        SharedConv2D(joined="inputs", split=True)


def test_slices_of_inputs_add_up():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 5, 4, 6)).astype("f")
    kernels = [rng.standard_normal((1, 1, 3, 5)).astype("f") for _ in range(2)]
    layer = SharedConv2D(joined="inputs")
    want = x[..., :3] @ kernels[0][0, 0] + x[..., 3:] @ kernels[1][0, 0]
    np.testing.assert_allclose(layer([x, *kernels]), want, atol=1e-5)
    shapes = [x.shape, *(kernel.shape for kernel in kernels)]
    assert layer.compute_output_shape(shapes) == (2, 5, 4, 5)


def test_a_network_holds_the_kernels_that_it_reads(tmp_path):
    image = keras.Input((6, 6, 2), name="image")
    first, second = (
        SharedKernel(
            (3, 3, 2, 4),
            kernel_regularizer=keras.regularizers.L2(0.5),
            name=name,
        )(image)
        for name in ("first", "second")
    )
    thin = SharedConv2D(name="thin")([image, first])
    wide = SharedConv2D(name="wide")([image, first, second])
    model = keras.Model(image, [thin, wide])
    assert thin.shape == (None, 6, 6, 4)
    assert wide.shape == (None, 6, 6, 8)
    assert len(keras.Model(image, thin).variables) == 1
    assert len(model.variables) == 2
    x = np.random.default_rng(0).standard_normal((3, 6, 6, 2)).astype("f")
    got = model.predict(x, verbose=0)
    np.testing.assert_allclose(got[1][..., :4], got[0], atol=1e-5)
    # Used twice, regularized once.
    squares = sum(float((v.numpy() ** 2).sum()) for v in model.variables)
    assert float(sum(model.losses)) == pytest.approx(0.5 * squares, rel=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for a, b in zip(again.predict(x, verbose=0), got, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_other_axes_are_refused():
    with pytest.raises(ValueError, match="joined='rows'"):
        SharedConv2D(joined="rows")
