"""Evaluations of all tasks, compared with NumPy formulas of their own."""

import csv
import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_anytime as ka
from keras_anytime import evaluation
from keras_anytime.evaluation import Predictions
from keras_anytime.evaluation import anytime_curve
from keras_anytime.evaluation import predict_stages
from keras_anytime.evaluation.plots.curves import draw_curve
from keras_anytime.evaluation.plots.label_sets import draw_label_sets
from tests.evaluation import task_nets
from tests.evaluation.examples import costs
from tests.evaluation.examples import random_predictions
from tests.evaluation.task_nets import OTHERS
from tests.evaluation.task_nets import TASKS


def _answers(name, stages=3, examples=40, seed=0):
    """Random outputs `(stages, examples, ..., size)` and labels."""
    task, rng = TASKS[name], np.random.default_rng(seed)
    positions = (4, 5) if name == "segmentation" else ()
    outputs = rng.normal(size=(stages, examples, *positions, task.size))
    return outputs, task_nets.labels(task, examples, rng)


def _predictions(name, **kwargs):
    outputs, labels = _answers(name, **kwargs)
    return Predictions.from_logits(outputs, labels, name, TASKS[name])


def _errors(name, outputs, labels):
    """The error of each example by the words of the task."""
    if name == "regression":
        return np.abs(outputs - labels).mean(-1)
    if name == "segmentation":
        counts = labels != 9
        wrong = (outputs.argmax(-1) != labels) & counts
        return wrong.sum((1, 2)) / counts.sum((1, 2))
    if name == "classification":
        return outputs.argmax(-1) != labels
    return ((outputs > 0) != labels).mean(-1)


@pytest.mark.parametrize("name", TASKS)
def test_a_curve_has_the_means_of_the_tasks_errors(name):
    outputs, labels = _answers(name)
    task = TASKS[name]
    predictions = Predictions.from_logits(outputs, labels, name, task)
    curve = evaluation.curve_from_predictions(predictions, costs(10, 20, 70))
    errors = np.stack([_errors(name, o, labels) for o in outputs], axis=1)
    np.testing.assert_allclose(predictions.errors, errors)
    assert [point.error for point in curve.points] == pytest.approx(
        errors.mean(0)
    )
    assert curve.average_error == pytest.approx(errors.mean())
    worse = [
        any(row[i] < row[j] for i, j in itertools.combinations(range(3), 2))
        for row in errors
    ]
    assert curve.overthinking_rate == pytest.approx(np.mean(worse))
    assert curve.error_at(0.05) == pytest.approx(task.guess_error(labels))
    assert curve.error_at(0.5) == pytest.approx(errors[:, 1].mean())
    for point in curve.points:
        assert point.error_low < point.error < point.error_high
        # Whether an answer is right has a probability, other errors do not.
        known = point.calibration_error is not None
        assert known == (name in ("classification", "binary"))
        assert (getattr(point, "miou", None) is not None) == (
            name == "segmentation"
        )


def test_the_error_before_the_first_answer_of_a_regression_is_of_the_median():
    outputs, labels = _answers("regression")
    curve = evaluation.curve_from_predictions(
        _predictions("regression"), costs(10, 20, 70)
    )
    median = np.median(labels, axis=0)
    assert curve.error_at(0) == pytest.approx(np.abs(labels - median).mean())


def test_mean_iou_is_that_of_keras():
    outputs, labels = _answers("segmentation")
    curve = evaluation.curve_from_predictions(
        _predictions("segmentation"), costs(10, 20, 70)
    )
    for point, output in zip(curve.points, outputs, strict=True):
        metric = keras.metrics.MeanIoU(3, ignore_class=9, sparse_y_pred=False)
        metric.update_state(labels, output)
        assert point.miou == pytest.approx(float(metric.result()), abs=1e-6)


def test_no_map_of_a_segmentation_is_kept():
    predictions = _predictions("segmentation", examples=7)
    _, labels = _answers("segmentation", examples=7)
    arrays = [a for a in vars(predictions).values() if hasattr(a, "shape")]
    assert max(array.size for array in arrays) == 7 * 3 * 3
    want = [[np.sum(of == c) for c in range(3)] for of in labels]
    assert predictions.labels.tolist() == want
    part = predictions.part(slice(3))
    np.testing.assert_array_equal(part.unions, predictions.unions[:3])


@pytest.mark.parametrize("name", TASKS)
def test_confidences_are_those_of_the_task(name):
    predictions = _predictions(name)
    if predictions.task.has_confidence:
        outputs, _ = _answers(name)
        of_task = [predictions.task.confidences(o) for o in outputs]
        np.testing.assert_allclose(predictions.confidences.T, of_task)
    else:
        assert predictions.confidences is None


