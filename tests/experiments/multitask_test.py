"""The comparison of strategies for several tasks."""

import json

import numpy as np
import pytest

from keras_anytime import gradients
from keras_anytime.data.digits import read_digits
from keras_anytime.experiments import multitask
from keras_anytime.experiments.multitask_example import pairs_of_digits
from keras_anytime.experiments.multitask_settings import MultitaskSettings


def _run(strategy, rate, seed, validation, test=None, seconds=1.0):
    tasks = dict.fromkeys(multitask.TASKS)
    return {
        "strategy": strategy,
        "rate": rate,
        "seed": seed,
        "validation": dict(zip(tasks, validation, strict=True)),
        "test": dict(zip(tasks, test or validation, strict=True)),
        "seconds": seconds,
    }


def test_images_are_real_digits_and_have_their_labels():
    images, labels = pairs_of_digits(30, "train[:10]", 0)
    ((digits, classes),) = read_digits(["train[:10]"])
    for image, left, right in zip(
        images[..., 0] * 255, labels["left"], labels["right"], strict=True
    ):
        # Columns of one digit alone are those of an image of its class.
        for columns, label, of_digit in (
            (image[:, :2], left, digits[:, :, :2, 0]),
            (image[:, -2:], right, digits[:, :, -2:, 0]),
        ):
            same = np.abs(of_digit - columns).max((1, 2)) < 0.5
            assert label in classes[same]
    np.testing.assert_allclose(
        labels["ink"][:, 0] * 0.035 + 0.404, images.mean((1, 2, 3)), atol=1e-6
    )


def test_every_combiner_and_balancer_is_compared():
    compared = multitask.strategies()
    named = {a["gradients"] for a in compared.values() if "gradients" in a}
    assert named == set(gradients.names()) - {"sum"}
    assert {"separate", "sum", "uncertainty", "imtll", "famo"} <= set(compared)


def test_rates_are_chosen_on_validation_images_of_the_first_seed():
    runs = [
        _run("separate", 0.1, 1, (0.2, 0.1, 1.0)),
        _run("separate", 0.2, 1, (0.1, 0.2, 1.0)),
        # Better on test images, and with the other seed.
        _run("sum", 0.1, 1, (0.2, 0.2, 1.0), (0.0, 0.0, 0.0)),
        _run("sum", 0.2, 1, (0.1, 0.2, 1.0), (0.9, 0.9, 9.0)),
        _run("sum", 0.1, 2, (0.0, 0.0, 0.0)),
        _run("mgda", 0.1, 1, (float("nan"), 0.1, 0.1)),
        _run("mgda", 0.2, 1, (0.9, 0.9, 9.0)),
    ]
    rates = multitask.best_rates(runs)
    assert rates == {"separate": 0.1, "sum": 0.2, "mgda": 0.2}


def test_changes_are_means_of_relative_differences():
    runs = [
        _run("separate", 0.1, 1, (0.1, 0.2, 1.0)),
        _run("separate", 0.1, 2, (0.2, 0.2, 2.0)),
        _run("sum", 0.1, 1, (0.2, 0.2, 0.5)),
        _run("sum", 0.1, 2, (0.1, 0.1, 1.0)),
    ]
    changes = multitask.changes(runs)
    assert changes["separate"] == [0, 0]
    np.testing.assert_allclose(changes["sum"], [(1 + 0 - 0.5) / 3, -0.5])
    assert "15.00 ± 7.07" in multitask.table(runs)


def test_a_comparison_goes_on_where_it_was_stopped(
    tmp_path, monkeypatch, capsys
):
    settings = {
        "workdir": str(tmp_path),
        "strategies": ["upgrad"],
        "rates": ["0.01"],
        "seeds": ["1"],
        "epochs": 1,
        "pairs": 128,
    }
    runs = multitask.compare(MultitaskSettings(**settings))
    assert [run["strategy"] for run in runs] == ["separate", "upgrad"]
    assert np.shape(runs[1]["cosines"]) == (3, 3)
    assert runs[0]["cosines"] is None
    for run in runs:
        assert all(0 <= run["test"][digit] <= 1 for digit in ("left", "right"))
    content = json.loads((tmp_path / "multitask.json").read_text())
    assert content["runs"] == runs
    capsys.readouterr()
    monkeypatch.setattr(multitask, "network", None)  # Nothing is trained.
    assert multitask.compare(MultitaskSettings(**settings)) == runs
    assert "upgrad" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"has runs of .* Received: .*'epochs"):
        multitask.compare(MultitaskSettings(**{**settings, "epochs": 2}))
    (tmp_path / "multitask.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        multitask.compare(MultitaskSettings(**settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"workdir": None}, "--workdir must name a folder"),
        ({"strategies": ["osgd"]}, "--strategies must be some of separate"),
        ({"rates": ["fast"]}, "--rates must be numbers"),
        ({"rates": ["0"]}, "--rates must be positive"),
        ({"seeds": []}, "--seeds must be whole numbers"),
    ],
)
def test_settings_are_checked_before_training(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        multitask.compare(
            MultitaskSettings(**{"workdir": str(tmp_path), **settings})
        )
