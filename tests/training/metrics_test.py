"""Metrics at every stage are those of logits, with all their arguments."""

import keras
import numpy as np
import pytest

from tests.callbacks.nets import dense_net
from tests.testing import digits

BINARY = keras.losses.BinaryCrossentropy(from_logits=True)
CATEGORICAL = keras.losses.CategoricalCrossentropy(from_logits=True)


def _measured(metrics, loss, labels, classes=10, images=None):
    model = dense_net(classes=classes)
    model.compile("sgd", loss, metrics=metrics, run_eagerly=True)
    images = digits(len(labels))[0] if images is None else images
    logs = model.evaluate(images, labels, return_dict=True, verbose=0)
    return logs, model.predict(images, verbose=0)


def _one_hot(count=64):
    return np.eye(10, dtype="float32")[digits(count)[1]]


@pytest.mark.parametrize(
    "metric",
    [
        "accuracy",
        "acc",
        "binary_accuracy",
        keras.metrics.binary_accuracy,
        keras.metrics.BinaryAccuracy(threshold=0.0),
    ],
)
def test_the_accuracy_of_one_logit_is_that_at_even_chances(metric):
    odd = (digits(64)[1] % 2).astype("float32")[:, None]
    logs, answers = _measured([metric], BINARY, odd, classes=1)
    name = metric if isinstance(metric, str) else "binary_accuracy"
    for k, logits in enumerate(answers, start=1):
        right = np.mean((logits > 0) == (odd > 0))
        assert logs[f"stage_{k}_{name}"] == pytest.approx(right)


def test_named_metrics_are_made_for_logits():
    odd = (digits(64)[1] % 2).astype("float32")[:, None]
    names = ["AUC", "precision", "recall", "binary_crossentropy"]
    logs, answers = _measured(names, BINARY, odd, classes=1)
    for k, logits in enumerate(answers, start=1):
        # The peer: Keras' own on probabilities.
        chances = keras.ops.sigmoid(logits)
        for name, metric in zip(
            names,
            [
                keras.metrics.AUC(),
                keras.metrics.Precision(),
                keras.metrics.Recall(),
                keras.metrics.BinaryCrossentropy(),
            ],
            strict=True,
        ):
            metric.update_state(odd, chances)
            assert logs[f"stage_{k}_{name}"] == pytest.approx(
                float(metric.result()), abs=1e-5
            )


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (keras.metrics.BinaryAccuracy(), "threshold=0.0"),
        (keras.metrics.Precision(), "thresholds=0.0"),
        (keras.metrics.FalsePositives(thresholds=[0, 0.5]), "thresholds=0.0"),
        (keras.metrics.AUC(), "from_logits=True"),
        (keras.metrics.CategoricalCrossentropy(), "from_logits=True"),
        (keras.metrics.F1Score(threshold=0.5), "for the largest logit"),
        (keras.metrics.RecallAtPrecision(0.5), "no form for logits"),
        (keras.metrics.KLDivergence(), "no form for logits"),
        ("kl_divergence", "no form for logits"),
        ("accuracy", "binary_accuracy.*categorical_accuracy"),
    ],
)
def test_metrics_of_probabilities_are_refused(metric, message):
    with pytest.raises(ValueError, match=message):
        dense_net().compile("sgd", BINARY, metrics=[metric])


@pytest.mark.parametrize(
    "metric", ["categorical_accuracy", "top_k_categorical_accuracy", "f1_score"]
)
def test_the_largest_of_one_logit_is_no_answer(metric):
    with pytest.raises(ValueError, match="Stages give logits"):
        dense_net(classes=1).compile("sgd", BINARY, metrics=[metric])


def test_the_accuracy_of_one_number_needs_a_threshold():
    with pytest.raises(ValueError, match="depends on a threshold"):
        dense_net(classes=1).compile("sgd", "mse", metrics=["accuracy"])


class _Counted(keras.metrics.Metric):
    """An own metric without `get_config`, with others in it."""

    def __init__(self, step, name="counted"):
        super().__init__(name=name)
        self.step = {"size": step}
        self.total = self.add_weight(name="total", initializer="zeros")
        self.best = keras.metrics.TopKCategoricalAccuracy(3)
        self.parts = [keras.metrics.Mean(), keras.metrics.Mean()]

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(self.step["size"])
        self.best.update_state(y_true, y_pred)
        for part in self.parts:
            part.update_state(y_pred)

    def result(self):
        means = [part.result() for part in self.parts]
        return 100 * self.total + self.best.result() + means[0] - means[1]

    def reset_state(self):
        super().reset_state()
        self.best.reset_state()
        for part in self.parts:
            part.reset_state()


@pytest.mark.filterwarnings("ignore:A loaded model")
def test_arguments_that_a_configuration_loses_hold_at_every_stage():
    one_hot = _one_hot()
    logs, answers = _measured(
        [
            keras.metrics.CosineSimilarity(axis=0),
            keras.metrics.TopKCategoricalAccuracy(2, name="top2"),
            _Counted(3),
        ],
        CATEGORICAL,
        one_hot,
    )
    for k, logits in enumerate(answers, start=1):
        # Keras averages over what is left of each of the batches of 32.
        cosines = [
            np.sum(one_hot[part] * logits[part], 0)
            / np.maximum(np.linalg.norm(one_hot[part], axis=0), 1e-12)
            / np.linalg.norm(logits[part], axis=0)
            for part in (slice(0, 32), slice(32, 64))
        ]
        assert logs[f"stage_{k}_cosine_similarity"] == pytest.approx(
            np.mean(cosines), abs=1e-5
        )
        order = np.argsort(-logits, axis=1)
        found = order == one_hot.argmax(1)[:, None]
        assert logs[f"stage_{k}_top2"] == pytest.approx(found[:, :2].sum() / 64)
        assert logs[f"stage_{k}_counted"] == pytest.approx(
            600 + found[:, :3].sum() / 64
        )


@pytest.mark.filterwarnings("ignore:A loaded model")
def test_each_stage_counts_for_itself_and_the_given_metric_stays_as_it_is():
    given = _Counted(1)
    model = dense_net()
    model.compile("sgd", CATEGORICAL, metrics=[given], run_eagerly=True)
    x, _ = digits(64)
    first = model.evaluate(x, _one_hot(), return_dict=True, verbose=0)
    again = model.evaluate(x, _one_hot(), return_dict=True, verbose=0)
    assert first == again
    assert float(given.result()) == 0
    assert not {id(variable) for variable in given.variables} & {
        id(variable) for variable in model.metrics_variables
    }
