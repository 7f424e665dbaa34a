import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_anytime.weighting import AverageLoss
from keras_anytime.weighting import Exp3
from keras_anytime.weighting import RandomWeightedMajority
from keras_anytime.weighting.learner import objectives
from tests.testing import sampled
from tests.weighting.draws import assert_drawn_with
from tests.weighting.draws import run

LEARNERS = (AverageLoss, Exp3, RandomWeightedMajority)
NO_REGRET = (Exp3, RandomWeightedMajority)


def lagging(losses, last_share):
    """Eq. 4 of Hu 2017, stage by stage; no less than 0."""
    gains = [
        max((here - following) / here, 0)
        for here, following in zip(losses[:-1], losses[1:], strict=True)
    ]
    return np.array([*gains, last_share * max(gains)])


def random_losses(steps, num_stages=4, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 4, (steps, num_stages))


def probabilities(sampler):
    """What the next draw goes by."""
    values = np.asarray(sampler.probabilities(None, None), "float64")
    return values / values.sum()


def learned(sampler):
    """The distribution v."""
    exponentials = np.exp(np.asarray(sampler.state, "float64"))
    return exponentials / exponentials.sum()


def test_objectives_by_hand():
    # The second stage saves half of the first one's loss, the third nothing,
    # the fourth a quarter.
    np.testing.assert_allclose(
        objectives(np.array([4.0, 2.0, 3.0, 2.25]), 0.8),
        [0.5, 0, 0.25, 0.4],
        rtol=1e-6,
    )


@given(st.lists(st.floats(0, 2.0**100, width=32), min_size=1, max_size=8))
def test_objectives_are_shares(losses):
    got = np.asarray(objectives(np.array(losses, "float32"), 0.8))
    assert got.shape == (len(losses),)
    assert np.all((got >= 0) & (got <= 1))


def test_average_loss_draws_by_exponential_means():
    sampler = AverageLoss(momentum=0.8, last_share=0.7)
    sampler.ensure_built(4)
    means = np.zeros(4)
    for losses in random_losses(30):
        sampler(losses)
        means = 0.8 * means + 0.2 * lagging(losses, 0.7)
        np.testing.assert_allclose(
            probabilities(sampler), means / means.sum(), rtol=1e-4
        )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_average_loss_draws_in_proportion(jit_compile):
    losses = np.tile([4.0, 2.0, 1.5, 1.5], (4001, 1))
    stages, _ = run(AverageLoss(seed=1), losses, jit_compile)
    assert_drawn_with([0.5, 0.25, 0, 0.4], stages[1:])


@pytest.mark.slow
def test_the_first_draw_of_average_loss_is_even():
    firsts = []
    for seed in range(200):
        sampler = AverageLoss(seed=seed)
        sampler([4.0, 2.0, 1.5, 1.5])
        firsts.append(int(sampler.last_drawn))
    assert_drawn_with([1, 1, 1, 1], firsts)


def test_average_loss_is_even_where_no_stage_lags():
    stages, _ = run(AverageLoss(seed=2), np.tile([1.0, 2.0, 3.0], (4000, 1)))
    assert_drawn_with([1, 1, 1], stages)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("learner", NO_REGRET)
def test_learning_is_that_of_appendix_d(learner, jit_compile):
    gamma, last_share = 0.4, 0.7
    losses = random_losses(60)
    sampler = learner(exploration=gamma, last_share=last_share, seed=3)
    stages, _ = run(sampler, losses, jit_compile)
    assert len(set(stages)) == 4
    v = np.full(4, 0.25)
    for step_losses, stage in zip(losses, stages, strict=True):
        p = (1 - gamma) * v + gamma / 4
        gains = lagging(step_losses, last_share)
        if learner is Exp3:
            v[stage - 1] *= np.exp(
                gamma * gains[stage - 1] / (4 * p[stage - 1])
            )
        else:
            v *= np.exp(gamma * gains / 4)
        v /= v.sum()
    np.testing.assert_allclose(learned(sampler), v, rtol=1e-4)
    np.testing.assert_allclose(
        probabilities(sampler), (1 - gamma) * v + gamma / 4, rtol=1e-4
    )
    assert v.max() > 0.3


def test_exp3_learns_of_the_drawn_stage_only():
    sampler = Exp3(seed=4)
    sampler([4.0, 2.0, 1.0])
    (drawn,) = set(range(3)) - set(
        np.flatnonzero(learned(sampler) < 1 / 3 - 1e-3)
    )
    assert drawn + 1 == int(sampler.last_drawn)


