import collections

import keras
import numpy as np
import pytest
from keras import ops

from keras_anytime.weighting import AdaLoss
from keras_anytime.weighting import Alternating
from keras_anytime.weighting import Constant
from keras_anytime.weighting import Milestone
from keras_anytime.weighting import Sampler
from keras_anytime.weighting import Sieve
from tests.testing import run_process
from tests.weighting.draws import assert_drawn_with
from tests.weighting.draws import run

SIEVE_15 = np.array([2, 1, 3, 1, 2, 1, 4, 1, 2, 1, 3, 1, 2, 1, 25])


def even_losses(num_stages, steps=4000):
    return np.ones((steps, num_stages))


@keras.saving.register_keras_serializable("tests")
class Given(Sampler):
    """Draws with given probabilities, and counts its draws."""

    def __init__(self, given, **kwargs):
        super().__init__(**kwargs)
        self.given = given

    def build(self, input_shape):
        self.counts = self.add_weight(
            name="counts", shape=input_shape, initializer="zeros"
        )
        super().build(input_shape)

    def probabilities(self, weights, losses):
        return ops.convert_to_tensor(self.given)

    def update(self, losses, probabilities, drawn):
        self.last_probabilities = probabilities
        self.counts.assign_add(drawn)

    def get_config(self):
        return {**super().get_config(), "given": self.given}


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_drawn_stage_gains_a_share_of_all_weight(jit_compile):
    sampler = Alternating(boost=0.25, seed=1)
    stages, weights = run(sampler, even_losses(15, 100), jit_compile)
    gained = 0.25 * SIEVE_15.sum() * (np.arange(1, 16) == stages[:, None])
    np.testing.assert_allclose(weights, SIEVE_15 + gained, rtol=1e-6)


