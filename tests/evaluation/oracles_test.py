import math

import pytest

from keras_anytime.evaluation import aggregate
from keras_anytime.evaluation import ensemble_curve
from keras_anytime.evaluation import oracle_curve
from keras_anytime.evaluation import relative_increase
from tests.evaluation.examples import curve


def _networks(errors=(0.4, 0.5, 0.2), macs=(10, 40, 100)):
    """Curves of separate networks of one stage each."""
    return [
        curve((cost,), (error,), name=f"alone {cost}")
        for cost, error in zip(macs, errors, strict=True)
    ]


def _errors(measured):
    return [point.top1_error for point in measured.points]


def _macs(measured):
    return [point.macs for point in measured.points]


def test_the_oracle_runs_one_network_alone():
    oracle = oracle_curve(_networks()[::-1])
    assert [point.stage for point in oracle.points] == [1, 2, 3]
    assert _macs(oracle) == [10, 40, 100]
    assert _errors(oracle) == [0.4, 0.5, 0.2]
    # Of a network with several stages, its last answer.
    assert _macs(oracle_curve([curve()])) == [100]


def test_the_better_oracle_never_takes_a_worse_network():
    networks = _networks((0.4, 0.5, 0.5, 0.2), (10, 40, 60, 100))
    oracle = oracle_curve(networks, best_so_far=True)
    assert _macs(oracle) == [10, 40, 60, 100]
    assert _errors(oracle) == [0.4, 0.4, 0.4, 0.2]


def test_the_costs_of_an_ensemble_add_up_without_what_is_of_no_use():
    # The network of 40 is worse than that of 10, so that it does not run.
    ensemble = ensemble_curve(_networks())
    assert _macs(ensemble) == [10, 110]
    assert _errors(ensemble) == [0.4, 0.2]
    assert [point.parameters for point in ensemble.points] == [20, 220]
    assert ensemble.error_at(0.9) == 0.4
    assert ensemble.cost == "cumulative"
    assert ensemble.matches(ensemble.stage_costs, 10)


def test_an_ensemble_of_anytime_networks_answers_in_between():
    first = curve((10, 20), (0.5, 0.4))
    second = curve((10, 40), (0.45, 0.1))
    ensemble = ensemble_curve([first, second])
    assert _macs(ensemble) == [10, 20, 60]
    assert _errors(ensemble) == [0.5, 0.4, 0.1]
    # Stopped after its last used answer, 20, and not after 30.
    longer = curve((10, 20, 30), (0.5, 0.4, 0.4))
    assert _macs(ensemble_curve([longer, second])) == [10, 20, 60]


def test_by_depth_an_answer_is_used_beyond_the_network_before():
    # Hu 2017, Section 3.3: answer i of network j is used if i is deeper than
    # network j - 1; here units of cost 1 and networks of depth 1, 2 and 4.
    networks = [
        curve(tuple(range(1, depth + 1)), errors)
        for depth, errors in ((1, (0.1,)), (2, (0.5, 0.6)), (4, (0.9,) * 4))
    ]
    ensemble = ensemble_curve(networks, rule="depth")
    assert _macs(ensemble) == [1, 1 + 2, 3 + 3, 3 + 4]
    assert _errors(ensemble) == [0.1, 0.6, 0.9, 0.9]
    with pytest.raises(ValueError, match=r"networks of \[2, 1\] multiply"):
        ensemble_curve(networks[1::-1], rule="depth")
    with pytest.raises(ValueError, match="rule='width'"):
        ensemble_curve(networks, rule="width")


def test_networks_of_an_exponential_ensemble_grow_by_a_factor():
    networks = _networks((0.6, 0.5, 0.4, 0.3, 0.2), (10, 20, 30, 40, 80))
    linear, exponential = ensemble_curve(networks), ensemble_curve(networks, 2)
    assert _macs(linear) == [10, 30, 60, 100, 180]
    assert _macs(exponential) == [10, 30, 70, 150]
    assert _errors(exponential) == [0.6, 0.5, 0.3, 0.2]
    assert exponential.name == "ensemble x2"


def test_the_increase_is_that_of_the_papers():
    # Hu 2019, Table 1: "if OPT has a 10% final error rate, then AdaLoss has
    # about 10.27%", which is an increase of 2.7%.
    found = relative_increase(curve((100,), (0.1027,)), curve((100,), (0.1,)))
    assert found[1] == pytest.approx(2.7)


def test_the_increase_at_milestones_is_at_equal_cost():
    network = curve((20, 50, 100), (0.5, 0.4, 0.3))
    optimal = curve((10, 60, 90), (0.4, 0.3, 0.2))
    assert relative_increase(network, optimal) == {
        0.25: pytest.approx(25),  # 0.5 for 0.4
        0.5: pytest.approx(0),  # 0.4 for 0.4
        0.75: pytest.approx(100 / 3),  # 0.4 for 0.3
        1: pytest.approx(50),  # 0.3 for 0.2
    }
    # Before either is ready, both guess.
    late = curve((30, 100), (0.5, 0.4))
    assert relative_increase(late, late)[0.25] == 0


def test_the_increase_by_stage():
    network = curve((20, 50, 100), (0.5, 0.4, 0.0))
    optimal = curve((25, 60, 120), (0.4, 0.0, 0.0))
    found = relative_increase(network, optimal, by="stage")
    assert found == {1: pytest.approx(25), 2: math.inf, 3: 0}
    found = relative_increase(network, network, "stage", "top5_error")
    assert set(found.values()) == {0}


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="oracle_curve.*optimal=None"):
        relative_increase(curve(), None)
    with pytest.raises(ValueError, match="has a method.*CurveAggregate"):
        relative_increase(aggregate([curve()]), curve())
    with pytest.raises(ValueError, match="3 stages of 'net' and 2 networks"):
        relative_increase(curve(), curve((1, 2), (0.1, 0.1)), by="stage")
    with pytest.raises(ValueError, match="10 classes and.* 5"):
        relative_increase(curve(), curve(classes=5))
    with pytest.raises(ValueError, match="by='depth'"):
        relative_increase(curve(), curve(), by="depth")
    with pytest.raises(ValueError, match="measure='macs'"):
        relative_increase(curve(), curve(), measure="macs")
    with pytest.raises(ValueError, match="'loss' was not measured.*'net'"):
        relative_increase(curve(), curve(), measure="loss")
    for function in (oracle_curve, ensemble_curve):
        with pytest.raises(ValueError, match="no curve"):
            function([])
        with pytest.raises(ValueError, match="9 examples and .* 200 examples"):
            function([curve(), curve(examples=9)])
    for growth in (1, 0.5, math.nan):
        with pytest.raises(ValueError, match=f"growth={growth}"):
            ensemble_curve([curve()], growth)
