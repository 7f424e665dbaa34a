import dataclasses

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation import stage_costs
from keras_anytime.evaluation.curve import CurvePoint
from tests.conformance.networks import built
from tests.testing import compiled
from tests.testing import digits
from tests.testing import sampled


def _networks():
    return [_network((1, 1)), _network((3,))]


def _network(units, classes=10, width=4):
    filters = [width * 2**block for block in range(len(units))]
    return ka.nets.res_ann((8, 8, 1), classes, units=units, filters=filters)


def _curve(model, errors):
    x, y = digits(16)
    curve = ka.evaluation.anytime_curve(model, (x, y))
    return dataclasses.replace(
        curve,
        points=tuple(
            dataclasses.replace(point, top1_error=error)
            for point, error in zip(curve.points, errors, strict=True)
        ),
    )


def _ensemble():
    networks = _networks()
    curves = [
        _curve(networks[0], (0.5, 0.4)),
        _curve(networks[1], (0.45, 0.4, 0.2)),
    ]
    return networks, ka.nets.ensemble(networks, curves)


def test_an_answer_is_used_if_it_beats_all_before():
    networks, model = _ensemble()
    x, _ = digits(8)
    first, second = (network.predict(x, verbose=0) for network in networks)
    # The second network's 0.45 and 0.4 are no better than 0.4.
    for got, want in zip(
        model.predict(x, verbose=0), [*first, second[2]], strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-5)


def test_costs_add_up_over_the_networks():
    networks, model = _ensemble()
    small, large = (stage_costs(network) for network in networks)
    costs = stage_costs(model)
    before = sum(cost.step_macs for cost in small)
    assert [cost.macs for cost in costs] == [
        small[0].macs,
        before,
        # Its unused heads are left out.
        before + large[2].macs,
    ]
    assert sum(cost.step_macs for cost in costs) == costs[-1].macs


def _known_errors(model, errors):
    """A curve of given errors, without a pass over data."""
    costs = stage_costs(model)
    return AnytimeCurve(
        points=tuple(
            CurvePoint(cost.stage, cost.macs, cost.parameters, error, None)
            for cost, error in zip(costs, errors, strict=True)
        ),
        classes=10,
        examples=16,
        stage_costs=tuple(costs),
    )


@pytest.mark.parametrize("rule", ["validation", "depth"])
def test_curve_and_model_have_the_costs_that_one_adds_up_by_hand(rule):
    networks = [_network((1, 1)), _network((4, 1))]
    curves = [
        _known_errors(networks[0], (0.5, 0.4)),
        _known_errors(networks[1], (0.3, 0.35, 0.2, 0.2, 0.2)),
    ]
    # Both networks: a stem of 4 filters on 8x8 images, units of two 3x3
    # convolutions, in block 2 on 4x4 features of 8 channels and after a strided
    # convolution, and heads that are linear in 4 and 8 channels.
    stem, unit = 64 * 9 * 4, 2 * 64 * 9 * 4 * 4
    wider = 16 * 9 * (4 * 8 + 2 * 8 * 8)
    narrow, wide = 4 * 10, 8 * 10
    small = stem + unit + narrow + wider + wide
    first = [stem + unit + narrow, small]
    if rule == "validation":
        # Stages 1 and 3 of the second network.
        later = [
            small + stem + unit + narrow,
            small + stem + 3 * unit + narrow + narrow,
        ]
    else:
        # The small network costs more than two units and less than three.
        assert stem + 2 * unit + narrow < small < stem + 3 * unit
        before = small + stem
        later = [
            before + 3 * unit + narrow,
            before + 4 * unit + 2 * narrow,
            before + 4 * unit + 2 * narrow + wider + wide,
        ]
    model = ka.nets.ensemble(networks, curves, rule=rule)
    curve = ka.evaluation.ensemble_curve(curves, rule=rule)
    costs = stage_costs(model)
    assert [cost.macs for cost in costs] == first + later
    assert list(curve.stage_costs) == costs
    assert [(p.macs, p.parameters) for p in curve.points] == [
        (cost.macs, cost.parameters) for cost in costs
    ]
    # What an exported file says of its steps adds up to what it says in all.
    assert sum(cost.step_macs for cost in costs) == costs[-1].macs


