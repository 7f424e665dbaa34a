"""Examples of tasks from training to a process without Keras."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_anytime.experiments import own_tasks
from keras_anytime.experiments import task_examples
from keras_anytime.experiments.own_tasks_settings import OwnTasksSettings


@pytest.mark.slow
def test_an_example_goes_the_whole_way(tmp_path):
    keras.utils.set_random_seed(0)
    example = dataclasses.replace(task_examples.diabetes(), epochs=20)
    result = own_tasks.run(example, tmp_path / "diabetes")
    labels = example.val[1]
    guess = np.abs(labels - np.median(labels)).mean()
    assert result["guess_error"] == pytest.approx(guess)
    assert result["errors"][-1] < guess
    np.testing.assert_allclose(
        result["int8_errors"], result["errors"], rtol=0.15
    )
    # Where no stage is ready in time, the guess counts.
    for error, stage in zip(
        result["deadline_errors"], result["mean_stage"], strict=True
    ):
        assert 0 <= stage <= 3
        assert error == pytest.approx(guess) or stage > 0
    text = own_tasks.table(result)
    assert "mean absolute error, 100 points" in text
    assert "deadline (ms)" in text


@pytest.mark.parametrize("name", ["segmentation", "comparison"])
def test_labels_of_examples_are_those_of_real_digits(name):
    example = task_examples.EXAMPLES[name](40)
    (task,) = example.model.tasks.values()
    for x, y in (example.train, example.val):
        task.check_labels(y, (len(y), *example.model.outputs[0].shape[1:]))
        if name == "segmentation":
            # A pixel of the foreground has a digit, and no other has.
            np.testing.assert_array_equal(x[..., 0] > 0.5, y > 0)
            assert set(np.unique(y)) <= set(range(11))
        else:
            assert 0.2 < y.mean() < 0.8
            np.testing.assert_array_equal(x["limit"].sum(1), 1)


def test_series_are_read_from_the_files_of_the_archive(tmp_path):
    for split, count in (("TRAIN", 3), ("TEST", 2)):
        rows = [
            [label, *range(number, number + 6)]
            for number, label in enumerate([7, 2, 7][:count])
        ]
        np.savetxt(tmp_path / f"Waves_{split}.txt", rows)
    example = task_examples.series(tmp_path)
    np.testing.assert_array_equal(example.train[1], [1, 0, 1])
    np.testing.assert_array_equal(example.val[0][1, :, 0], range(1, 7))
    assert example.model.tasks[None].classes == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"examples": ["table"]}, "--examples must be some of"),
        ({"examples": ["series"]}, "needs --series"),
    ],
)
def test_settings_are_checked_before_training(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        own_tasks.train_all(OwnTasksSettings(workdir=tmp_path, **settings))
