import dataclasses
import pickle

import numpy as np
import pytest
from scipy import special

import keras_anytime as ka
from keras_anytime import manifest as manifest_lib
from keras_anytime.evaluation import Predictions
from keras_anytime.evaluation import dynamic_evaluation
from keras_anytime.evaluation import risk_controlled_thresholds
from keras_anytime.evaluation import stage_costs
from keras_anytime.experiments.device_demo import describe_answer
from keras_anytime.runtime import AnytimePredictor
from keras_anytime.runtime import StageResult
from tests.testing import digits
from tests.testing import hierarchical_net
from tests.testing import scramble
from tests.testing import tiny_net

_LOGITS = np.array([1.0, -2.0, 0.5, 3.0], "float32")


def _result(logits=_LOGITS, task=None, **fields):
    return StageResult(1, logits, 1.0, tasks={None: task}, **fields)


def test_what_three_arguments_made_is_a_result_still():
    result = StageResult(2, _LOGITS, 1.5)
    np.testing.assert_allclose(result.probabilities, special.softmax(_LOGITS))
    assert [name for name, _ in result.top(2)] == [3, 0]
    assert "temperature" not in repr(result)


def test_a_number_of_classes_may_be_numpys():
    assert len(StageResult(2, _LOGITS, 1.5).top(np.int64(2))) == 2


def test_no_temperature_changes_product_answers():
    nothing_left = np.full(4, -np.inf)
    for products in (nothing_left, np.array([0.5, -np.inf, -np.inf, 1.0])):
        cold, warm = (
            _result(products=products, temperature=temperature).probabilities
            for temperature in (1.0, 5.0)
        )
        np.testing.assert_array_equal(cold, warm)


@pytest.mark.parametrize("shape", [(4,), (3, 4)])
def test_probabilities_are_those_of_divided_logits(shape):
    logits = np.random.default_rng(0).normal(size=shape)
    result = _result(logits, temperature=2.5)
    np.testing.assert_allclose(
        result.probabilities, special.softmax(logits / 2.5, axis=-1)
    )
    np.testing.assert_array_equal(result.logits, logits)
    for task in ("binary", "multi_label"):
        large = np.append(1000 * logits, -1000 * logits).reshape(2, *shape)
        for values in (logits, large):
            found = _result(values, task, temperature=0.5).probabilities
            np.testing.assert_allclose(
                found, special.expit(2 * values), rtol=1e-6, atol=1e-300
            )


def test_a_segmentation_has_probabilities_at_each_position():
    logits = np.random.default_rng(1).normal(size=(2, 3, 4, 5))
    result = _result(logits, "segmentation")
    np.testing.assert_allclose(
        result.probabilities, special.softmax(logits, axis=-1)
    )
    with pytest.raises(ValueError, match=r"each position.*\(2, 3, 4, 5\)"):
        result.top()


@pytest.mark.parametrize("task", ["regression", None])
def test_numbers_have_no_probabilities(task):
    result = _result(np.array([4.0]), task)
    for use in (lambda: result.probabilities, result.top):
        with pytest.raises(ValueError, match="plain numbers have none"):
            use()


def test_the_most_probable_classes_have_names():
    names = ("ant", "bee", "cat", "dog")
    result = _result(class_names=names)
    chances = special.softmax(_LOGITS.astype("float64"))
    found = result.top(3)
    assert [name for name, _ in found] == ["dog", "ant", "cat"]
    assert [chance for _, chance in found] == pytest.approx(
        sorted(chances)[:0:-1]
    )
    assert len(result.top()) == 4 and len(result.top(1)) == 1
    both = _result(np.stack([_LOGITS, -_LOGITS]), class_names=names)
    assert [[name for name, _ in of_one] for of_one in both.top(1)] == [
        ["dog"],
        ["bee"],
    ]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("cat", "dog"), ["dog", "cat"]),
        (("dog",), ["yes", "no"]),
        (None, ["yes", "no"]),
    ],
)
def test_a_binary_answer_is_no_or_yes(names, shown):
    result = _result(np.array([1.0]), "binary", class_names=names)
    assert [name for name, _ in result.top()] == shown
    yes = special.expit(1.0)
    assert [chance for _, chance in result.top()] == pytest.approx(
        [yes, 1 - yes]
    )


def test_of_several_labels_the_likeliest_come_first():
    result = _result(task="multi_label", class_names=("a", "b", "c", "d"))
    assert [name for name, _ in result.top(2)] == ["d", "a"]
    assert result.top(1)[0][1] == pytest.approx(special.expit(3.0))


def test_label_sets_have_a_dict_without_numbers():
    result = StageResult(
        1,
        {"kind": _LOGITS, "owner": _LOGITS[:1], "depth": _LOGITS[:1]},
        1.0,
        temperature=2.0,
        tasks={"kind": None, "owner": "binary", "depth": "regression"},
        class_names={"kind": ("a", "b", "c", "d"), "owner": (), "depth": ()},
    )
    found = result.probabilities
    assert list(found) == ["kind", "owner"]
    np.testing.assert_allclose(found["kind"], special.softmax(_LOGITS / 2))
    # The temperature is that of the first set.
    np.testing.assert_allclose(found["owner"], special.expit(_LOGITS[:1]))
    assert result.top(1) == {
        "kind": [("d", pytest.approx(found["kind"][3]))],
        "owner": [("yes", pytest.approx(found["owner"][0]))],
    }


def test_without_a_stage_there_is_nothing():
    result = StageResult(0, None, 1.0)
    assert result.probabilities is None and result.top(5) == []


