"""Networks as a user might bring them: own graphs, stock layers, any names."""

import keras
from keras import layers

import keras_anytime as ka


def _pooled(x, k, classes=10):
    """A head as most networks have it."""
    x = layers.GlobalAveragePooling2D(name=f"pool_{k}")(x)
    return layers.Dense(classes, name=f"stage_{k}")(x)


def _mobilenet():
    """MobileNetV2 as it is, with heads at two of its additions."""
    base = keras.applications.MobileNetV2(
        (32, 32, 3), alpha=0.35, include_top=False, weights=None
    )
    cuts = ("block_4_add", "block_8_add", "out_relu")
    return ka.AnytimeModel(
        base.input,
        [
            _pooled(base.get_layer(name).output, k, classes=5)
            for k, name in enumerate(cuts, start=1)
        ],
    )


def _squeeze_and_excite():
    def unit(x, filters):
        x = layers.Conv2D(filters, 3, 2, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.Activation("silu")(x)
        gates = layers.GlobalAveragePooling2D()(x)
        gates = layers.Reshape((1, 1, filters))(gates)
        gates = layers.Dense(4, activation="relu")(gates)
        gates = layers.Dense(filters, activation="sigmoid")(gates)
        return layers.Multiply()([x, gates])

    image = keras.Input((8, 8, 1))
    a = unit(image, 8)
    b = unit(a, 12)
    # Operations of Keras in the place of layers.
    peaks = keras.ops.max(a, axis=(1, 2), keepdims=True)[..., :2]
    b = keras.ops.concatenate([b, peaks * keras.ops.sigmoid(b[..., :2])], -1)
    return ka.AnytimeModel(image, [_pooled(a, 1), _pooled(b, 2)])


def _group_normalization():
    def unit(x, filters):
        x = layers.Conv2D(filters, 3, 2, padding="same")(x)
        x = layers.GroupNormalization(groups=2)(x)
        return layers.PReLU(shared_axes=(1, 2))(x)

    image = keras.Input((8, 8, 1))
    a = unit(image, 8)
    b = unit(a, 8)
    c = unit(b, 16)
    return ka.AnytimeModel(image, [_pooled(a, 1), _pooled(b, 2), _pooled(c, 3)])


@keras.saving.register_keras_serializable("tests")
class Tokens(layers.Layer):
    """Puts a token of its own before those of the image, and adds places."""

    def build(self, input_shape):
        _, count, size = input_shape
        self.token = self.add_weight(shape=(1, 1, size), name="token")
        self.places = self.add_weight(shape=(1, count + 1, size), name="places")

    def call(self, tokens):
        shape = (keras.ops.shape(tokens)[0], 1, tokens.shape[-1])
        token = keras.ops.broadcast_to(self.token, shape)
        return keras.ops.concatenate([token, tokens], axis=1) + self.places


def _attention():
    """A vision transformer, with a head on the token after each block."""
    image = keras.Input((8, 8, 1))
    x = layers.Conv2D(8, 2, strides=2, name="patch.embed")(image)
    x = layers.Reshape((16, 8))(x)
    x = Tokens(name="class-token")(x)
    answers = []
    for k in (1, 2):
        y = layers.LayerNormalization()(x)
        attention = layers.MultiHeadAttention(2, 4, name=f"{k}attention")
        x = x + attention(y, y)
        y = layers.LayerNormalization()(x)
        y = layers.Dense(16, activation="gelu")(y)
        x = x + layers.Dense(8)(y)
        answers.append(layers.Dense(10, name=f"stage_{k}")(x[:, 0]))
    return ka.AnytimeModel(image, answers)


def _flatten_heads():
    """Names that TensorFlow, Python or exports have other uses for."""
    image = keras.Input((8, 8, 1), name="pixels.in")
    a = layers.Conv2D(8, 3, activation="relu", name="1conv")(image)
    b = layers.Conv2D(16, 3, 2, activation="relu", name="lambda")(a)
    small = layers.Flatten()(layers.AveragePooling2D(3)(a))
    large = layers.Flatten(name="flat-out")(b)
    large = layers.Dense(16, activation="relu", name="logits")(large)
    large = layers.Concatenate()([small, large])
    return ka.AnytimeModel(
        image,
        [
            layers.Dense(10, name="stage_1")(small),
            layers.Dense(10, name="stage_2")(large),
        ],
        name="my.network",
    )


USERS = {
    "mobilenet": _mobilenet,
    "squeeze_and_excite": _squeeze_and_excite,
    "group_normalization": _group_normalization,
    "attention": _attention,
    "flatten_heads": _flatten_heads,
}
