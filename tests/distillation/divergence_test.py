import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.distillation import references
from tests.distillation.references import TASKS
from tests.distillation.references import outputs_of


def _divergence(teacher, student, name, temperature=1.0):
    return keras.ops.convert_to_numpy(
        ka.distillation.soft_divergence(
            keras.ops.convert_to_tensor(teacher),
            keras.ops.convert_to_tensor(student),
            TASKS[name][0],
            temperature,
        )
    )


@pytest.mark.parametrize("temperature", [0.7, 1, 3])
@pytest.mark.parametrize("name", TASKS)
def test_it_is_that_of_probabilities(name, temperature):
    teacher, student = outputs_of(name, 2)
    got = _divergence(teacher, student, name, temperature)
    want = references.divergence(teacher, student, name, temperature)
    assert got.shape == teacher.shape[:-1]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TASKS)
def test_it_is_positive_and_zero_where_both_are_equal(name):
    teacher, student = outputs_of(name, 2, seed=1)
    assert np.all(_divergence(teacher, student, name) > 0)
    np.testing.assert_allclose(
        _divergence(teacher, teacher, name), 0, atol=1e-6
    )


def test_a_temperature_leaves_the_size_of_gradients_of_like_logits():
    # Hinton et al., 2015, Eq. 4: with T² it is half the squared difference of
    # centered logits, divided by the classes, once T is high.
    teacher, student = outputs_of("classification", 2)
    difference = teacher - student
    difference -= difference.mean(axis=-1, keepdims=True)
    want = np.sum(difference**2, axis=-1) / (2 * teacher.shape[-1])
    got = _divergence(teacher, student, "classification", 300.0)
    np.testing.assert_allclose(got, want, rtol=0.05)


@pytest.mark.parametrize("name", ["classification", "multi_label"])
def test_large_logits_have_a_finite_divergence(name):
    size = TASKS[name][0].size
    teacher = np.full((2, size), -1e4, "float32")
    teacher[:, 0] = 1e4
    assert np.all(np.isfinite(_divergence(teacher, -teacher, name)))


def test_a_task_without_a_divergence_is_named():
    with pytest.raises(ValueError, match="no divergence for this task"):
        ka.distillation.soft_divergence(
            np.ones((2, 1)), np.ones((2, 1)), ka.tasks.infer((None, 1))
        )
