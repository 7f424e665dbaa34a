import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.evaluation import stage_costs
from keras_anytime.nets import blocks
from tests.testing import run_process
from tests.testing import tiny_net


def _convolutions(model, k):
    """The convolutions on the main path of stage k, by position."""
    names = {
        layer.name.rsplit("_stage", 1)[0]
        for layer in model.stage(k).layers
        if isinstance(layer, keras.layers.Conv2D)
    }
    return [name for name in names if "projection" not in name]


def test_the_default_is_resnet_42_in_every_stage():
    model = ka.nets.width_nested_resnet((32, 32, 3), 10)
    for k in (1, 2, 3):
        # The head is the 42nd layer.
        assert len(_convolutions(model, k)) + 1 == 42


@pytest.mark.parametrize(
    ("nesting", "widths"),
    [("w1-w2-w4", (8, 16, 32)), ("w1-w2-w3-w4", (8, 16, 24, 32))],
)
def test_each_stage_is_a_resnet_of_its_width(nesting, widths):
    model = tiny_net(nesting, units=(1, 1), filters=(32, 64))
    assert model.num_stages == len(widths)
    for k, width in enumerate(widths, start=1):
        features = model.get_layer(f"stage_{k}").input
        features = features if isinstance(features, list) else [features]
        assert sum(feature.shape[-1] for feature in features) == 2 * width
        convolutions = [
            layer
            for layer in model.stage(k).layers
            if layer.name.startswith("block1_unit1_conv1_stage")
            and isinstance(layer, keras.layers.Conv2D)
        ]
        assert sum(layer.filters for layer in convolutions) == width
        assert convolutions[-1].kernel.shape == (
            3,
            3,
            width,
            width - ([0, *widths][k - 1]),
        )


def test_one_stage_is_the_plain_resnet():
    # ResNet-20 of He et al. (2015), Table 6: 0.27 M parameters; its shortcuts
    # have no parameters there, the two projections here have 512 and 2048.
    model = ka.nets.width_nested_resnet(
        (32, 32, 3), 10, nesting="w1", units=(3, 3, 3), filters=(16, 32, 64)
    )
    (cost,) = stage_costs(model)
    assert cost.parameters == pytest.approx(0.27e6, rel=0.025)
    assert cost.macs == pytest.approx(41e6, rel=0.025)


@pytest.mark.slow
def test_resnet_50():
    model = ka.nets.width_nested_resnet(
        (224, 224, 3),
        1000,
        nesting="w1",
        units=(3, 4, 6, 3),
        filters=(256, 512, 1024, 2048),
        unit="bottleneck",
        stem="imagenet",
    )
    (cost,) = stage_costs(model)
    # 25.6 M parameters as commonly published for ResNet-50. He et al. (2016a)
    # count 3.8 G multiply-adds with the stride in the first 1x1; in the 3x3,
    # as here and in later code, it is 4.1 G.
    assert cost.parameters == pytest.approx(25.56e6, rel=0.005)
    assert cost.macs == pytest.approx(4.09e9, rel=0.01)
    assert len(_convolutions(model, 1)) + 1 == 50


def test_resolution_and_output_types():
    model = tiny_net(
        input_shape=(64, 48, 3),
        classes=7,
        stem="imagenet",
        units=(1, 1),
        filters=(8, 16),
    )
    assert model.output_names == ["stage_1", "stage_2", "stage_3"]
    assert [output.shape for output in model.outputs] == [(None, 7)] * 3
    assert [output.dtype for output in model.outputs] == ["float32"] * 3
    assert model.get_layer("final_stage1_relu").output.shape[1:3] == (8, 6)


def test_projections_stride_like_those_of_he_et_al():
    # Every second row and column of an odd size, from the first on.
    x = np.random.default_rng(0).standard_normal((2, 7, 7, 3)).astype("f")
    plain = keras.layers.Conv2D(4, 1, strides=2, padding="same")
    strided = plain(x)
    image = keras.Input((7, 7, 3))
    subsampled = keras.Model(image, blocks.subsample(image, 2, "subsampled"))
    convolved = keras.layers.Conv2D(4, 1)
    convolved.build((None, 4, 4, 3))
    convolved.set_weights(plain.get_weights())
    np.testing.assert_allclose(convolved(subsampled(x)), strided, atol=1e-6)


@pytest.mark.slow
def test_narrow_stripes_train_on_larger_images(repository):
    # Striding in narrow 1x1 convolutions crashed the process here.
    run = run_process(
        repository,
        "-c",
        """
import numpy as np
from tests.testing import compiled, tiny_net
x = np.random.default_rng(0).standard_normal((32, 64, 64, 3))
for gradients in ("sum", "orthogonal"):
    net = tiny_net(
        input_shape=(64, 64, 3), units=(1, 1), filters=(16, 32)
    )
    model = compiled(net, gradients)
    model.fit(x, np.arange(32) % 10, batch_size=4, verbose=0)
""",
    )
    assert run.returncode == 0, run.stderr[-2000:]


def test_kernels_are_he_normal():
    # A variance of two over the values that an output reads.
    model = tiny_net(units=(1, 1), filters=(32, 64))
    kernels = [
        layer.kernel.numpy()
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    large = [kernel for kernel in kernels if kernel.size > 2000]
    assert len(large) > 3
    for kernel in large:
        wanted = np.sqrt(2 / np.prod(kernel.shape[:-1]))
        assert np.std(kernel) == pytest.approx(wanted, rel=0.05)


def test_regularization_counts_each_kernel_once():
    model = tiny_net(l2=0.5)
    squares = [
        float((layer.kernel.numpy() ** 2).sum())
        for layer in model.layers
        if hasattr(layer, "kernel")
    ]
    assert float(sum(model.losses)) == pytest.approx(
        0.5 * sum(squares), rel=1e-4
    )
    assert not tiny_net(l2=0).losses


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"nesting": "w1-w3"}, "multiple of 3.*filters="),
        ({"nesting": "d1-d2"}, "grows in width only"),
        ({"nesting": "wide"}, "'wide'"),
        ({"unit": "plain"}, "unit='plain'"),
        ({"stem": "tiny"}, "stem='tiny'"),
        ({"units": (1, 1)}, "units="),
        ({"units": (0,)}, "units="),
        ({"filters": (6,), "unit": "bottleneck"}, "multiples of 4"),
        ({"classes": 1}, "classes=1"),
        ({"input_shape": (8, 8)}, "input_shape="),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        tiny_net(**arguments)
