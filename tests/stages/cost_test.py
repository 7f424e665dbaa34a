import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from keras import layers as L

import keras_anytime as ka
from keras_anytime.stages.calls import graph_calls
from keras_anytime.stages.cost import stage_costs
from keras_anytime.stages.multiply_adds import multiply_adds
from tests.conformance.catalogue import NETWORKS
from tests.conformance.networks import built
from tests.conformance.networks import exported
from tests.testing import sampled


def _macs_in_tflite(path):
    """Multiply-adds of each signature, from the shapes in the file."""
    content = path.read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    kinds = schema.BuiltinOperator
    counts = {}
    for signature in model.signatureDefs:
        subgraph = model.subgraphs[signature.subgraphIndex]
        total = 0
        for operator in subgraph.operators:
            code = model.operatorCodes[operator.opcodeIndex].builtinCode
            shapes = [
                subgraph.tensors[index].shape
                for index in (operator.outputs[0], *operator.inputs[1:2])
            ]
            if code == kinds.CONV_2D:  # Weights are (out, height, width, in).
                total += np.prod(shapes[0]) * np.prod(shapes[1][1:])
            elif code == kinds.FULLY_CONNECTED:  # Weights are (out, in).
                total += np.prod(shapes[1])
            elif code == kinds.DEPTHWISE_CONV_2D:
                # A normalization: no multiply-adds of a convolution.
                assert tuple(shapes[1][1:3]) == (1, 1)
            else:
                assert code not in (
                    kinds.TRANSPOSE_CONV,
                    kinds.BATCH_MATMUL,
                )
        counts[signature.signatureKey.decode()] = total
    return counts


@pytest.mark.parametrize(
    "name",
    sampled(list(NETWORKS), ["width_nested_resnet", "inclusive_resnext"]),
)
def test_macs_equal_the_shapes_in_the_exported_file(name, made_once):
    model = built(name)
    counts = _macs_in_tflite(exported(made_once, name))
    ran = 0
    for cost in stage_costs(model):
        if model.interruptible:
            assert cost.step_macs == counts[f"step_{cost.stage}"]
            ran += cost.step_macs
        alone = counts[f"subnet_{cost.stage}"]
        # An answer of an ensemble comes after all networks before it.
        is_ensemble = isinstance(model, ka.nets.ExponentialEnsemble)
        assert cost.macs == (ran if is_ensemble else alone)


def _products_in_tensorflow(model):
    """Multiply-adds of a model by TensorFlow's profiler, for one image.

    It counts a multiplication and an addition for each. Of some products, such
    as those of `tf.einsum`, it knows nothing.
    """
    specs = [tf.TensorSpec((1, *x.shape[1:]), x.dtype) for x in model.inputs]
    traced = tf.function(lambda *x: model(list(x) if x[1:] else x[0]))
    graph = traced.get_concrete_function(*specs).graph
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder.float_operation()
    options["output"] = "none"
    found = tf.compat.v1.profiler.profile(graph, cmd="op", options=options)
    kinds = ("MatMul", "BatchMatMulV2", "Conv2D", "Conv3D")
    kinds += ("Conv2DBackpropInput", "DepthwiseConv2dNative")
    waiting, total = [found], 0
    while waiting:
        node = waiting.pop()
        waiting += node.children
        if node.name in kinds:
            total += node.float_ops
    return total / 2


@pytest.mark.parametrize(
    ("shapes", "function"),
    [
        ([(9, 3)], L.Conv1D(4, 3, padding="same")),
        ([(5, 6, 7, 3)], L.Conv3D(4, 3, strides=2)),
        ([(9, 3)], L.Conv1DTranspose(4, 3, strides=2, padding="same")),
        ([(5, 6, 3)], L.Conv2DTranspose(4, 4, strides=2, padding="same")),
        ([(9, 3)], L.DepthwiseConv1D(3, depth_multiplier=2)),
        ([(5, 6, 3)], L.SeparableConv2D(4, 3, depth_multiplier=2)),
        ([(2, 6)], L.Bidirectional(L.LSTM(4, unroll=True))),
        ([(2, 6)], L.GRU(4, unroll=True)),
        ([(2, 5, 6, 2)], L.ConvLSTM2D(4, 3, padding="same", unroll=True)),
        ([(3, 5, 6, 2)], L.TimeDistributed(L.Conv2D(4, 3))),
        ([(5, 6), (7, 6)], lambda q, v: L.Attention()([q, v])),
        ([(5, 6), (7, 6)], lambda q, v: L.Dot(2)([q, v])),
        (
            [(8, 8, 2)],
            lambda x: L.Dense(3)(keras.ops.reshape(x, (-1, 16, 2))),
        ),
    ],
)
def test_macs_equal_those_of_tensorflows_profiler(shapes, function):
    inputs = [keras.Input(shape) for shape in shapes]
    outputs = function(*inputs)
    model = keras.Model(inputs, outputs)
    calls, _ = graph_calls(inputs, [outputs])
    unknown = {}
    total = sum(multiply_adds(call, unknown) for call in calls)
    assert total == _products_in_tensorflow(model) > 0 and not unknown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "published"),
    [("MobileNetV2", 300e6), ("DenseNet121", 2.83e9), ("ResNet50", 3.86e9)],
)
def test_macs_of_known_networks_are_those_that_are_published(name, published):
    network = getattr(keras.applications, name)(weights=None)
    head = L.Dense(10, name="stage_1")(network.layers[-2].output)
    (found,) = stage_costs(ka.AnytimeModel(network.input, [head]))
    # Published with a head of 1,000 classes.
    more = 990 * network.layers[-2].output.shape[-1]
    assert found.macs + more == pytest.approx(published, rel=0.005)


