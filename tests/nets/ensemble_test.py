import dataclasses

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.evaluation import stage_costs
from tests.testing import compiled
from tests.testing import digits


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
