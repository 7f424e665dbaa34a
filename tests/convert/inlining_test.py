import keras
import numpy as np
import pytest
from keras import layers

import keras_anytime as ka
from tests.convert import nets
from tests.testing import compiled
from tests.testing import scramble


def _images(count=4, shape=(8, 8, 3)):
    rng = np.random.default_rng(0)
    return rng.uniform(0, 255, (count, *shape)).astype("float32")


def test_nested_models_become_one_graph_of_the_same_layers():
    model = scramble(nets.nested())
    flat = ka.convert.inlined(model)
    assert not any(isinstance(op, keras.Model) for op in flat.operations)
    images = _images()
    np.testing.assert_array_equal(
        nets.run(flat, images), nets.run(model, images)
    )
    assert {id(v) for v in flat.variables} == {id(v) for v in model.variables}
    assert [layer.name for layer in flat.layers][:3] == [
        "pixels",
        "scaled",
        "mix",
    ]


def test_a_flat_model_is_returned_as_it_is():
    model = nets.plain()
    assert ka.convert.inlined(model) is model


def test_a_sequential_model_that_grew_layer_by_layer():
    model = keras.Sequential(name="grown")
    model.add(keras.Input((8, 8, 3)))
    for filters in (4, 8, 8):
        model.add(layers.Conv2D(filters, 3, padding="same"))
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(5, activation="softmax"))
    anytime = ka.convert.add_heads(model, 5, at=(0.5,), max_head_share=0.5)
    images = _images()
    features = {"image": images}
    for k, want in enumerate(nets.run(anytime, images), start=1):
        features |= anytime.step(k)(features)
        np.testing.assert_allclose(features["logits"], want, rtol=1e-5)
    np.testing.assert_allclose(
        keras.ops.softmax(features["logits"]),
        nets.run(model, images),
        rtol=1e-5,
    )
    assert anytime.get_layer(model.layers[0].name) is model.layers[0]


def test_frozen_layers_stay_frozen_and_keep_their_statistics():
    inner = nets.base(name="inner")
    inner.trainable = False
    image = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D()(inner(image, training=False))
    model = keras.Model(image, layers.Dense(3)(x))
    anytime = ka.convert.add_heads(model, 3, at=("inner_add0",))
    assert not anytime.get_layer("inner_conv0").trainable
    before = [np.array(variable) for variable in inner.variables]
    compiled(anytime).train_on_batch(_images(), np.arange(4) % 3)
    for old, new in zip(before, inner.variables, strict=True):
        np.testing.assert_array_equal(old, new)


def test_training_false_goes_to_the_layers_within():
    model = nets.nested(training=False)
    with pytest.warns(UserWarning, match=r"inner_norm0"):
        flat = ka.convert.inlined(model)
    calls = {
        layer["name"]: layer["inbound_nodes"]
        for layer in flat.get_config()["layers"]
    }
    assert calls["inner_norm1"][0]["kwargs"]["training"] is False
    assert "training" not in calls["inner_relu1"][0]["kwargs"]


def test_of_two_layers_of_one_name_the_second_is_copied():
    first, second = nets.base(name="same"), nets.base(name="same")
    for seed, model in enumerate((first, second)):
        scramble(model, seed)
    second.get_layer("same_norm1").trainable = False
    one, two = (keras.Input((8, 8, 3), name=name) for name in ("one", "two"))
    second_in = keras.Model(second.input, second.output, name="other")
    x = layers.Add(name="sum")([first(one), second_in(two)])
    model = keras.Model([one, two], x)
    flat = ka.convert.inlined(model)
    images = [_images(), _images()[::-1]]
    np.testing.assert_array_equal(
        nets.run(flat, images), nets.run(model, images)
    )
    assert flat.get_layer("same_norm1") is first.get_layer("same_norm1")
    assert not flat.get_layer("other_same_norm1").trainable


def test_inputs_and_outputs_of_nested_models_may_be_dicts():
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    inner = keras.Model(
        {"b": b, "a": a}, {"sum": layers.Add()([a, b]), "b": layers.ReLU()(b)}
    )
    left, right = keras.Input((2,)), keras.Input((2,), dtype="int32")
    both = inner({"a": left, "b": right})
    out = layers.Subtract()([both["sum"], both["b"]])
    model = keras.Model([left, right], out)
    flat = ka.convert.inlined(model)
    values = [np.ones((3, 2), "float32"), np.full((3, 2), -4, "int32")]
    np.testing.assert_array_equal(
        nets.run(flat, values), nets.run(model, values)
    )


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def call(self, x):
        return x


class OwnCall(keras.Model):
    def call(self, inputs, **kwargs):
        return super().call(inputs, **kwargs) * 2


def _shared_layer():
    image = keras.Input((4,))
    layer = layers.Dense(4, name="twice")
    return keras.Model(image, layer(layer(image)))


def _shared_model():
    inner = nets.base()
    images = [keras.Input((8, 8, 3)) for _ in range(2)]
    return keras.Model(images, layers.Add()(list(map(inner, images))))


def _subclassed_inside():
    image = keras.Input((4,))
    return keras.Model(image, Subclassed(name="own")(image))


def _own_call():
    image = keras.Input((4,))
    return OwnCall(image, layers.Dense(2)(image), name="own")


def _other_rank():
    inner = keras.Sequential([keras.Input((4, 1)), layers.Flatten()])
    image = keras.Input((4,))
    return keras.Model(image, inner(image))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_shared_layer, r"each of its layers is called once.*'twice'"),
        (_shared_model, r"each of its layers is called once.*'base'"),
        (lambda: Subclassed(name="own"), r"functional or Sequential.*'own'"),
        (_subclassed_inside, r"functional or Sequential.*'own'"),
        (_own_call, r"functional or Sequential.*with its own `call`"),
        (lambda: keras.Sequential([layers.Dense(2)]), r"keras\.Input"),
        (lambda: layers.Dense(2), r"Received: model="),
        (_other_rank, r"of the rank of its inputs"),
        (
            lambda: ka.convert.add_heads(
                nets.plain(), 5, at=("base_add0",), max_head_share=0.9
            ),
            r"has its stages already",
        ),
    ],
)
def test_what_has_no_graph_says_so(make, reason):
    with pytest.raises(ValueError, match=reason):
        ka.convert.inlined(make())