def two_stages(first, second, size=8):
    """A network of two layers, with a dense head on each."""
    image = keras.Input((size, size, 1))
    a = first(image)
    b = second(a)
    pooled = [L.GlobalAveragePooling2D()(x) for x in (a, b)]
    return ka.AnytimeModel(
        image,
        [L.Dense(10, name=f"stage_{k}")(x) for k, x in enumerate(pooled, 1)],
        name="net",
    )


def test_a_shared_layer_costs_each_stage_its_own_calls():
    conv = L.Conv2D(1, 3, padding="same")
    pool = L.MaxPooling2D(2)
    model = two_stages(conv, lambda a: conv(pool(conv(pool(a)))))
    assert not model.interruptible
    first, second = stage_costs(model)
    assert first.macs == 64 * 9 + 10
    assert second.macs == (64 + 16 + 4) * 9 + 10
    # Each stage takes a pass of its own.
    assert (first.step_macs, second.step_macs) == (first.macs, second.macs)
    assert first.parameters == second.parameters == 10 + 20


@keras.saving.register_keras_serializable("tests")
class Own(keras.Layer):
    """A layer of a user's own, whose multiply-adds nothing tells."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1], 2))

    def call(self, inputs):
        return keras.ops.matmul(inputs, self.scale)


def test_own_layers_are_named_once_and_stop_no_curve(tmp_path):
    model = two_stages(Own(name="mine"), L.Conv2D(4, 1))
    x, y = np.zeros((4, 8, 8, 1), "float32"), np.arange(4)
    with pytest.warns(UserWarning, match="'mine'.*class Own") as warned:
        curve = ka.evaluation.anytime_curve(model, (x, y))
    assert len(warned) == 1
    assert [point.macs for point in curve.points] == [20, 64 * 8 + 40]
    curve.plot(tmp_path / "curve.png")


@pytest.mark.filterwarnings("ignore:Multiply-adds")
def test_own_layers_stop_no_export(tmp_path):
    model = two_stages(Own(), L.Conv2D(4, 1))
    path = tmp_path / "own.tflite"
    ka.export.tflite(model, path)
    image = np.random.default_rng(0).standard_normal((8, 8, 1), "float32")
    expected = model(image[None])
    found = list(ka.runtime.AnytimePredictor(path).stream(image))
    for result, logits in zip(found, expected, strict=True):
        np.testing.assert_allclose(result.logits, logits[0], atol=1e-5)


@pytest.mark.filterwarnings("ignore:Multiply-adds")
def test_where_nothing_is_known_costs_are_0():
    image = keras.Input((8, 8, 1))
    a = L.Flatten()(image)
    model = ka.AnytimeModel(
        image, [Own(name="stage_1")(a), Own(name="stage_2")(L.ReLU()(a))]
    )
    assert [cost.macs for cost in stage_costs(model)] == [0, 0]
    data = np.zeros((4, 8, 8, 1), "float32"), np.array([0, 1, 0, 1])
    curve = ka.evaluation.anytime_curve(model, data)
    assert "of the whole" not in str(curve)
    assert curve.error_at(1) == curve.points[-1].top1_error


def test_many_unknown_layers_are_counted_not_listed():
    image = keras.Input((8,))
    x = image
    for k in range(8):
        x = Own(name=f"own_{k}")(x)
    with pytest.warns(UserWarning, match="'own_4' .* and 3 other layers"):
        stage_costs(ka.AnytimeModel(image, [L.Dense(2, name="stage_1")(x)]))


def test_parameters_are_those_of_keras():
    model = NETWORKS["width_nested_resnet"]()
    costs = stage_costs(model)
    for cost in costs:
        stage = model.stage(cost.stage)
        assert cost.parameters == sum(
            int(np.prod(v.shape)) for v in stage.trainable_variables
        )
    total = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert sum(cost.step_parameters for cost in costs) == total


def test_of_an_open_image_size_what_depends_on_it_is_not_counted(tmp_path):
    model = two_stages(L.Conv2D(2, 1, name="open"), L.Conv2D(4, 1), None)
    with pytest.warns(UserWarning, match="'open'.*left open"):
        assert [cost.macs for cost in stage_costs(model)] == [
            20,
            40,
        ]
    for export, name in (("tflite", "a.tflite"), ("saved_model", "a")):
        with pytest.raises(ValueError, match="one size.*None, None, 1"):
            getattr(ka.export, export)(model, tmp_path / name)
    assert not list(tmp_path.iterdir())
