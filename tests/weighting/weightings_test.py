"""Properties of every weighting."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_anytime as ka
from keras_anytime import weighting as weighting_lib
from keras_anytime.training.output_losses import stage_losses
from keras_anytime.weighting import FAMO
from keras_anytime.weighting import IMTLL
from keras_anytime.weighting import AdaLoss
from keras_anytime.weighting import Alternating
from keras_anytime.weighting import AverageLoss
from keras_anytime.weighting import Constant
from keras_anytime.weighting import DynamicWeightAverage
from keras_anytime.weighting import Exp3
from keras_anytime.weighting import Exponential
from keras_anytime.weighting import HalfEnd
from keras_anytime.weighting import Linear
from keras_anytime.weighting import Milestone
from keras_anytime.weighting import RandomLossWeighting
from keras_anytime.weighting import RandomWeightedMajority
from keras_anytime.weighting import Sampler
from keras_anytime.weighting import Sieve
from keras_anytime.weighting import Uncertainty
from tests.callbacks.nets import dense_net
from tests.gradients.references import osgd
from tests.gradients.references import padded
from tests.testing import compiled
from tests.testing import digits
from tests.testing import sampled
from tests.testing import scramble
from tests.testing import tiny_net

# No argument has its default value.
ARGUMENTS = {
    AdaLoss: {"gamma": 0.2, "momentum": 0.5, "update_every": 2},
    Constant: {"weights": [1.0, 2.0, 0.0], "total": 2.0},
    DynamicWeightAverage: {"temperature": 1.5, "window": 2},
    FAMO: {"learning_rate": 0.1, "decay": 0.1},
    IMTLL: {"learning_rate": 0.1},
    RandomLossWeighting: {"seed": 7},
    Uncertainty: {"learning_rate": 0.1},
    Linear: {"start": 0.5, "end": 2.0, "total": 3.0},
    Exponential: {"base": 0.5, "total": 3.0},
    HalfEnd: {"total": 3.0},
    Sieve: {"total": 3.0},
    Alternating: {"boost": 0.25, "seed": 7},
    Milestone: {"milestones": [2], "boost": 0.25, "seed": 7},
    AverageLoss: {
        "momentum": 0.8,
        "last_share": 0.7,
        "boost": 0.25,
        "seed": 7,
    },
    Exp3: {"exploration": 0.2, "last_share": 0.7, "boost": 0.25, "seed": 7},
    RandomWeightedMajority: {
        "exploration": 0.2,
        "last_share": 0.7,
        "boost": 0.25,
        "seed": 7,
    },
}
SAMPLERS = [argument for argument in ARGUMENTS if issubclass(argument, Sampler)]
LOSSES = [4.0, 3.0, 1.0]


def make(weighting):
    """One with state in all of its parts, where it has any."""
    arguments = dict(ARGUMENTS[weighting], name="mine")
    if issubclass(weighting, Sampler):
        arguments["base"] = AdaLoss(gamma=0.3, name="base")
    return weighting(**arguments)


def called(weighting, steps):
    return [np.asarray(weighting(LOSSES)) for _ in range(steps)]


def test_weightings_by_name():
    assert isinstance(weighting_lib.get(None), Constant)
    assert isinstance(weighting_lib.get("AdaLoss"), AdaLoss)
    mine = AdaLoss(gamma=0.2)
    assert weighting_lib.get(mine) is mine
    with pytest.raises(ValueError, match="nope"):
        weighting_lib.get("nope")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Half-End", HalfEnd),
        ("CONST", Constant),
        ("AANN", Alternating),
        ("RWM", RandomWeightedMajority),
        ("DWA", DynamicWeightAverage),
        ("RLW", RandomLossWeighting),
        ("EXP3", Exp3),
        ("AverageLoss", AverageLoss),
        ("expb2", Exponential),
    ],
)
def test_names_of_the_papers_are_weightings(name, kind):
    assert type(weighting_lib.get(name)) is kind


def test_a_name_takes_arguments_instead_of_the_defaults():
    assert weighting_lib.get("adaloss", gamma=0.2).gamma == 0.2
    assert weighting_lib.get("expb0.5").base == 0.5
    for wrong in ({"gama": 0.2}, {"gamma": "small"}):
        with pytest.raises(ValueError, match="'gamma'.*Received: weighting"):
            weighting_lib.get("adaloss", **wrong)
    with pytest.raises(ValueError, match="given by its name"):
        weighting_lib.get(AdaLoss(), gamma=0.2)
    with pytest.raises(ValueError, match="Did you mean 'milestone'"):
        weighting_lib.get("milestones")


def test_the_base_of_a_sampler_by_name():
    sampler = ka.weighting.get(
        "alternating", base={"name": "sieve", "total": 2}
    )
    assert isinstance(sampler.base, ka.weighting.Sieve)
    assert sampler.base.total == 2
    assert isinstance(
        ka.weighting.get("exp3", base="CONST").base, ka.weighting.Constant
    )
    for base in ({"total": 2}, "siebe", {"name": "sieve", "totla": 2}):
        with pytest.raises(ValueError, match="Received"):
            ka.weighting.get("alternating", base=base)


def test_every_weighting_has_a_name():
    named = [type(weighting_lib.get(name)) for name in weighting_lib.names()]
    assert set(named) == set(ARGUMENTS)
    assert "random_weighted_majority" in weighting_lib.names()


def test_a_weighting_must_give_one_weight_per_stage():
    class Short(weighting_lib.Weighting):
        def call(self, losses):
            return losses[:2]

    with pytest.raises(ValueError, match="one weight per stage"):
        Short()([1.0, 2.0, 3.0])


@pytest.mark.parametrize("name", weighting_lib.names())
@pytest.mark.parametrize("num_stages", sampled([1, 2, 3, 25, 75], [1, 3, 75]))
def test_any_number_of_stages(name, num_stages, recwarn):
    weighting = weighting_lib.get(name)
    for losses in (np.linspace(4, 1, num_stages), np.ones(num_stages)):
        weights = np.asarray(weighting(losses))
        assert weights.shape == (num_stages,)
        assert np.all(np.isfinite(weights)) and np.all(weights > 0)
    # Such as Keras' of a softmax over a single number.
    assert not [
        warning for warning in recwarn if warning.category is UserWarning
    ]


@pytest.mark.parametrize("weighting", ARGUMENTS)
def test_one_made_of_its_config_does_the_same(weighting):
    first = make(weighting)
    config = keras.saving.serialize_keras_object(first)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is weighting
    assert again.get_config() == first.get_config()
    for name, value in ARGUMENTS[weighting].items():
        assert again.get_config()[name] == value
    np.testing.assert_array_equal(called(again, 8), called(first, 8))


@pytest.mark.parametrize(
    "weighting", sampled(list(ARGUMENTS), [AdaLoss, Milestone, Exp3])
)
def test_xla_gives_the_same_weights(weighting):
    # Draws apart: each compiler has its own random numbers.
    arguments = ARGUMENTS[weighting]
    if issubclass(weighting, Sampler):
        arguments = {**arguments, "boost": 0, "base": AdaLoss(0.3)}
    values = []
    for jit_compile in (False, True):
        built = weighting_lib.get(weighting(**arguments))
        built.ensure_built(3)
        step = tf.function(built, jit_compile=jit_compile)
        values.append([step(tf.constant(LOSSES)).numpy() for _ in range(3)])
    np.testing.assert_allclose(*values, rtol=1e-5)


def toy(weighting):
    """The smallest network of three stages, a head each; compiled."""
    keras.utils.set_random_seed(0)
    image = keras.Input((4,))
    outputs = [
        keras.layers.Dense(3, name=f"stage_{k}")(image) for k in (1, 2, 3)
    ]
    model = compiled(ka.AnytimeModel(image, outputs), weighting=weighting)
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.mark.parametrize(
    ("weighting", "weights_only"),
    sampled(
        list(itertools.product(SAMPLERS, [False, True])),
        lambda case: case[1] and case[0] in (Milestone, Exp3, AverageLoss),
    ),
)
def test_a_loaded_sampler_draws_on_as_if_never_saved(
    weighting, weights_only, tmp_path
):
    model = toy(make(weighting))
    called(model.weighting, 10)
    if weights_only:
        path = tmp_path / "model.weights.h5"
        model.save_weights(path)
        again = toy(make(weighting))
        again.load_weights(path)
    else:
        model.save(tmp_path / "model.keras")
        again = ka.load_model(tmp_path / "model.keras")
    assert again.weighting.last_drawn == model.weighting.last_drawn
    want = called(model.weighting, 12)
    np.testing.assert_array_equal(called(again.weighting, 12), want)
    # Neither those of a new one, nor the same in every step.
    assert not np.array_equal(called(make(weighting), 12), want)
    assert len(np.unique(want, axis=0)) > 1


def test_weights_of_an_untrained_network_bring_no_state(tmp_path):
    path = tmp_path / "model.weights.h5"
    toy("constant").save_weights(path)
    model = toy(make(Exp3))
    model.load_weights(path)
    np.testing.assert_array_equal(
        called(model.weighting, 20), called(make(Exp3), 20)
    )


def test_training_goes_on_with_the_very_draws(tmp_path):
    x, y = digits(48)
    model = compiled(
        dense_net(3), "sum", Exp3(base=AdaLoss(), exploration=1.0, seed=1)
    )
    options = {"batch_size": 8, "shuffle": False, "verbose": 0}
    model.fit(x, y, **options)
    drawn = int(model.weighting.last_drawn)
    assert drawn in (1, 2, 3)
    model.save(tmp_path / "model.keras")
    again = ka.load_model(tmp_path / "model.keras")
    for trained in (model, again):
        trained.fit(x, y, **options)
    for ours, theirs in zip(model.variables, again.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)


@pytest.fixture(scope="module", name="step")
def _step():
    """A network, a batch, its losses, gradients and trainable variables."""
    model = compiled(scramble(tiny_net(l2=0)))
    x, y = digits(16)
    with tf.GradientTape(persistent=True) as tape:
        outputs = model(x, training=True)
        losses = stage_losses(model.loss, y, outputs, model.output_names)
    variables = [v.value for v in model.trainable_variables]
    gradients = padded([tape.gradient(loss, variables) for loss in losses])
    return model, (x, y), tf.stack(losses), gradients, model.get_weights()


@pytest.mark.parametrize(
    ("weighting", "gradients"),
    sampled(
        list(itertools.product(ARGUMENTS, ["sum", "orthogonal"])),
        lambda case: (
            case[1] == "orthogonal"
            and case[0] in (AdaLoss, Exponential, Milestone, Exp3)
        ),
    ),
)
def test_every_weighting_goes_with_every_combiner(step, weighting, gradients):
    model, batch, losses, vectors, start = step
    weights = np.asarray(make(weighting)(losses), "float64")
    tasks = weights[:, None] * vectors
    if gradients == "sum":
        want = tasks.sum(0) / weights.sum()
    else:
        want = osgd(tasks, range(3))
    model.set_weights(start)
    compiled(
        model,
        gradients,
        make(weighting),
        keras.optimizers.SGD(1.0),
        run_eagerly=True,
    )
    before = [v.numpy() for v in model.trainable_variables]
    model.train_on_batch(*batch)
    moved = [
        np.ravel(old - new)
        for old, new in zip(before, model.trainable_variables, strict=True)
    ]
    np.testing.assert_allclose(
        np.concatenate(moved), want, rtol=1e-3, atol=1e-4 * np.abs(want).max()
    )
