import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies as st

import keras_anytime as ka
from keras_anytime.evaluation import Predictions
from keras_anytime.evaluation import predict_stages
from tests.evaluation.examples import random_logits
from tests.testing import digits
from tests.testing import hierarchical_digits
from tests.testing import hierarchical_net
from tests.testing import scramble
from tests.testing import tiny_net


@hypothesis.given(
    st.integers(0, 999),
    st.integers(1, 20),
    st.integers(1, 4),
    st.integers(2, 9),
)
def test_each_number_is_that_of_its_definition(seed, examples, stages, classes):
    rng = np.random.default_rng(seed)
    logits, labels = random_logits(rng, examples, stages, classes)
    found = Predictions.from_logits(logits, labels, "net")
    assert (found.examples, found.num_stages) == (examples, stages)
    assert (found.classes, found.name) == (classes, "net")
    assert found.labels.tolist() == labels.tolist()
    for k in range(stages):
        for n, label in enumerate(labels):
            row = logits[k, n]
            order = np.argsort(-row)
            probabilities = np.exp(row) / np.exp(row).sum()
            assert found.correct[n, k] == (order[0] == label)
            assert found.top5[n, k] == (label in order[:5])
            assert found.losses[n, k] == pytest.approx(
                -np.log(probabilities[label])
            )
            assert found.confidences[n, k] == pytest.approx(probabilities.max())


def test_ties_count_against_the_network():
    logits = np.zeros((1, 3, 10))
    logits[0, 1, 4] = 1
    logits[0, 2, :4] = 1
    found = Predictions.from_logits(logits, [4, 4, 4])
    assert found.correct[:, 0].tolist() == [False, True, False]
    # Nine others are as large; none is; four are larger and five as large.
    assert found.top5[:, 0].tolist() == [False, True, False]


def test_a_model_answers_in_one_pass():
    model = scramble(tiny_net())
    x, y = digits(50)
    found = predict_stages(model, (x, y), batch_size=16)
    want = Predictions.from_logits(
        np.stack(model.predict(x, verbose=0)), y, model.name
    )
    for name in ("labels", "correct", "top5"):
        np.testing.assert_array_equal(getattr(found, name), getattr(want, name))
    for name in ("losses", "confidences"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(want, name), rtol=1e-4
        )
    assert found.name == model.name


def test_of_label_sets_all_are_answered_in_the_same_pass():
    model = scramble(hierarchical_net())
    x, y = hierarchical_digits(40)
    calls = []
    predict = model.predict_on_batch
    model.predict_on_batch = lambda images: calls.append(1) or predict(images)
    found = predict_stages(model, (x, y), batch_size=20)
    assert list(found) == ["fine", "coarse"]
    assert len(calls) == 2
    logits = model.predict(x, verbose=0)
    for index, (label_set, predictions) in enumerate(found.items()):
        want = Predictions.from_logits(logits[index::2], y[label_set])
        np.testing.assert_array_equal(predictions.correct, want.correct)
        assert predictions.classes == (10, 2)[index]


def test_a_part_of_the_examples():
    logits, labels = random_logits(np.random.default_rng(0), 10, 2, 3)
    found = Predictions.from_logits(logits, labels, "net")
    first, last = found.part(slice(4)), found.part(np.arange(10) >= 4)
    assert (first.examples, last.examples) == (4, 6)
    np.testing.assert_array_equal(last.losses, found.losses[4:])
    assert last.name == "net"
    with pytest.raises(ValueError, match="empty"):
        found.part(slice(0))


def _logits(**settings):
    shape = {"stages": 2, "examples": 3, "classes": 4, **settings}
    return np.zeros((shape["stages"], shape["examples"], shape["classes"]))


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (_logits(examples=0), np.zeros(0, "int64"), "empty"),
        (_logits(classes=1), [0, 0, 0], "two classes.*of 1 class"),
        (_logits() + np.nan, [0, 1, 2], "stage 1 for 3 of 3"),
        (_logits() * [[[1]], [[np.inf]]], [0, 1, 2], "stage 2 for 3 of 3"),
        (_logits(), [0, 1, 4], "from 0 to 4"),
        (_logits(), [0, 1], r"each of 3 examples.*shape \(2,\)"),
        (_logits(), [0.0, 1.0, 2.0], "float64"),
        ([np.zeros((3, 4)), np.zeros((3, 5))], [0, 1, 2], "of one shape"),
        ([np.zeros(3)], [0, 1, 2], "of one shape"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_what_cannot_be_measured_is_refused(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        Predictions.from_logits(logits, labels)


def test_images_without_labels_are_refused():
    images, _ = digits(16)
    with pytest.raises(ValueError, match=r"pair .*shape \(16, 8, 8, 1\)"):
        ka.evaluation.anytime_curve(tiny_net(), images)


def test_images_and_labels_must_be_as_many():
    x, y = digits(10)
    with pytest.raises(ValueError, match="10 examples, 9 labels"):
        predict_stages(tiny_net(), (x, y[:9]))
    with pytest.raises(ValueError, match="10 examples, 9 labels"):
        predict_stages(
            hierarchical_net(), (x, {"fine": y[:9], "coarse": y % 2})
        )


def test_a_network_with_one_class_is_refused_before_it_runs():
    image = keras.Input((8, 8, 1), name="image")
    flat = keras.layers.Flatten()(image)
    outputs = [keras.layers.Dense(1, name=f"stage_{k}")(flat) for k in (1, 2)]
    model = ka.AnytimeModel(image, outputs)
    model.predict_on_batch = None
    x, y = digits(4)
    with pytest.raises(ValueError, match="two classes"):
        predict_stages(model, (x, np.zeros_like(y)))


def test_logits_that_are_not_numbers_name_the_stage():
    model = tiny_net()
    head = model.get_layer("stage_3")
    head.set_weights([weight * np.nan for weight in head.get_weights()])
    with pytest.raises(ValueError, match="stage 3 for 20 of 20 examples"):
        predict_stages(model, digits(20))
