import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.testing import compiled
from tests.testing import digits
from tests.testing import hierarchical_net
from tests.testing import passes_net
from tests.testing import scramble
from tests.testing import tiny_net


def _twice():
    """A network one of whose layers is called twice, in its second stage."""
    image = keras.Input((4,), name="image")
    a = keras.layers.Dense(4, name="a")(image)
    again = keras.layers.Dense(4, name="again")
    b = again(again(a))
    outputs = [
        keras.layers.Dense(3, name=f"stage_{k}")(x) for k, x in ((1, a), (2, b))
    ]
    return ka.AnytimeModel(image, outputs, name="twice")


def test_networks_that_pass_features_on_are_interruptible():
    assert tiny_net().interruptible
    assert hierarchical_net().interruptible


def test_a_kernel_that_one_stage_reads_crosses_no_step():
    image = keras.Input((4,), name="image")
    a = keras.layers.Dense(2, name="a")(image)
    b = keras.ops.matmul(
        a, ka.layers.SharedKernel((2, 2), name="kernel")(image)
    )
    model = ka.AnytimeModel(
        image,
        [
            keras.layers.Dense(3, name="stage_1")(a),
            keras.layers.Dense(3, name="stage_2")(b),
        ],
    )
    assert model.interruptible
    x = np.ones((5, 4), "float32")
    features = model.step(2)({"image": x, **model.step(1)({"image": x})})
    np.testing.assert_allclose(features["logits"], model.stage(2)(x), atol=1e-6)


def test_batches_of_a_fixed_size_are_features_like_others():
    image = keras.Input(batch_shape=(5, 4), name="image")
    a = keras.layers.Dense(4, name="a")(image)
    b = keras.layers.Dense(4, name="b")(a)
    model = ka.AnytimeModel(
        image,
        [
            keras.layers.Dense(3, name="stage_1")(a),
            keras.layers.Dense(3, name="stage_2")(b),
        ],
    )
    assert model.interruptible
    x = np.ones((5, 4), "float32")
    features = model.step(1)({"image": x})
    features = model.step(2)({"image": x, **features})
    np.testing.assert_allclose(features["logits"], model.stage(2)(x), atol=1e-6)


@pytest.mark.parametrize(
    ("build", "reason"),
    [(passes_net, "share weights but no features"), (_twice, "'again'")],
)
def test_networks_without_steps_say_why(build, reason):
    model = build()
    assert not model.interruptible
    for k in (1, 2):
        with pytest.raises(ValueError, match=rf"{reason}.*`stage\(k\)`.*k={k}"):
            model.step(k)


@pytest.mark.parametrize("gradients", ["sum", "orthogonal"])
def test_stages_that_share_weights_but_no_features_train(gradients, tmp_path):
    model = compiled(scramble(passes_net()), gradients)
    x, y = digits(32)
    # The kernel is everybody's; the rest is each stage's own.
    shared, *own = ({v.path for v in model.stage_variables(k)} for k in (1, 2))
    assert shared & own[0] == {model.get_layer("kernel").kernel.path}
    before = [v.numpy() for v in model.trainable_variables]
    model.fit(x, y, verbose=0)
    for old, new in zip(before, model.trainable_variables, strict=True):
        assert not np.array_equal(old, new)
    model.save(tmp_path / "model.keras")
    again = ka.load_model(tmp_path / "model.keras")
    assert not again.interruptible
    for k in (1, 2):
        np.testing.assert_array_equal(again.stage(k)(x), model.stage(k)(x))


@pytest.mark.parametrize("taken", ["logits_fine", "logits_coarse"])
def test_a_feature_with_the_name_of_logits_gets_another(taken):
    image = keras.Input((4,), name="image")
    a = keras.layers.Dense(4, name=taken)(image)
    b = keras.layers.Dense(4, name=f"{taken}_")(a)
    model = ka.AnytimeModel(
        image,
        [
            keras.layers.Dense(3, name=f"stage_{k}_{name}")(x)
            for k, x in ((1, a), (2, keras.layers.Add()([a, b])))
            for name in ("fine", "coarse")
        ],
    )
    x = np.random.default_rng(0).standard_normal((2, 4)).astype("float32")
    assert set(model.step(2).input) == {f"{taken}__"}
    features = {"image": x}
    for k in (1, 2):
        features |= model.step(k)(features)
        for name, want in model.stage(k)(x).items():
            np.testing.assert_allclose(
                features[f"logits_{name}"], want, rtol=1e-5, atol=1e-6
            )