@pytest.mark.parametrize(
    "name",
    sampled(
        ["width_nested_resnet", "sparse_resnet", "dense_ann", "msdnet"],
        ["sparse_resnet", "dense_ann"],
    ),
)
def test_curve_and_model_agree_for_all_kinds_of_heads(name):
    network = built(name)
    stages = network.num_stages
    # A middle stage is left out, and the second network repeats the first.
    errors = [0.9 - 0.01 * k for k in range(stages)]
    if stages > 2:
        errors[1] = 1.0
    curves = [
        dataclasses.replace(
            _known_errors(network, values), classes=network.output_shape[0][-1]
        )
        for values in (errors, [error / 2 for error in errors])
    ]
    model = ka.nets.ensemble([network, network], curves)
    curve = ka.evaluation.ensemble_curve(curves)
    for cost, other in zip(stage_costs(model), curve.stage_costs, strict=True):
        assert (cost.macs, cost.step_macs) == (other.macs, other.step_macs)
        # The heads of two stages may share a batch normalization.
        assert cost.parameters == pytest.approx(other.parameters, rel=0.005)


def test_what_no_used_answer_needs_is_left_out():
    networks = _networks()
    model = ka.nets.ensemble(
        networks,
        [_curve(networks[0], (0.3, 0.4)), _curve(networks[1], (0.5, 0.2, 0.2))],
    )
    names = {layer.name for layer in model.layers}
    assert model.num_stages == 2
    assert "net1_block1_unit1_conv1_stage1" in names
    assert "net1_block2_unit1_conv1_stage2" not in names
    assert "net2_block1_unit2_conv1_stage2" in names
    assert "net2_block1_unit3_conv1_stage3" not in names


@pytest.mark.slow
def test_it_is_trained_saved_and_streams_like_one_network(tmp_path):
    _, model = _ensemble()
    x, y = digits(32)
    compiled(model, "orthogonal").fit(x, y, verbose=0)
    wanted = model.predict(x[:1], verbose=0)
    model.save(tmp_path / "model.keras")
    again = ka.load_model(tmp_path / "model.keras")
    assert isinstance(again, ka.nets.ExponentialEnsemble)
    for got, want in zip(again.predict(x[:1], verbose=0), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5)
    ka.export.tflite(model, tmp_path / "ensemble.tflite")
    path = tmp_path / "ensemble.tflite"
    with ka.runtime.AnytimePredictor(path) as predictor:
        results = list(predictor.stream(x[0]))
    for result, want in zip(results, wanted, strict=True):
        np.testing.assert_allclose(
            result.logits, want[0], atol=1e-5 * np.abs(want).max()
        )


def test_networks_that_do_not_fit_are_refused():
    networks = _networks()
    curves = [
        _curve(networks[0], (0.5, 0.4)),
        _curve(networks[1], (0.4, 0.3, 0.2)),
    ]
    other = _network((3,), classes=5)
    wider = _curve(_network((1, 1), width=8), (0.5, 0.4))
    coarse = dataclasses.replace(curves[0], classes=5)
    sets = [
        _network(units, dict(classes))
        for units, classes in (
            ((1, 1), (("fine", 10), ("coarse", 2))),
            ((3,), (("coarse", 2), ("fine", 10))),
        )
    ]
    passes = ka.nets.inclusive_resnext(
        (8, 8, 1), 10, num_stages=2, units=(1,), filters=(8,)
    )
    shorter = dataclasses.replace(curves[1], examples=3)
    for nets, measured, message in (
        ([], [], "0 networks"),
        (networks, curves[:1], "2 networks, 1 curves"),
        ([networks[0], other], curves, "of network 2"),
        (networks, curves[::-1], "3 stages and 10 classes.*network 1"),
        (networks, [wider, curves[1]], "2 stages.*network 1"),
        (networks, [coarse, curves[1]], "5 classes.*network 1"),
        (sets, curves, "of network 2"),
        ([networks[0], passes], curves, "no steps"),
        (networks[0], curves[0], "a list of networks"),
        (networks, [curves[0], shorter], "same validation data"),
    ):
        with pytest.raises(ValueError, match=message):
            ka.nets.ensemble(nets, measured)
    with pytest.raises(ValueError, match="rule='width'"):
        ka.nets.ensemble(networks, curves, rule="width")
    larger = [_network((3, 1)), networks[0]]
    measured = [_curve(larger[0], (0.4, 0.3, 0.2, 0.1)), curves[0]]
    with pytest.raises(ValueError, match="order the networks by size"):
        ka.nets.ensemble(larger, measured, rule="depth")
