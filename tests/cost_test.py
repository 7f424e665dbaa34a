import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import keras_anytime as ka
from keras_anytime import cost
from keras_anytime.cost import stage_costs
from tests.conformance.catalogue import NETWORKS
from tests.conformance.networks import EXPORTED
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


@pytest.mark.parametrize("name", sampled(list(NETWORKS), EXPORTED))
def test_macs_equal_the_shapes_in_the_exported_file(name, made_once):
    model = built(name)
    counts = _macs_in_tflite(exported(made_once, name))
    ran = 0
    for one in stage_costs(model):
        if model.interruptible:
            assert one.step_macs == counts[f"step_{one.stage}"]
            ran += one.step_macs
        alone = counts[f"subnet_{one.stage}"]
        # An answer of an ensemble comes after all networks before it.
        is_ensemble = isinstance(model, ka.nets.ExponentialEnsemble)
        assert one.macs == (ran if is_ensemble else alone)


def test_macs_of_single_layers_by_hand():
    image = keras.Input((10, 8, 6))
    layers = {
        # 10 x 8 outputs of 4 channels, each from 3 x 3 x 6 values.
        keras.layers.Conv2D(4, 3, padding="same"): 10 * 8 * 4 * 54,
        keras.layers.Conv2D(4, 3, strides=2): 4 * 3 * 4 * 54,
        keras.layers.Conv2D(6, 3, groups=3, padding="same"): 80 * 6 * 18,
        keras.layers.DepthwiseConv2D(3, padding="same"): 80 * 6 * 9,
        keras.layers.Dense(5): 80 * 6 * 5,
        keras.layers.BatchNormalization(): 0,
        keras.layers.GlobalAveragePooling2D(): 0,
    }
    for layer, expected in layers.items():
        layer(image)
        assert cost.macs(layer) == expected


def test_models_in_a_model_are_counted_and_unknown_kernels_refused():
    image = keras.Input((10, 8, 6))
    inner = keras.Sequential([keras.layers.Conv2D(4, 3, padding="same")])
    inner(image)
    assert cost.macs(inner) == 10 * 8 * 4 * 54
    unknown = keras.layers.Conv2DTranspose(4, 3)
    unknown(image)
    with pytest.raises(ValueError, match="Conv2DTranspose"):
        cost.macs(unknown)


def test_parameters_are_those_of_keras():
    model = NETWORKS["width_nested_resnet"]()
    costs = stage_costs(model)
    for one in costs:
        stage = model.stage(one.stage)
        assert one.parameters == sum(
            int(np.prod(v.shape)) for v in stage.trainable_variables
        )
    total = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert sum(one.step_parameters for one in costs) == total


def test_an_open_image_size_is_refused():
    model = ka.nets.width_nested_resnet((None, None, 3), 10, units=(1, 1, 1))
    assert model(np.zeros((1, 16, 16, 3)))[0].shape == (1, 10)
    with pytest.raises(ValueError, match="fixed"):
        stage_costs(model)
