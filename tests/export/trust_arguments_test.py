"""Exports say of their answers only what is true of these."""

import dataclasses
import re

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.evaluation import RiskControl
from keras_anytime.evaluation import curve_from_predictions
from keras_anytime.evaluation import risk_controlled_thresholds
from keras_anytime.export.exported_network import ExportedNetwork
from keras_anytime.export.risk_record import risk_record
from keras_anytime.manifest import ManifestError
from tests.evaluation.examples import random_predictions
from tests.testing import hierarchical_net
from tests.testing import tiny_net

_PREDICTIONS = random_predictions(examples=400, skill=2.0)
_TEMPERATURES = (1.5, 1.0, 2.0)


@pytest.fixture(scope="module", name="model")
def _model():
    return tiny_net()


@pytest.fixture(scope="module", name="sets")
def _sets():
    return hierarchical_net()


@pytest.fixture(scope="module", name="manifest")
def _manifest(model):
    network = ExportedNetwork(model, thresholds=0.5, subnets=False)
    manifest = network.manifest("tflite")
    manifest.to_json()
    return manifest


def _curve(model, predictions):
    costs = ka.evaluation.stage_costs(model)
    return curve_from_predictions(
        predictions, [costs[stage - 1] for stage in predictions.stages]
    )


@pytest.mark.parametrize(
    ("product_answers", "stages"),
    [(False, None), (False, [1, 3]), (True, None), (True, [1, 2])],
)
def test_errors_are_those_of_the_answers(model, product_answers, stages):
    of_kind = _PREDICTIONS.product() if product_answers else _PREDICTIONS
    network = ExportedNetwork(
        model,
        stages=stages,
        curve=_curve(model, of_kind),
        product_answers=product_answers,
    )
    numbers = stages or [1, 2, 3]
    logits = np.moveaxis(_PREDICTIONS.logits, 1, 0)[np.array(numbers) - 1]
    want = ka.evaluation.Predictions.from_logits(logits, _PREDICTIONS.labels)
    want = want.product() if product_answers else want
    assert [entry["top1_error"] for entry in network.errors] == pytest.approx(
        want.errors.mean(axis=0)
    )


def test_errors_of_other_answers_are_refused(model, sets):
    alone = _curve(model, _PREDICTIONS)
    product = _curve(model, _PREDICTIONS.product())
    for curve, product_answers in ((alone, True), (product, False)):
        with pytest.raises(
            ValueError, match=r"ka.export.verify.*Received: pro"
        ):
            ExportedNetwork(model, curve=curve, product_answers=product_answers)
    for stages in ([1, 3], [2]):
        with pytest.raises(ValueError, match=r"multiply others too.*Received"):
            ExportedNetwork(
                model, curve=product, product_answers=True, stages=stages
            )
    first, second = sets.label_sets
    curve = _curve(sets, _PREDICTIONS)
    named = dataclasses.replace(curve, label_set=first)
    assert ExportedNetwork(sets, curve=named).errors
    with pytest.raises(ValueError, match="first of several label sets"):
        ExportedNetwork(
            sets, curve=dataclasses.replace(curve, label_set=second)
        )


@pytest.mark.parametrize("stages", [(1, 2, 3), (1, 3)])
@pytest.mark.parametrize("kind", ["alone", "calibrated", "product"])
def test_a_risk_is_that_of_the_answers(stages, kind):
    predictions = _PREDICTIONS.of_stages(stages)
    count = len(stages)
    exported = {
        "thresholds": None,
        "stages": stages,
        "product_answers": kind == "product",
        "temperatures": None,
        "label_set": None,
    }
    if kind == "calibrated":
        exported["temperatures"] = _TEMPERATURES[:count]
        predictions = predictions.calibrated(_TEMPERATURES[:count])
    elif kind == "product":
        predictions = predictions.product()
    control = risk_controlled_thresholds(predictions, 0.1)
    exported["thresholds"] = control.thresholds
    assert risk_record(control, exported) == control.record
    assert risk_record(None, exported) is None
    wrong = {
        "thresholds": (None, (0.999,) * (count - 1)),
        "stages": ((1,), (2, 3), (1, 2, 3, 4)),
        "product_answers": (kind != "product",),
        "temperatures": ((7.0,) * count,),
    }
    for name, values in wrong.items():
        for value in values:
            change = exported | {name: value}
            if kind == "product" and name == "temperatures":
                # They change no product answer.
                assert risk_record(control, change)
                continue
            with pytest.raises(ValueError, match=f"other.*Received: {name}="):
                risk_record(control, change)
    if kind == "alone":
        ones = {"temperatures": (1.0,) * count}
        assert risk_record(control, exported | ones)
    # A set that is not known may be the first.
    assert risk_record(control, exported | {"label_set": "fine"})
    named = dataclasses.replace(control, label_set="coarse")
    assert risk_record(named, exported | {"label_set": "coarse"})
    with pytest.raises(ValueError, match="first label set.*Received: label_se"):
        risk_record(named, exported | {"label_set": "fine"})