@pytest.mark.parametrize("name", TASKS)
def test_what_is_written_and_printed_is_of_the_task(name, tmp_path):
    curves = [
        evaluation.curve_from_predictions(
            _predictions(name, seed=seed), costs(10, 20, 70)
        )
        for seed in range(3)
    ]
    seeds = evaluation.aggregate(curves)
    task = TASKS[name]
    for curve in (curves[0], seeds.mean, evaluation.oracle_curve(curves)):
        curve.to_json(tmp_path / "curve.json")
        assert evaluation.AnytimeCurve.from_json(tmp_path / "curve.json") == (
            curve
        )
        assert task.error_name in str(curve) and task.answers in str(curve)
    comparison = evaluation.compare(curves, curves[::-1])
    for text in (str(seeds), str(comparison), evaluation.summary(seeds, "x")):
        assert task.error_name in text or name == "classification"
        assert ("top-" in text) <= (name == "classification")
    curves[0].to_csv(tmp_path / "curve.csv")
    seeds.to_csv(tmp_path / "seeds.csv")
    for path in ("curve.csv", "seeds.csv"):
        with (tmp_path / path).open() as file:
            (row, *_) = csv.DictReader(file)
        assert any("top1" in key for key in row) == (name == "classification")
        assert ("error" in row or "error_mean" in row) == (name in OTHERS)
        assert any("miou" in key for key in row) == (name == "segmentation")
    axes = draw_curve(seeds.mean).axes[0]
    assert axes.get_ylabel() == task.error_name
    text = axes.yaxis.get_major_formatter()(0.25, 0)
    assert ("%" in text) == (name != "regression")


def test_numbers_of_a_regression_have_the_units_of_its_labels():
    outputs, labels = _answers("regression")
    curve = evaluation.curve_from_predictions(
        Predictions.from_logits(
            1000 * outputs, 1000 * labels, task=TASKS["regression"]
        ),
        costs(10, 20, 70),
    )
    rest = str(curve).split("average error")[1]
    assert "%" not in rest and f"{curve.average_error:.4g}" in rest
    assert "percent" not in evaluation.summary(curve, "x")


@pytest.mark.parametrize("name", TASKS)
def test_at_deadlines_the_last_answer_or_a_guess_counts(name):
    predictions = _predictions(name)
    latency = np.cumsum(
        np.random.default_rng(1).uniform(0.5, 1.5, (40, 3)), axis=1
    )
    timed = evaluation.TimedPredictions(predictions, latency)
    guess = predictions.guess_error
    for deadline in (0.1, 1.0, 2.5, math.inf):
        want = []
        for errors, times in zip(predictions.errors, latency, strict=True):
            ready = [e for e, ms in zip(errors, times, strict=True)]
            ready = ready[: int(np.sum(times <= deadline))]
            want.append(ready[-1] if ready else guess)
        np.testing.assert_allclose(timed.errors_at_deadline(deadline), want)
        assert evaluation.expected_error(timed, [deadline]) == pytest.approx(
            np.mean(want)
        )
    alone = Predictions.from_logits(
        *(a if k else a[-1:] for k, a in enumerate(_answers(name))),
        task=TASKS[name],
    )
    oracle = evaluation.TimedPredictions(alone, [2.0])
    simulation = evaluation.simulate_deadlines(timed, oracle)
    assert simulation.errors["oracle_all"][0] == pytest.approx(guess)
    assert simulation.errors["oracle_all"][-1] == pytest.approx(
        predictions.errors[:, -1].mean()
    )
    assert TASKS[name].error_name in str(simulation)
    choice = evaluation.best_priority({(1, 2, 3): timed}, [1.0])
    assert ("%" in str(choice).splitlines()[1]) == (name != "regression")


@pytest.mark.parametrize("name", TASKS)
def test_answers_that_stop_early_have_the_tasks_errors(name, tmp_path):
    predictions, own = _predictions(name), costs(10, 20, 70)
    if not TASKS[name].has_confidence:
        for call in (
            lambda: evaluation.budget_curve(predictions, predictions, own),
            lambda: evaluation.confidence_thresholds(predictions, own, 50),
            lambda: evaluation.dynamic_evaluation(predictions, own, 0.5),
        ):
            with pytest.raises(ValueError, match="plain numbers have none"):
                call()
        return
    middle = float(np.median(predictions.confidences))
    point = evaluation.dynamic_evaluation(predictions, own, middle)
    final = [
        next((k for k in range(2) if row[k] > middle), 2)
        for row in predictions.confidences
    ]
    want = predictions.errors[np.arange(40), final].mean()
    assert point.error == pytest.approx(want)
    curve = evaluation.budget_curve(predictions, predictions, own)
    assert TASKS[name].error_name in str(curve)
    curve.to_csv(tmp_path / "budget.csv")
    columns = (tmp_path / "budget.csv").read_text().splitlines()[0].split(",")
    assert ("top1_error" in columns) == (name == "classification")


