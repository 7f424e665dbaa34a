"""Callbacks on networks of other tasks than the choice of one class."""

import io
import math

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.callbacks.chance import chance_loss
from tests.evaluation import task_nets
from tests.testing import rows_of


def _fit(name, loss, metrics, callbacks, **options):
    task = task_nets.TASKS[name]
    model, data = task_nets.net(task), task_nets.data(task, 16)
    model.compile("sgd", loss, metrics=metrics, run_eagerly=True)
    history = model.fit(*data, callbacks=callbacks, verbose=0, **options)
    return model, data, history.history


def test_the_curve_of_every_epoch_has_the_tasks_error(tmp_path):
    task = task_nets.TASKS["regression"]
    data = task_nets.data(task, 16)
    logger = ka.callbacks.CurveLogger(data, tmp_path / "curves.csv")
    model, _, _ = _fit("regression", "mse", None, [logger], epochs=2)
    rows = rows_of(tmp_path / "curves.csv")
    assert len(rows) == 2 and not any("top1" in name for name in rows[0])
    curve = ka.evaluation.anytime_curve(model, data, verbose=False)
    assert logger.curve == curve
    for point in curve.points:
        assert float(rows[-1][f"stage_{point.stage}_error"]) == pytest.approx(
            point.error, rel=1e-5
        )


@pytest.mark.parametrize(
    "metric", ["mae", keras.metrics.MeanAbsoluteError()], ids=["name", "object"]
)
def test_the_best_model_is_that_of_the_smallest_error(tmp_path, metric):
    best = ka.callbacks.StageCheckpoint(tmp_path / "best.keras", prefix="")
    _, data, history = _fit("regression", "mse", [metric], [best], epochs=3)
    name = best.metric_name
    want = np.mean([history[f"stage_{k}_{name}"] for k in (1, 2)], axis=0)
    assert best.best == pytest.approx(want.min())
    assert (tmp_path / "best.keras").exists()


def test_a_metric_of_the_error_must_be_compiled(tmp_path):
    best = ka.callbacks.StageCheckpoint(tmp_path / "best.keras", prefix="")
    for metrics in (["mse"], None):
        with pytest.raises(ValueError, match="'mean_absolute_error'"):
            _fit("regression", "mse", metrics, [best])


@pytest.mark.parametrize(
    ("name", "metric", "loss", "shown"),
    [
        ("regression", "mean_absolute_error", "mse", "{:.4g}"),
        ("multi_label", "binary_accuracy", "binary_crossentropy", "{:.1f}"),
    ],
)
def test_progress_shows_the_error_of_the_task(name, metric, loss, shown):
    stream = io.StringIO()
    progress = ka.callbacks.StageProgress(stream=stream)
    _, _, history = _fit(name, loss, [metric], [progress])
    values = [history[f"stage_{k}_{metric}"][0] for k in (1, 2)]
    if name != "regression":
        values = [100 * (1 - value) for value in values]
    head, line, *others = stream.getvalue().splitlines()
    assert ("mean absolute error" in head) == (name == "regression")
    assert line.split("|")[1].split() == [shown.format(v) for v in values]
    assert not others
    stream.truncate(0)
    _fit(name, loss, None, [progress])
    assert f"metrics=[{metric!r}]" in stream.getvalue()


def test_the_chance_of_a_regression_must_be_given():
    stop = ka.callbacks.StopAtChance(1.0)
    with pytest.raises(ValueError, match=r"give `chance`.*Regression\(2\)"):
        _fit("regression", "mse", None, [stop])
    for name, classes in (
        ("binary", 2),
        ("multi_label", 2),
        ("segmentation", 3),
    ):
        model = task_nets.net(task_nets.TASKS[name])
        assert chance_loss(model) == pytest.approx(math.log(classes))