def test_both_rewards_are_the_same_on_average():
    # The reward of EXP3 is an unbiased estimate of what RWM sees.
    exp3, majority = Exp3(), RandomWeightedMajority()
    p = np.array([0.1, 0.2, 0.3, 0.4])
    gains = np.array([0.5, 0.1, 0.0, 0.4])
    mean = sum(
        p[stage] * exp3.reward(gains, p, np.eye(4)[stage]) for stage in range(4)
    )
    np.testing.assert_allclose(mean, majority.reward(gains, p, np.eye(4)[0]))


@pytest.mark.parametrize("learner", sampled(NO_REGRET, NO_REGRET[:1]))
def test_draws_are_even_for_a_share_of_the_steps(learner):
    # Stage 1 lags most, so v ends up there.
    sampler = learner(exploration=0.2, seed=5)
    run(sampler, np.tile([4.0, 1.0, 0.9, 0.8], (3000, 1)))
    assert learned(sampler)[0] > 0.999
    stages, _ = run(sampler, np.tile([4.0, 1.0, 0.9, 0.8], (4000, 1)))
    assert_drawn_with([0.85, 0.05, 0.05, 0.05], stages)


def test_the_last_stage_wins_where_others_lag_by_turns():
    # Fig. 4b of Hu 2017: RWM picks the last one more than half of the time.
    rng = np.random.default_rng(0)
    losses = np.ones((2000, 5))
    for step_losses, stage in zip(
        losses, rng.integers(0, 4, 2000), strict=True
    ):
        step_losses[: stage + 1] = 2
    sampler = RandomWeightedMajority()
    run(sampler, losses)
    assert probabilities(sampler).argmax() == 4
    assert probabilities(sampler)[4] > 0.5


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_no_number_moves_nothing(learner, bad):
    sampler = learner(seed=6)
    sampler([4.0, 3.0, 1.0])
    before = sampler.state.numpy()
    for stage in range(3):
        losses = [4.0, 3.0, 1.0]
        losses[stage] = bad
        weights = np.asarray(sampler(losses))
        assert np.all(np.isfinite(weights))
    np.testing.assert_array_equal(sampler.state, before)
    sampler([4.0, 3.0, 2.0])
    assert not np.array_equal(sampler.state, before)


@settings(max_examples=60)
@given(
    st.sampled_from(NO_REGRET),
    st.lists(st.floats(-1e6, 0, width=32), min_size=3, max_size=3),
    st.lists(
        st.floats(width=32, allow_nan=True, allow_infinity=True),
        min_size=4,
        max_size=4,
    ),
)
def test_no_step_takes_more_than_1_off_the_logarithms(learner, state, losses):
    # So a million steps take no more than a million off, which float32 holds.
    sampler = learner(exploration=1.0)
    sampler.ensure_built(4)
    before = np.array([*state, 0], "float32")
    before -= np.log(np.sum(np.exp(before)))
    sampler.state.assign(before)
    sampler(losses)
    after = np.asarray(sampler.state)
    assert np.all(np.isfinite(after))
    # Neighbors of -1e6 are 1/16 away.
    assert np.all(after >= before - 1.1)
    assert np.exp(after).sum() == pytest.approx(1, rel=1e-5)
    assert np.all(probabilities(sampler) >= 0.999 / 4)


@pytest.mark.parametrize("learner", sampled(NO_REGRET, NO_REGRET[:1]))
def test_a_long_training_forgets_no_stage(learner):
    sampler = learner(exploration=0.3, seed=7)
    first = np.tile([4.0, 1.0, 0.9, 0.8], (100_000, 1))
    stages, weights = run(sampler, first, jit_compile=True)
    assert np.all(np.isfinite(weights))
    assert np.all(np.isfinite(sampler.state))
    assert set(stages[-1000:]) == {1, 2, 3, 4}
    # Stage 1 lags no more, and loses what it has gained.
    lead = sampler.state[0] - sampler.state[2]
    assert lead > 1000
    run(sampler, np.tile([1.0, 1.0, 1.0, 0.1], (20_000, 1)), jit_compile=True)
    assert sampler.state[0] - sampler.state[2] < lead - 100


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            (learner, {"last_share": share})
            for learner in LEARNERS
            for share in (-1, 2)
        ),
        *((learner, {"exploration": 0}) for learner in NO_REGRET),
        *((learner, {"exploration": 1.5}) for learner in NO_REGRET),
        (AverageLoss, {"momentum": 1.0}),
        (AverageLoss, {"momentum": -0.1}),
    ],
)
def test_arguments_out_of_range_are_refused(arguments):
    learner, arguments = arguments
    ((name, value),) = arguments.items()
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        learner(**arguments)