def test_no_boost_leaves_the_weights_of_the_base():
    np.testing.assert_array_equal(
        Alternating(Constant([1, 2]), boost=0)([1.0, 1.0]), [1, 2]
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_alternating_draws_in_proportion_to_the_sieve(jit_compile):
    stages, _ = run(Alternating(seed=2), even_losses(15), jit_compile)
    assert_drawn_with(SIEVE_15, stages)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_alternating_never_draws_a_stage_without_weight(jit_compile):
    weights = [0, 2, 0, 1, 0]
    sampler = Alternating(Constant(weights), seed=3)
    stages, _ = run(sampler, even_losses(5), jit_compile)
    assert_drawn_with(weights, stages)


def test_alternating_follows_a_base_that_learns():
    sampler = Alternating(AdaLoss(gamma=0, momentum=0), boost=1, seed=4)
    losses = np.tile([4.0, 2.0, 1.0], (4000, 1))
    losses[2000:] = [1.0, 4.0, 2.0]
    stages, weights = run(sampler, losses)
    assert_drawn_with([1, 2, 4], stages[:2000])
    assert_drawn_with([4, 1, 2], stages[2000:])
    gained = 1.75 * (np.arange(1, 4) == stages[-1])
    np.testing.assert_allclose(weights[-1], [1, 0.25, 0.5] + gained)


@pytest.mark.parametrize(
    "num_stages, milestones",
    [
        (1, [1]),
        (2, [1, 2]),
        (4, [1, 2, 3, 4]),
        (5, [2, 3, 4, 5]),
        (15, [4, 8, 12, 15]),
        (25, [7, 13, 19, 25]),
        (75, [19, 38, 57, 75]),
    ],
)
def test_milestones_are_at_quarters_and_get_half_of_the_draws(
    num_stages, milestones
):
    sampler = Milestone()
    sampler.ensure_built(num_stages)
    got = np.asarray(sampler.probabilities(np.ones(num_stages), None))
    got = got / got.sum()
    is_milestone = np.isin(np.arange(1, num_stages + 1), milestones)
    share = 1 if all(is_milestone) else 0.5
    np.testing.assert_allclose(
        got[is_milestone], share / len(milestones), rtol=1e-6
    )
    others = got[~is_milestone]
    np.testing.assert_allclose(
        others, (1 - share) / max(len(others), 1), rtol=1e-6
    )


@pytest.mark.parametrize(
    "milestones, probabilities",
    [
        (None, [1 / 2, 1 / 8, 1 / 8, 1 / 8, 1 / 8]),
        ([1, 5], [1 / 4, 1 / 6, 1 / 6, 1 / 6, 1 / 4]),
        ([2], [1 / 8, 1 / 2, 1 / 8, 1 / 8, 1 / 8]),
        ([1, 2, 3, 4, 5], [1 / 5] * 5),
    ],
)
def test_milestones_are_drawn_so(milestones, probabilities):
    stages, _ = run(Milestone(milestones, seed=5), even_losses(5))
    assert_drawn_with(probabilities, stages)


@pytest.mark.parametrize(
    "given", [[0.0, 0.0, 0.0], [1.0, np.nan, 0.0], [1.0, np.inf, 0.0]]
)
def test_probabilities_that_cannot_be_make_even_draws(given):
    stages, weights = run(Given(given, seed=6), even_losses(3))
    assert_drawn_with([1, 1, 1], stages)
    assert np.all(np.isfinite(weights))


def test_a_sampler_of_a_user():
    sampler = Given([1.0, 0.0, 3.0], base=Constant(), seed=7)
    for _ in range(20):
        sampler([1.0, 1.0, 1.0])
        np.testing.assert_allclose(sampler.last_probabilities, [0.25, 0, 0.75])
    stages, _ = run(sampler, even_losses(3))
    assert_drawn_with([1, 0, 3], stages)
    assert np.sum(sampler.counts) == 4020
    again = Given.from_config(sampler.get_config())
    assert again.given == [1.0, 0.0, 3.0]


def test_a_sampler_must_give_one_probability_per_stage():
    with pytest.raises(TypeError, match="`probabilities`.*Sampler"):
        Sampler()([1.0, 2.0])
    with pytest.raises(ValueError, match="one probability per stage"):
        Given([0.5, 0.5])([1.0, 1.0, 1.0])


def test_last_drawn_counts_from_1():
    sampler = Alternating(Constant([0, 0, 1]))
    sampler.ensure_built(3)
    assert int(sampler.last_drawn) == 0
    sampler([1.0, 1.0, 1.0])
    assert int(sampler.last_drawn) == 3


def test_a_seed_gives_its_own_draws_again():
    losses = even_losses(15, 50)
    streams = collections.defaultdict(set)
    for seed in (0, 1, 2**32 - 1, 0, 1):
        streams[seed].add(tuple(run(Alternating(seed=seed), losses)[0]))
    assert all(len(drawn) == 1 for drawn in streams.values())
    assert len(set.union(*streams.values())) == 3


def test_without_a_seed_keras_decides_it_and_it_is_no_setting():
    losses = even_losses(15, 50)
    samplers = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        samplers += [Alternating(), Alternating()]
        for sampler in samplers[-2:]:
            sampler.ensure_built(15)
    drawn = [tuple(run(sampler, losses)[0]) for sampler in samplers]
    assert drawn[:2] == drawn[2:4]
    assert len(set(drawn)) == 4
    # A resumed training draws another, and must not be taken for another.
    assert samplers[0].get_config() == {
        **samplers[1].get_config(),
        "name": samplers[0].name,
        "base": samplers[0].get_config()["base"],
    }
    assert samplers[0].get_config()["seed"] is None


def test_all_state_is_in_variables():
    sampler = Given([1.0, 1.0], base=Alternating(AdaLoss()))
    sampler.ensure_built(2)
    assert not any(variable.trainable for variable in sampler.variables)
    own = [sampler.counts, sampler.last_drawn, sampler.seed_generator.state]
    base = [
        sampler.base.last_drawn,
        sampler.base.seed_generator.state,
        *sampler.base.base.variables,
    ]
    assert {id(variable) for variable in sampler.variables} == {
        id(variable) for variable in own + base
    }
    assert len(sampler.variables) == len(own + base)


@pytest.mark.slow
def test_replicas_draw_the_same_stage(repository):
    # Several devices must be set up before TensorFlow starts.
    if keras.backend.backend() != "tensorflow":
        pytest.skip("replicas are TensorFlow's")
    done = run_process(repository, "-c", REPLICAS, CUDA_VISIBLE_DEVICES="-1")
    assert done.returncode == 0, done.stderr
    first, second, alone = map(str.split, done.stdout.strip().splitlines())
    assert first == second == alone
    assert len(set(first)) == 4


REPLICAS = """
import tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
parts = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, parts)
from keras_anytime.weighting import Exp3
strategy = tf.distribute.MirroredStrategy(["cpu:0", "cpu:1"])
sampler, alone = Exp3(seed=3), Exp3(seed=3)
with strategy.scope():
    sampler.ensure_built(4)
alone.ensure_built(4)
step = tf.function(lambda losses: strategy.run(sampler, (losses,)))
step_alone = tf.function(lambda losses: alone(losses))
drawn = []
for _ in range(30):
    weights = strategy.experimental_local_results(step(tf.ones(4)))
    drawn.append([*weights, step_alone(tf.ones(4))])
for weights in zip(*drawn):
    print(*(int(tf.argmax(row - [1.0, 2, 1, 4])) for row in weights))
"""


@pytest.mark.parametrize("sampler", [Alternating, Milestone])
@pytest.mark.parametrize(
    "arguments",
    [
        {"base": "sieve"},
        {"base": Sieve},
        {"boost": -0.5},
        {"boost": np.nan},
        {"seed": -1},
        {"seed": 1.5},
        {"seed": "one"},
        {"seed": 2**32},
    ],
)
def test_arguments_out_of_range_are_refused(sampler, arguments):
    ((name, value),) = arguments.items()
    with pytest.raises(ValueError) as raised:
        sampler(**arguments)
    assert f"Received: {name}={value}" in str(raised.value)


@pytest.mark.parametrize("milestones", [[0, 1], [4], [1.5]])
def test_milestones_that_are_no_stages_are_refused(milestones):
    sampler = Milestone(milestones)
    with pytest.raises(ValueError, match="among the stages 1 to 3. Received"):
        sampler([1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="Received: milestones="):
        Milestone([])


def test_a_base_with_the_state_of_another_network_is_refused():
    base = AdaLoss()
    base([1.0, 2.0])
    with pytest.raises(ValueError, match="of 2 stages.*of 3 stages"):
        Alternating(base)([1.0, 2.0, 3.0])
