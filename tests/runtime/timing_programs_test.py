import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime import runtime
from keras_anytime.runtime import ProgramTimes
from tests.testing import passes_net
from tests.testing import scramble


@pytest.fixture(scope="module", name="paths")
def _paths(tiny_file, tiny_folder, tmp_path_factory):
    passes = tmp_path_factory.mktemp("exports") / "passes.tflite"
    ka.export.tflite(scramble(passes_net()), passes)
    return {"nested": tiny_file, "passes": passes, "saved": tiny_folder}


def test_every_program_of_every_file_is_timed(paths):
    times = runtime.time_programs(paths, num_threads=1, repetitions=3)
    assert list(times) == list(paths)
    for name, stages in (("nested", 3), ("passes", 2), ("saved", 3)):
        timed = times[name]
        assert timed.manifest.num_stages == stages
        for values in (
            timed.stream_ms,
            timed.subnets_ms,
            timed.answers_ms,
        ):
            assert values.shape == (3, stages)
            assert np.all(values > 0)
        # Later stages answer later, and steps add up to them.
        for values in (timed.stream_ms, timed.answers_ms):
            assert np.all(np.diff(values, axis=1) > 0)
        np.testing.assert_allclose(
            timed.steps_ms.cumsum(axis=1), timed.stream_ms
        )
        assert timed.late_ms.shape == (3,)
        assert np.all(timed.late_ms >= 0)


def test_what_a_predictor_adds_is_by_step():
    times = ProgramTimes(
        manifest=_Manifest(),
        stream_ms=np.array([[1.0, 2.0], [1.0, 3.0], [1.0, 4.0]]),
        subnets_ms=np.ones((3, 2)),
        answers_ms=np.array([[1.0, 2.5], [1.0, 3.25], [1.0, 9.0]]),
        late_ms=np.zeros(3),
    )
    assert times.overhead_ms == 0.5 / 2


class _Manifest:
    num_stages = 2


def test_a_file_of_steps_only(steps_file):
    found = runtime.time_programs({"net": steps_file}, repetitions=2)
    (times,) = found.values()
    assert list(times.manifest.signatures) == ["step_1", "step_2"]
    assert times.stream_ms.shape == (2, 2)
    assert times.subnets_ms.shape == (2, 0)


@pytest.mark.parametrize(
    ("chosen", "repetitions", "message"),
    [
        ([], 3, "Received: paths={}"),
        (["nested"], 0, "repetitions=0"),
    ],
)
def test_wrong_arguments_are_refused(paths, chosen, repetitions, message):
    with pytest.raises(ValueError, match=message):
        runtime.time_programs(
            {name: paths[name] for name in chosen}, repetitions=repetitions
        )
