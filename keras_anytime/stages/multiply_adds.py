"""Multiply-adds of one call: the formula is chosen by the layer's class.

The formulas are in `cost_rules.py`.

Sums of products count: convolutions, dense layers, attention, recurrences and
matrix products. As is usual, additions of biases, activations, normalization,
pooling and elementwise products do not.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

import keras
from keras import layers

from keras_anytime.layers import ChannelPadding
from keras_anytime.layers import SharedConv2D
from keras_anytime.layers import SharedKernel
from keras_anytime.stages import cost_rules as rules
from keras_anytime.stages.calls import Call
from keras_anytime.stages.calls import graph_calls


def multiply_adds(call: Call, unknown: dict[str, str]) -> int:
    """Returns the multiply-adds of a call.

    Args:
        call: `Call` on tensors of one image.
        unknown: Dict from the names of operations whose multiply-adds are
            unknown, which count as 0, to the reasons. This function adds to
            it.

    Returns:
        Integer.
    """
    try:
        inner_calls = _inner_calls(call)
        if inner_calls is None:
            return _rule(call.operation)(call)
    except Exception as error:
        # A known class may fail too: a user's class may differ from the known
        # class that it is derived from.
        unknown[call.operation.name] = str(error)
        return 0
    return sum(
        times * multiply_adds(inner_call, unknown)
        for times, inner_call in inner_calls
    )


def _rule(operation: keras.Operation) -> Callable[[Call], int]:
    """Returns the function from a call to its multiply-adds."""
    kind = type(operation)
    for base in kind.__mro__:
        if base in _LAYERS:
            return _LAYERS[base]
    # Operations of `keras.ops` have no public classes, nor have the layers of
    # `keras.applications`.
    of_keras = kind.__module__.partition(".")[0] == "keras"
    if of_keras and kind.__name__ in _FREE_APPLICATION_LAYERS:
        return rules.zero
    if of_keras and not isinstance(operation, keras.Layer):
        if kind.__name__ in _OPERATIONS:
            return _OPERATIONS[kind.__name__]
        if kind.__name__ not in _UNKNOWN_OPERATIONS:
            return rules.zero
    raise rules.UnknownCost(
        f"layers of the class {kind.__name__} are not known"
    )


def _inner_calls(call: Call) -> list[tuple[int, Call]] | None:
    """Returns the calls that a wrapper or model makes, and how often.

    Returns:
        List of pairs (times, call), or `None` if the operation wraps no other.
    """
    layer = call.operation
    if isinstance(layer, (keras.Sequential, layers.Pipeline)):
        return [(1, inner) for inner in _chain(layer.layers, call.args[0])]
    if isinstance(layer, keras.Function):
        tensors = keras.tree.flatten(call.args[0])
        calls, _ = graph_calls(layer.inputs, layer.outputs, tensors)
        return [(1, inner) for inner in calls]
    if isinstance(layer, layers.TimeDistributed):
        (sequence,) = keras.tree.flatten(call.args[0])
        frame = keras.KerasTensor(
            (sequence.shape[0], *sequence.shape[2:]), sequence.dtype
        )
        times = rules.size(sequence.shape[1:2])
        return [(times, Call.record(layer.layer, frame))]
    if isinstance(layer, layers.Bidirectional):
        return [
            (1, Call.record(direction, call.args[0]))
            for direction in (layer.forward_layer, layer.backward_layer)
        ]
    if isinstance(layer, layers.SpectralNormalization):
        return [(1, Call.record(layer.layer, *call.args))]
    return None


def _chain(
    chained: Sequence[keras.layers.Layer], tensor: keras.KerasTensor
) -> Iterator[Call]:
    """Yields the calls of layers, each on the output of the layer before."""
    for layer in chained:
        call = Call.record(layer, tensor)
        yield call
        if not call.outputs:
            return
        (tensor,) = call.outputs


# Layers without multiply-adds.
_FREE = """
Activation ActivityRegularization AdaptiveAveragePooling1D
AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D
AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AlphaDropout AugMix AutoContrast
Average AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization
CategoryEncoding CenterCrop Concatenate
ContrastLimitedAdaptiveHistogramEqualization Cropping1D Cropping2D Cropping3D
CutMix Discretization Dropout ELU Embedding Equalization Flatten
GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D
GlobalMaxPooling3D GroupNormalization HashedCrossing Hashing Identity
InputLayer IntegerLookup LayerNormalization LeakyReLU Masking
MaxNumBoundingBoxes MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum
MixUp Multiply Normalization PReLU Permute RMSNormalization RandAugment
RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast
RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur
RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization
RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation
RandomZoom ReLU RepeatVector Rescaling Reshape Resizing Softmax Solarization
SpatialDropout1D SpatialDropout2D SpatialDropout3D StringLookup Subtract
TextVectorization UnitNormalization UpSampling1D UpSampling2D UpSampling3D
ZeroPadding1D ZeroPadding2D ZeroPadding3D
"""

# Elementwise layers of ConvNeXt.
_FREE_APPLICATION_LAYERS = frozenset(("LayerScale", "StochasticDepth"))

# The first of a layer's base classes that is in this table applies.
_LAYERS: dict[type, Callable[[Call], int]] = {
    **{getattr(layers, name): rules.zero for name in _FREE.split()},
    **dict.fromkeys([ChannelPadding, SharedKernel], rules.zero),
    **dict.fromkeys(rules.CELLS, rules.cell),
    SharedConv2D: rules.shared_kernel,
    layers.AdditiveAttention: rules.additive_attention,
    layers.Attention: rules.attention,
    layers.Conv1D: rules.kernel,
    layers.Conv1DTranspose: rules.transposed_kernel,
    layers.Conv2D: rules.kernel,
    layers.Conv2DTranspose: rules.transposed_kernel,
    layers.Conv3D: rules.kernel,
    layers.Conv3DTranspose: rules.transposed_kernel,
    layers.ConvLSTM1D: rules.recurrent_convolution,
    layers.ConvLSTM2D: rules.recurrent_convolution,
    layers.ConvLSTM3D: rules.recurrent_convolution,
    layers.Dense: rules.kernel,
    layers.DepthwiseConv1D: rules.depthwise,
    layers.DepthwiseConv2D: rules.depthwise,
    layers.Dot: rules.dot_layer,
    layers.EinsumDense: rules.einsum_dense,
    layers.GroupQueryAttention: rules.grouped_query_attention,
    layers.MultiHeadAttention: rules.multi_head_attention,
    layers.RNN: rules.recurrent,
    layers.ReversibleEmbedding: rules.reversible_embedding,
    layers.SeparableConv1D: rules.separable,
    layers.SeparableConv2D: rules.separable,
    layers.StackedRNNCells: rules.cell,
}

# By class names of `keras.ops`. Other operations have no multiply-adds.
_OPERATIONS = {
    "Conv": rules.convolution,
    "ConvTranspose": rules.transposed_convolution,
    "DepthwiseConv": rules.depthwise_convolution,
    "Dot": rules.dot,
    "DotProductAttention": rules.attention_products,
    "Einsum": rules.einsum_operation,
    "Inner": rules.dot,
    "Matmul": rules.matrix_product,
    "SeparableConv": rules.separable_convolution,
    "Tensordot": rules.tensordot,
    "Vdot": rules.inner_product,
}
_UNKNOWN_OPERATIONS = frozenset(
    """
AssociativeScan CDist Cholesky CholeskyInverse Cond Corrcoef Correlate Det Eig
Eigh FFT FFT2 ForiLoop IFFT2 IRFFT ISTFT Inv JVP Logdet Lstsq LuFactor Map
MatrixRank Operation Pinv Qr RFFT STFT SVD Scan Slogdet Solve SolveTriangular
Switch VectorizedMap WhileLoop
""".split()
)