def test_exports_check_the_risk(sets):
    first, second = sets.label_sets
    control = dataclasses.replace(
        risk_controlled_thresholds(_PREDICTIONS.calibrated(_TEMPERATURES), 0.1),
        label_set=first,
    )
    arguments = {
        "thresholds": control.thresholds,
        "temperatures": _TEMPERATURES,
        "risk": control,
    }
    assert ExportedNetwork(sets, **arguments).risk == control.record
    for change in (
        {"thresholds": 0.999},
        {"temperatures": None},
        {"product_answers": True},
        {"stages": [1], "thresholds": (), "temperatures": (1,)},
        {"risk": dataclasses.replace(control, label_set=second)},
    ):
        with pytest.raises(ValueError, match="controlled with other"):
            ExportedNetwork(sets, **arguments | change)


_CONTROL = RiskControl((0.5, 0.5), 0.1, 0.9, 5, "wsr")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(
            (
                {"product_answers": value},
                f"True or False. Received: .*{re.escape(repr(value))}",
            )
            for value in ("false", "true", 1, 0, None, [])
        ),
        *(
            ({"risk": value, "thresholds": 0.5}, "is a `RiskControl`.*Received")
            for value in (_CONTROL.record, {}, (0.1, 0.9, 5), "0.1,0.9,5", True)
        ),
        ({"thresholds": "0.5"}, "Received: '0.5'"),
        ({"thresholds": True}, "Received: True"),
        ({"temperatures": "123"}, "Received: '123'"),
        ({"temperatures": {1: 1, 2: 1, 3: 1}}, "Received: {1"),
        (
            {"temperatures": (1, 2, 3), "stages": [1, 3]},
            r"2 finite.*one for each of the stages \[1, 3\] of the export",
        ),
        (
            {"thresholds": (0.5, 0.5), "stages": [1, 3]},
            r"or 1 for the stages \[1, 3\] of the export before the last",
        ),
        ({"temperatures": (1, 2)}, "one for each stage. Received"),
    ],
)
def test_nothing_of_another_kind_is_taken_silently(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        ExportedNetwork(model, **arguments)


@pytest.mark.parametrize(
    "change",
    [
        *({"product_answers": value} for value in ("false", 1, 0, None, [])),
        *({"risk": value} for value in (True, "0.1", [0.1, 0.9, 5])),
        *(
            {"risk": _CONTROL.record | {name: value}}
            for name, value in (
                *(("risk", value) for value in (0, 1, 0.0, "0.1", True)),
                *(("level", value) for value in (0, 1.0, None)),
                *(("examples", value) for value in (0, 5.0, "5", True)),
                ("other", 1),
            )
        ),
        *(
            {"thresholds": value}
            for value in ("0.5", (True, 0.5), ("0.5", 0.5), (0.5,), 0.5)
        ),
        *(
            {"temperatures": value}
            for value in ("123", (True, 1, 1), (0, 1, 1), (1.0, 1.0), 1)
        ),
    ],
)
def test_no_manifest_has_a_field_of_another_kind(manifest, change):
    with pytest.raises(ManifestError, match=f"{next(iter(change))}|list of"):
        dataclasses.replace(manifest, **change).to_json()
