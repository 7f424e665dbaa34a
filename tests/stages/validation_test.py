"""Graphs that are no anytime networks, refused when the model is made."""

import keras
import pytest
from keras import layers

import keras_anytime as ka


def _heads(tensors, **kwargs):
    return [
        layers.Dense(10, name=f"stage_{k}", **kwargs)(layers.Flatten()(tensor))
        for k, tensor in enumerate(tensors, start=1)
    ]


def _trunk(stages):
    image = keras.Input((8, 8, 1))
    tensors = []
    for _ in range(stages):
        tensors.append(layers.Conv2D(4, 3)(tensors[-1] if tensors else image))
    return image, tensors


@pytest.mark.parametrize("stages", [2, 3])
def test_stages_in_the_wrong_order_are_refused(stages):
    image, tensors = _trunk(stages)
    ka.AnytimeModel(image, _heads(tensors))
    with pytest.raises(
        ValueError, match="smallest subnetwork.*'stage_2' after"
    ):
        ka.AnytimeModel(image, _heads(tensors[::-1]))


def test_one_stage_out_of_order_is_named():
    image, (first, second, third) = _trunk(3)
    with pytest.raises(ValueError, match="'stage_3' after 'stage_2'"):
        ka.AnytimeModel(image, _heads([first, third, second]))


def test_an_early_head_may_have_more_layers_than_the_rest_of_the_network():
    image, (first, second) = _trunk(2)
    wide = layers.Dense(9)(layers.Dense(9)(layers.Flatten()(first)))
    ka.AnytimeModel(image, _heads([wide, second]))


@pytest.mark.parametrize(
    "make",
    [
        lambda x: layers.Dense(10, activation="softmax", name="stage_1")(x),
        lambda x: layers.Dense(10, activation="sigmoid", name="stage_1")(x),
        lambda x: layers.Softmax(name="stage_1")(layers.Dense(10)(x)),
        lambda x: layers.Activation("softmax", name="stage_1")(x),
        lambda x: keras.ops.softmax(layers.Dense(10)(x)),
    ],
)
def test_probabilities_for_logits_are_refused(make):
    image, (first, second) = _trunk(2)
    with pytest.raises(ValueError, match="give logits.*(softmax|sigmoid)"):
        ka.AnytimeModel(
            image, [make(layers.Flatten()(first)), layers.Dense(10)(second)]
        )


@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_a_model_as_a_layer_is_refused(kind):
    image, (first,) = _trunk(1)
    inner = keras.Sequential([layers.Conv2D(4, 3)], name="inner")
    if kind == "functional":
        inner = keras.Model(image, first, name="inner")
    other = keras.Input((8, 8, 1))
    with pytest.raises(ValueError, match="hides its own.*'inner'"):
        ka.AnytimeModel(other, _heads([inner(other)]))
    # What the error says to do.
    ka.AnytimeModel(image, _heads([first]))