@pytest.mark.parametrize("n", [0, -1, True, 1.0, "2"])
def test_how_many_must_be_a_number(n):
    with pytest.raises(ValueError, match="integer of 1 or more. Received: n="):
        _result().top(n)


@pytest.fixture(scope="module", name="file")
def _file(tmp_path_factory):
    """A file with product answers, its images, labels and logits."""
    path = tmp_path_factory.mktemp("exports") / "net.tflite"
    model = scramble(tiny_net())
    images, labels = digits(64)
    # Answers that differ from image to image, and some logits below 0.
    logits = np.stack(model.predict(images, verbose=0))
    for head, of_stage in zip(
        map(model.get_layer, ("stage_1", "stage_2", "stage_3")),
        logits,
        strict=True,
    ):
        kernel, bias = head.get_weights()
        scale = 2 / of_stage.std(axis=0).mean()
        mean = of_stage.mean(axis=0)
        head.set_weights([scale * kernel, scale * (bias - mean) + 1])
    logits = np.stack(model.predict(images, verbose=0))
    predictions = Predictions.from_logits(logits, labels).product()
    control = risk_controlled_thresholds(predictions, 0.9, 0.6)
    median = float(np.median(predictions.confidences[:, 0]))
    ka.export.tflite(
        model,
        path,
        subnets=False,
        product_answers=True,
        thresholds=(median, median),
        risk=dataclasses.replace(control, thresholds=(median, median)),
        temperatures=(0.5, 2, 1),
        class_names=tuple("abcdefghij"),
    )
    return path, model, images, labels, predictions


def test_a_device_multiplies_as_evaluation_does(file):
    path, model, images, _, predictions = file
    manifest = manifest_lib.read_manifest(path)
    assert manifest.product_answers and manifest.risk["examples"] == 64
    with AnytimePredictor(path) as predictor:
        results = [list(predictor.stream(image)) for image in images]
        batch = predictor.predict(images)
        stopped = [
            predictor.predict(image, confidence="manifest").stage
            for image in images
        ]
    confidences = [
        [result.probabilities.max() for result in of_image]
        for of_image in results
    ]
    np.testing.assert_allclose(confidences, predictions.confidences, rtol=1e-3)
    np.testing.assert_allclose(
        batch.probabilities.max(axis=1), predictions.confidences[:, 2], 1e-3
    )
    np.testing.assert_allclose(
        batch.logits, model.stage(3)(images), rtol=1e-3, atol=1e-4
    )
    expected = dynamic_evaluation(
        predictions, stage_costs(model), manifest.thresholds
    )
    shares = [stopped.count(k) / len(stopped) for k in (1, 2, 3)]
    assert min(shares) > 0 and shares == pytest.approx(expected.shares)
    name, chance = results[0][1].top(1)[0]
    assert name in "abcdefghij"
    assert chance == pytest.approx(predictions.confidences[0, 1], 1e-3)
    line = describe_answer(results[0][1], manifest)
    assert line.startswith(f"stage 2  {name} ({chance:.0%})  ")


def test_results_are_sent_to_other_processes(file):
    path, _, images, *_ = file
    with AnytimePredictor(path) as predictor:
        result = predictor.predict(images[0])
    same = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(same.probabilities, result.probabilities)
    assert same.top(3) == result.top(3)


def test_what_a_caller_does_changes_no_later_answer(file):
    path, _, images, *_ = file
    with AnytimePredictor(path) as predictor:
        want = [result.probabilities for result in predictor.stream(images[0])]
        for k, result in enumerate(predictor.stream(images[0])):
            np.testing.assert_array_equal(result.probabilities, want[k])
            result.logits[:] = -5
            with pytest.raises(ValueError, match="read-only"):
                result.products[:] = 0


def test_a_file_is_verified_by_the_answers_that_it_gives(file):
    path, model, images, labels, predictions = file
    found = ka.export.verify(path, model, (images, labels))
    errors = predictions.errors.mean(axis=0)
    assert found.model_errors == pytest.approx(errors)
    assert found.errors == pytest.approx(errors, abs=1 / 32)
    alone = Predictions.from_logits(
        np.stack(model.predict(images, verbose=0)), labels
    )
    assert alone.errors.mean(axis=0).tolist() != errors.tolist()


def test_label_sets_are_multiplied_each(tmp_path):
    model = scramble(hierarchical_net())
    image = digits(1)[0][0]
    path = tmp_path / "net.tflite"
    ka.export.tflite(model, path, product_answers=True, subnets=False)
    with AnytimePredictor(path) as predictor:
        first, second, _ = predictor.stream(image)
    text = describe_answer(second, manifest_lib.read_manifest(path))
    index, chance = second.top(1)["fine"][0]
    assert f"class {index} ({chance:.0%})" in text
    for name in ("fine", "coarse"):
        product = np.maximum(first.logits[name], 0) * np.maximum(
            second.logits[name], 0
        )
        assert product.sum() > 0
        np.testing.assert_allclose(
            second.probabilities[name], product / product.sum(), rtol=1e-5
        )


def test_a_changed_manifest_may_turn_products_off(file, tmp_path):
    path, _, images, *_ = file
    copy = tmp_path / "net.tflite"
    copy.write_bytes(path.read_bytes())
    manifest = dataclasses.replace(
        manifest_lib.read_manifest(path), product_answers=False
    )
    manifest_lib.manifest_path(copy).write_text(manifest.to_json())
    with AnytimePredictor(copy) as predictor:
        first = next(iter(predictor.stream(images[0])))
    np.testing.assert_allclose(
        first.probabilities, special.softmax(first.logits / 0.5), rtol=1e-5
    )
