import numpy as np
import pytest

from keras_anytime.runtime import AnytimePredictor
from keras_anytime.runtime import StageResult
from keras_anytime.runtime import time_answers
from tests.testing import digits
from tests.testing import hierarchical_net
from tests.testing import scramble
from tests.testing import tiny_net


class _Scripted:
    """A network whose answers take given times."""

    def __init__(self, name, calls, times):
        self.name = name
        self.calls = calls
        self.times = iter(times)
        self.num_stages = 2

    def stream(self, image):
        self.calls.append((self.name, float(image)))
        first, second = next(self.times)
        yield StageResult(1, image + np.zeros(3), first)
        yield StageResult(2, image + np.ones(3), second)


def test_networks_take_turns_and_medians_are_kept():
    calls = []
    warm_up = (99.0, 99.0)
    a = [(1, 2), (3, 4), (2, 9), (5, 5), (4, 6), (6, 7)]
    b = [(10, 20), (30, 40), (20, 90), (50, 50), (40, 60), (60, 70)]
    predictors = {
        name: _Scripted(name, calls, [warm_up, *times])
        for name, times in (("a", a), ("b", b))
    }
    images = np.array([5.0, 7.0])
    found = time_answers(predictors, images, repetitions=3)
    assert calls[2:] == [(name, image) for image in (5, 7) for name in "abbaab"]
    np.testing.assert_array_equal(found["a"].latency_ms, [[2, 4], [5, 6]])
    np.testing.assert_array_equal(found["b"].latency_ms, [[20, 40], [50, 60]])
    assert found["a"].logits.shape == (2, 2, 3)
    np.testing.assert_array_equal(found["a"].logits[1, :, 0], [6, 8])


def test_exported_networks_are_measured(tiny_file, hierarchical_file):
    images, _ = digits(5)
    models = {
        "nested": scramble(tiny_net()),
        "sets": scramble(hierarchical_net()),
    }
    predictors = {}
    for name, path in (
        ("nested", tiny_file),
        ("sets", hierarchical_file),
    ):
        predictors[name] = AnytimePredictor(path)
    found = time_answers(predictors, images, repetitions=2)
    for name, model in models.items():
        predictors[name].close()
        logits = model.predict(images, verbose=0)
        want = np.stack(logits[:: len(logits) // 3])
        np.testing.assert_allclose(
            found[name].logits, want, atol=1e-4 * np.abs(want).max()
        )
        latency = found[name].latency_ms
        assert latency.shape == (5, 3)
        assert (latency > 0).all() and (np.diff(latency) >= 0).all()


def test_what_cannot_be_measured_is_refused():
    calls = []
    good = {"a": _Scripted("a", calls, [(1, 2)] * 9)}
    for wrong in (({}, [1.0], 1), (good, [], 1), (good, [1.0], 0)):
        with pytest.raises(ValueError, match="Received"):
            time_answers(*wrong)
    with pytest.raises(ValueError, match="dict.*list"):
        time_answers([good["a"]], [1.0])
    assert not calls

    class Interrupted(_Scripted):
        def stream(self, image):
            yield StageResult(1, np.zeros(3), 1.0)

    with pytest.raises(RuntimeError, match="'b' was interrupted"):
        time_answers({"b": Interrupted("b", calls, [])}, np.ones(1))