@pytest.mark.parametrize("name", OTHERS)
def test_other_tasks_are_not_compared(name, tmp_path):
    own = costs(10, 20, 70)
    first = _predictions(name)
    second = random_predictions(examples=40, classes=first.classes + 1)
    curves = [
        evaluation.curve_from_predictions(p, own) for p in (first, second)
    ]
    for call in (
        lambda: evaluation.aggregate(curves),
        lambda: evaluation.oracle_curve(curves),
        lambda: evaluation.relative_increase(*curves),
        lambda: evaluation.compare(curves, curves[::-1]),
        lambda: evaluation.plots.plot_curves(
            dict(zip("ab", curves, strict=True)), tmp_path / "a.svg"
        ),
    ):
        with pytest.raises(ValueError, match=r"same task .*Received"):
            call()
    timed = [evaluation.TimedPredictions(p, [1, 2, 3]) for p in (first, second)]
    with pytest.raises(ValueError, match=r"same task .*Received"):
        evaluation.best_priority(dict(enumerate(timed)), [1.0])
    with pytest.raises(ValueError, match="measure='loss'"):
        curves[0].value_at_budget(50, "loss")


@pytest.mark.parametrize("name", TASKS)
def test_models_are_measured_on_arrays_and_batches(name):
    task = TASKS[name]
    model, (x, y) = task_nets.net(task), task_nets.data(task)
    predictions = predict_stages(model, (x, y), batch_size=8, verbose=False)
    outputs = model.predict(x, verbose=0)
    want = np.stack([_errors(name, o, y) for o in outputs], axis=1)
    np.testing.assert_allclose(predictions.errors, want, rtol=1e-5)
    assert predictions.task == task
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
    curve = anytime_curve(model, batches, verbose=False)
    assert curve == anytime_curve(model, (x, y), batch_size=8, verbose=False)
    assert curve.task == (None if name == "classification" else task)


def _mixed():
    """A network of label sets of different tasks."""
    inputs = keras.Input((5,), name="table")
    x, outputs = inputs, []
    tasks = {"kind": TASKS["classification"], "depth": ka.tasks.Regression()}
    for k in (1, 2):
        x = keras.layers.Dense(4, "tanh")(x)
        for label_set, task in tasks.items():
            name = f"stage_{k}_{label_set}"
            outputs.append(keras.layers.Dense(task.size, name=name)(x))
    return ka.AnytimeModel(inputs, outputs, task=tasks)


def test_label_sets_may_be_of_different_tasks(tmp_path):
    model = _mixed()
    x, kinds = task_nets.data(TASKS["classification"])
    depths = np.random.default_rng(2).normal(size=(30, 1))
    data = x, {"kind": kinds, "depth": depths}
    found = predict_stages(model, data, verbose=False)
    outputs = model.predict(x, verbose=0)
    for index, name in enumerate(("classification", "regression")):
        y = (kinds, depths)[index]
        want = np.stack([_errors(name, o, y) for o in outputs[index::2]], 1)
        predictions = found[("kind", "depth")[index]]
        np.testing.assert_allclose(predictions.errors, want, rtol=1e-5)
    curves = evaluation.hierarchical_curve(model, data, verbose=False)
    assert curves.curves == anytime_curve(model, data, verbose=False)
    assert curves.curves["depth"] == anytime_curve(
        model, data, label_set="depth", verbose=False
    )
    assert "depth (mean absolute error)" in str(curves)
    with pytest.raises(ValueError, match=r"sets of classes.*\['depth'\]"):
        curves.finest(0.5)
    curves.to_csv(tmp_path / "sets.csv")
    header = (tmp_path / "sets.csv").read_text().splitlines()[0]
    assert header == "stage,macs,kind_top1_error,depth_error"
    labels = [axes.get_ylabel() for axes in draw_label_sets(curves).axes]
    assert labels == ["top-1 error", "mean absolute error"]


