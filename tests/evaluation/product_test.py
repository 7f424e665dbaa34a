import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import special

import keras_anytime as ka
from keras_anytime.confidence import product_answers
from keras_anytime.evaluation import Predictions
from keras_anytime.evaluation import TimedPredictions
from keras_anytime.evaluation.metrics import overthinking
from keras_anytime.runtime import TimedAnswers
from tests.evaluation import task_nets
from tests.evaluation.examples import costs
from tests.evaluation.examples import random_logits


def _by_hand(logits):
    """The probabilities of product answers to one example."""
    products, answers = np.ones(logits.shape[1]), []
    for row in logits:
        products = products * np.maximum(row, 0)
        total = products.sum()
        answers.append(products / total if total else special.softmax(row))
    return np.array(answers)


@hypothesis.given(
    st.integers(0, 999),
    st.integers(1, 10),
    st.integers(1, 5),
    st.integers(2, 8),
)
def test_each_number_is_that_of_its_definition(seed, examples, stages, classes):
    rng = np.random.default_rng(seed)
    logits, labels = random_logits(rng, examples, stages, classes)
    logits = logits.astype("float32")
    found = Predictions.from_logits(logits, labels).product()
    for n, label in enumerate(labels):
        answers = _by_hand(logits[:, n].astype("float64"))
        np.testing.assert_allclose(
            product_answers(logits)[:, n], answers, atol=1e-12
        )
        for k, answer in enumerate(answers):
            others = np.delete(answer, label)
            assert found.correct[n, k] == np.all(others < answer[label])
            assert found.top5[n, k] == (np.sum(others >= answer[label]) < 5)
            assert found.confidences[n, k] == pytest.approx(answer.max())
            with np.errstate(divide="ignore"):
                loss = -np.log(answer[label])
            assert found.losses[n, k] == pytest.approx(loss, abs=1e-9)


def test_a_class_that_is_ruled_out_stays_so_until_none_is_left():
    logits = np.array([[2.0, 1, -1], [1, 3, 9], [1, -1, -1], [-1, 2, 1]])
    found = product_answers(logits[:, None])[:, 0]
    np.testing.assert_allclose(found[0], [2 / 3, 1 / 3, 0])
    np.testing.assert_allclose(found[1], [2 / 5, 3 / 5, 0])
    np.testing.assert_allclose(found[2], [1, 0, 0])
    np.testing.assert_allclose(found[3], special.softmax(logits[3]))
    # From then on, each stage answers alone.
    more = product_answers(np.concatenate([logits, [[4.0, 1, 1]]])[:, None])
    np.testing.assert_allclose(more[4, 0], special.softmax([4.0, 1, 1]))


def test_a_class_that_is_largest_everywhere_never_loses_probability():
    rng = np.random.default_rng(0)
    logits, labels = random_logits(rng, 500, 6, 10)
    largest = logits.max(axis=2).T
    logits[:, np.arange(500), labels] = np.maximum(largest, 0.01).T
    found = product_answers(logits)[:, np.arange(500), labels]
    assert np.all(np.diff(found, axis=0) >= -1e-12)


def test_many_stages_neither_overflow_nor_underflow():
    for scale in (1e-30, 1e30):
        logits = scale * np.array([[2.0, 1.0]] * 100)[:, None]
        found = product_answers(logits)[:, 0, 0]
        assert np.all(np.isfinite(found)) and found[-1] == pytest.approx(1)


def test_a_logit_that_is_no_number_is_not_hidden():
    found = product_answers(np.array([[[np.nan, 1.0]], [[-1.0, -1.0]]]))
    assert np.isnan(found).all()


def test_answers_that_agree_get_worse_less_often():
    rng = np.random.default_rng(1)
    logits, labels = random_logits(rng, 4000, 5, 10)
    # A stage is as good as the one before, and other examples confuse it.
    logits[:, np.arange(4000), labels] = 2 + 0.3 * rng.normal(size=(5, 4000))
    alone = Predictions.from_logits(logits, labels)
    product = alone.product()
    worse = [overthinking(p.errors).mean() for p in (alone, product)]
    assert worse[1] < 0.5 * worse[0]
    curve = ka.evaluation.curve_from_predictions(product, costs(1, 2, 3, 4, 5))
    assert curve.overthinking_rate == pytest.approx(worse[1])
    assert curve.points[-1].top1_error < alone.errors[:, -1].mean()


def test_a_loss_that_is_infinite_is_not_shown(tmp_path):
    logits = np.array([[[1.0, -1.0]], [[1.0, -1.0]]])
    found = Predictions.from_logits(logits, np.array([1])).product()
    assert np.isinf(found.losses).all()
    curve = ka.evaluation.curve_from_predictions(found, costs(1, 2))
    assert curve.points[0].loss is None
    assert "product answers" in str(curve)
    curve.to_json(tmp_path / "curve.json")
    read = ka.evaluation.AnytimeCurve.from_json(tmp_path / "curve.json")
    assert read.points == curve.points


def test_temperatures_cancel():
    logits, labels = random_logits(np.random.default_rng(2), 50, 3, 4)
    alone = Predictions.from_logits(logits, labels)
    found = alone.calibrated((0.5, 2, 3)).product()
    left = np.any(np.maximum(logits, 0).prod(axis=0) > 0, axis=1)
    assert 25 < left.sum() < 50  # The others answer by the stage's softmax.
    np.testing.assert_allclose(
        found.confidences[left], alone.product().confidences[left]
    )
    np.testing.assert_array_equal(found.errors, alone.product().errors)


@pytest.mark.parametrize("name", task_nets.OTHERS)
def test_other_tasks_have_neither(name):
    task = task_nets.TASKS[name]
    predictions = ka.evaluation.predict_stages(
        task_nets.net(task), task_nets.data(task), keep_logits=True
    )
    assert predictions.logits is None
    for use in (
        predictions.product,
        lambda: predictions.calibrated((1, 1)),
        lambda: ka.evaluation.fit_temperatures(predictions),
    ):
        with pytest.raises(ValueError, match=r"of choices of one class.*task"):
            use()


def test_logits_are_kept_on_request():
    task = task_nets.TASKS["classification"]
    model, data = task_nets.net(task), task_nets.data(task)
    without = ka.evaluation.predict_stages(model, data)
    assert without.logits is None
    with pytest.raises(ValueError, match="keep_logits=True.*without logits"):
        without.product()
    kept = ka.evaluation.predict_stages(model, data, 7, keep_logits=True)
    logits = np.stack(model.predict(data[0], verbose=0))
    np.testing.assert_allclose(kept.logits, np.moveaxis(logits, 0, 1), 1e-4)
    part = kept.part(slice(3, 9)).product()
    want = Predictions.from_logits(logits[:, 3:9], data[1][3:9]).product()
    np.testing.assert_allclose(part.confidences, want.confidences, 1e-4)
    logits[:] = 0  # A copy was kept.
    assert want.confidences.max() > 0.2


def test_timed_answers_of_a_file_with_product_answers_are_products():
    logits, labels = random_logits(np.random.default_rng(3), 60, 3, 5)
    timed = TimedPredictions.from_answers(
        TimedAnswers(logits, np.array([1.0, 2, 3]), product_answers=True),
        labels,
    )
    want = Predictions.from_logits(logits, labels).product()
    np.testing.assert_array_equal(timed.predictions.errors, want.errors)