class _Batches(keras.utils.PyDataset):
    """Batches that repeat without an end, as a dataset may."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return 3

    def __getitem__(self, index):
        part = slice(10 * (index % 3), 10 * (index % 3 + 1))
        return {k: v[part] for k, v in self.x.items()}, self.y[part]


@pytest.mark.parametrize("order", [list, dict])
def test_several_inputs_come_by_name_or_in_order(order):
    model = task_nets.two_inputs(order)
    rng = np.random.default_rng(0)
    x = {
        "picture": rng.normal(size=(30, 4, 4, 1)).astype("float32"),
        "table": rng.normal(size=(30, 3)).astype("float32"),
    }
    y = rng.normal(size=30)
    arrays = list(x.values())
    flat = arrays[0].reshape(30, 16)
    kernel, bias = model.get_layer("stage_1").get_weights()
    want = np.abs((flat @ kernel + bias)[:, 0] - y)
    slices = tf.data.Dataset.from_tensor_slices
    data = [
        (x, y),
        (tuple(arrays), y[:, None]),
        (arrays, y),
        slices((x, y)).batch(7),
        slices((tuple(arrays), y)).batch(7),
        _Batches(x, y),
    ]
    curves = [anytime_curve(model, of, batch_size=7) for of in data]
    for curve in curves:
        assert curve.examples == 30
        assert curve.points[0].error == pytest.approx(want.mean(), rel=1e-5)
        assert curve.points[1].error == pytest.approx(
            curves[0].points[1].error, rel=1e-5
        )


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((6, 3)), r"\['picture', 'table'\].* x as one array"),
        ({"table": np.zeros((6, 3))}, r"x as a dict with \['table'\]"),
        ([np.zeros((6, 3))] * 3, "x as a list of 3"),
        (
            (np.zeros((6, 3)), np.zeros((6, 4, 4, 1))),
            r"takes 'picture' of .* of shape \(6, 3\)",
        ),
        ([np.zeros((6, 4, 4, 1)), np.zeros((6, 2))], "takes 'table' of shape"),
        ([np.zeros((6, 4, 4, 1)), np.zeros((5, 3))], r"of \[5, 6\] examples"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(x, message):
    model = task_nets.two_inputs()
    with pytest.raises(ValueError, match=message):
        predict_stages(model, (x, np.zeros(6)), verbose=False)


@pytest.mark.parametrize(
    "data",
    [
        (np.zeros((4, 5)),),
        [np.zeros((4, 5)), np.zeros(4), np.ones(4)],
        [{"x": np.zeros((4, 5))}],
        {"x": np.zeros((4, 5)), "y": np.zeros(4)},
    ],
)
def test_data_that_are_no_pairs_are_refused(data):
    model = task_nets.net(TASKS["regression"])
    with pytest.raises(ValueError, match=r"a pair \(x, y\).*Received"):
        predict_stages(model, data, verbose=False)


def test_one_hot_labels_are_those_of_their_classes():
    for name in ("classification", "segmentation"):
        task = ka.tasks.get(TASKS[name].size)
        if name == "segmentation":
            task = ka.tasks.Segmentation(3)
        model, (x, _) = task_nets.net(task), task_nets.data(task, 12)
        rng = np.random.default_rng(0)
        y = rng.integers(0, task.size, x.shape[:-1] if x.ndim == 4 else 12)
        one_hot = np.eye(task.size, dtype="float32")[y]
        found = [
            predict_stages(model, (x, of), verbose=False)
            for of in (y, one_hot, y[..., None])
        ]
        for other in found[1:]:
            np.testing.assert_array_equal(other.labels, found[0].labels)
            np.testing.assert_array_equal(other.errors, found[0].errors)
        soft = 0.9 * one_hot + 0.1 / task.size
        with pytest.raises(ValueError, match="[Ll]abels must be"):
            predict_stages(model, (x, soft), verbose=False)


@pytest.mark.parametrize("label_mode", ["int", "binary", "categorical"])
def test_folders_of_images_are_measured_as_keras_reads_them(
    tmp_path, label_mode
):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for index in range(3):
            keras.utils.save_img(
                tmp_path / name / f"{index}.png", rng.random((6, 6, 3))
            )
    data = keras.utils.image_dataset_from_directory(
        tmp_path,
        label_mode=label_mode,
        image_size=(6, 6),
        batch_size=4,
        shuffle=False,
        verbose=False,
    )
    size = 1 if label_mode == "binary" else 2
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.Flatten()(inputs)
    outputs = [keras.layers.Dense(size, name=f"stage_{k}")(x) for k in (1, 2)]
    task = ka.tasks.Binary() if size == 1 else ka.tasks.Classification(2)
    model = ka.AnytimeModel(inputs, outputs, task=task)
    found = predict_stages(model, data, verbose=False)
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1]
    logits = model.predict(data, verbose=0)[0]
    answers = logits[:, 0] > 0 if size == 1 else logits.argmax(-1)
    np.testing.assert_array_equal(found.correct[:, 0], answers == found.labels)


def test_one_output_of_unknown_task_is_refused_before_the_model_runs():
    model = task_nets.two_inputs()
    unknown = ka.AnytimeModel(model.inputs, model.outputs)
    unknown.predict_on_batch = None
    x = [np.zeros((4, 4, 4, 1)), np.zeros((4, 3))]
    with pytest.raises(ValueError, match=r"Binary\(\).*Regression\(\)"):
        predict_stages(unknown, (x, np.zeros(4)), verbose=False)
