import gc
import os
import pathlib
import pickle
import shutil
import threading
import time
import weakref

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime import manifest as manifest_lib
from keras_anytime.runtime import AnytimePredictor
from keras_anytime.runtime import LoadError
from tests.testing import copied
from tests.testing import digits
from tests.testing import hierarchical_net
from tests.testing import passes_net
from tests.testing import sampled
from tests.testing import scramble
from tests.testing import tiny_net


@pytest.fixture(scope="module", name="exports")
def _exports(tiny_file, tiny_folder, tmp_path_factory):
    """One network in both forms, and its logits on real images."""
    folder = tmp_path_factory.mktemp("exports")
    copied(tiny_file, folder).rename(folder / "anytime.tflite")
    manifest_lib.manifest_path(folder / tiny_file.name).rename(
        manifest_lib.manifest_path(folder / "anytime.tflite")
    )
    shutil.copytree(tiny_folder, folder / "saved_model")
    images, _ = digits(4)
    model = scramble(tiny_net())
    return folder, images, model.predict(images, verbose=0)


FORMS = ["anytime.tflite", "saved_model"]
# Of what no form does in a way of its own.
of_any_form = pytest.mark.parametrize(
    "predictor", sampled(FORMS, FORMS[:1]), indirect=True
)


@pytest.fixture(name="predictor", params=FORMS)
def _predictor(request, exports):
    with AnytimePredictor(exports[0] / request.param) as predictor:
        yield predictor


class _Gated:
    """Steps that wait until they are let through, to test without a clock."""

    def __init__(self, predictor):
        self.started = [threading.Event() for _ in predictor._executor.steps]
        self.gates = [threading.Event() for _ in predictor._executor.steps]
        for index, (name, step) in enumerate(predictor._executor.steps.items()):
            predictor._executor.steps[name] = self._wrap(step, index)

    def _wrap(self, step, index):
        def run(inputs):
            self.started[index].set()
            assert self.gates[index].wait(30)
            return step(inputs)

        return run

    def open(self, *stages):
        for stage in stages:
            self.gates[stage - 1].set()


@pytest.fixture(name="gated")
def _gated(predictor, exports):
    predictor.predict(exports[1][0])  # First calls of a step take longer.
    gates = _Gated(predictor)
    yield gates
    gates.open(1, 2, 3)


def _assert_close(got, want):
    np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())


def test_a_stream_gives_every_stage_in_order(predictor, exports):
    _, images, logits = exports
    for index, image in enumerate(images):
        results = list(predictor.stream(image))
        assert [result.stage for result in results] == [1, 2, 3]
        for result, want in zip(results, logits, strict=True):
            _assert_close(result.logits, want[index])
        times = [result.elapsed_ms for result in results]
        assert times == sorted(times)


def test_without_a_deadline_the_last_stage_answers(predictor, exports):
    _, images, logits = exports
    result = predictor.predict(images[0])
    assert result.ready
    assert result.stage == 3
    _assert_close(result.logits, logits[2][0])
    never = (1e30, 10**400, float("inf"))
    for deadline in (60_000, np.float32(60_000), *never):
        assert predictor.predict(images[0], deadline_ms=deadline).stage == 3


def test_a_batch_gives_a_batch(predictor, exports):
    _, images, logits = exports
    result = predictor.predict(images)
    _assert_close(result.logits, logits[2])


@pytest.mark.parametrize("form", sampled(["tflite", "saved_model"], ["tflite"]))
def test_answers_in_label_sets_are_dicts(form, hierarchical_file, tmp_path):
    model = scramble(hierarchical_net())
    images, _ = digits(2)
    path = hierarchical_file
    if form == "saved_model":
        path = tmp_path / "anytime"
        ka.export.saved_model(model, path)
    with AnytimePredictor(path) as predictor:
        results = list(predictor.stream(images[0]))
        batch = predictor.predict(images)
    assert [result.stage for result in results] == [1, 2, 3]
    for result in results:
        want = model.stage(result.stage)(images)
        assert list(result.logits) == ["fine", "coarse"]
        for name, logits in want.items():
            _assert_close(result.logits[name], logits[0])
    for name, logits in model.stage(3)(images).items():
        _assert_close(batch.logits[name], logits)


@pytest.mark.parametrize(
    "form", sampled(["tflite", "saved_model"], ["saved_model"])
)
def test_subnetworks_run_in_turn_where_there_are_no_steps(form, tmp_path):
    model = scramble(passes_net())
    images, _ = digits(1)
    path = tmp_path / f"anytime.{form}"
    getattr(ka.export, form)(model, path)
    with AnytimePredictor(path) as predictor:
        results = list(predictor.stream(images[0]))
        assert predictor.predict(images[0]).stage == 2
        first, second = predictor.calibrate(repetitions=3)
    assert 0 < first < second
    assert [result.stage for result in results] == [1, 2]
    for result in results:
        _assert_close(result.logits, model.stage(result.stage)(images)[0])


def test_no_stage_is_ready_before_step_1_is_through(predictor, gated, exports):
    result = predictor.predict(exports[1][0], deadline_ms=5)
    assert not result.ready
    assert (result.stage, result.logits) == (0, None)
    assert result.elapsed_ms >= 5


def test_the_deadline_is_kept_while_a_step_runs(predictor, gated, exports):
    _, images, logits = exports
    gated.open(1)
    # Step 2 runs until the end of the test; the answer does not wait for it.
    result = predictor.predict(images[0], deadline_ms=500)
    assert gated.started[1].is_set()
    assert result.stage == 1
    _assert_close(result.logits, logits[0][0])


def test_an_interrupt_gives_the_latest_finished_stage(
    predictor, gated, exports
):
    gated.open(1, 2)
    answers = []
    caller = threading.Thread(
        target=lambda: answers.append(predictor.predict(exports[1][0]))
    )
    caller.start()
    assert gated.started[2].wait(30)
    predictor.interrupt()
    caller.join(30)
    assert [answer.stage for answer in answers] == [2]


def test_an_interrupt_ends_a_stream(predictor, gated, exports):
    gated.open(1)
    stages = []
    for result in predictor.stream(exports[1][0]):
        stages.append(result.stage)
        assert gated.started[1].wait(30)
        predictor.interrupt()
    assert stages == [1]
    gated.open(2, 3)
    # It is over with the call that it ended.
    assert predictor.predict(exports[1][0]).stage == 3


@of_any_form
def test_an_answer_after_the_deadline_does_not_count(predictor, exports):
    image = exports[1][0]
    for _ in range(500):
        assert not predictor.predict(image, deadline_ms=0).ready
    for _ in range(200):
        result = predictor.predict(image, deadline_ms=0.1)
        assert not result.ready or result.elapsed_ms <= 0.1


@of_any_form
def test_a_stream_that_nobody_reads_runs_nothing(predictor, gated, exports):
    stream = predictor.stream(exports[1][0])
    stream.close()
    assert not gated.started[0].wait(0.1)


def test_a_stream_gives_what_was_ready_before_a_failure(predictor, exports):
    def fail(inputs):
        raise OSError("device lost")

    predictor._executor.steps["step_2"] = fail
    stream = predictor.stream(exports[1][0])
    assert next(stream).stage == 1
    with pytest.raises(RuntimeError, match="Step 2 failed"):
        next(stream)


@of_any_form
def test_interrupts_from_many_threads_while_calls_come_and_go(
    predictor, exports
):
    done = threading.Event()
    errors = []

    def disturb():
        try:
            while not done.is_set():
                predictor.interrupt()
        except Exception as error:
            errors.append(error)

    disturbers = [threading.Thread(target=disturb) for _ in range(2)]
    for disturber in disturbers:
        disturber.start()
    for _ in range(60):
        predictor.predict(exports[1][0], deadline_ms=1)
    done.set()
    for disturber in disturbers:
        disturber.join(30)
    assert not errors


def test_an_interrupt_without_a_call_does_nothing(predictor, exports):
    predictor.interrupt()
    assert predictor.predict(exports[1][0]).stage == 3


@of_any_form
def test_leaving_a_stream_stops_the_stages(predictor, gated, exports):
    gated.open(1)
    for result in predictor.stream(exports[1][0]):
        assert result.stage == 1
        assert gated.started[1].wait(30)
        break
    gated.open(2)
    # The next call runs behind the step that was under way; step 3 of the
    # first image has never started.
    assert predictor.predict(exports[1][1], deadline_ms=500).stage == 2
    gated.open(3)


def test_calls_from_several_threads_get_their_own_answers(predictor, exports):
    _, images, logits = exports
    answers = {}

    def ask(index):
        answers[index] = [
            predictor.predict(images[index]).logits for _ in range(10)
        ]

    callers = [threading.Thread(target=ask, args=(k,)) for k in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    for index in range(4):
        for answer in answers[index]:
            _assert_close(answer, logits[2][index])


def test_waiting_for_another_call_counts_against_the_deadline(
    predictor, gated, exports
):
    first = threading.Thread(target=predictor.predict, args=(exports[1][0],))
    first.start()
    assert gated.started[0].wait(30)
    start = time.perf_counter()
    assert not predictor.predict(exports[1][1], deadline_ms=20).ready
    assert time.perf_counter() - start >= 0.02
    gated.open(1, 2, 3)
    first.join(30)


def test_a_failing_step_is_reported(predictor, exports):
    def fail(inputs):
        raise OSError("device lost")

    predictor._executor.steps["step_2"] = fail
    with pytest.raises(RuntimeError, match="Step 2 failed: device lost"):
        predictor.predict(exports[1][0])


@of_any_form
def test_calibration_gives_rising_times(predictor):
    times = predictor.calibrate(repetitions=3)
    assert len(times) == 3
    assert 0 < times[0] < times[1] < times[2]


@of_any_form
@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((7, 8, 1)), r"shape \(7, 8, 1\)"),
        (np.zeros((8, 8)), r"shape \(8, 8\)"),
        (np.zeros((1, 1, 8, 8, 1)), "one or a batch"),
        (np.full((8, 8, 1), "a"), "type <U1"),
        (np.zeros((0, 8, 8, 1)), "empty"),
        (np.full((8, 8, 1), 200, "uint8"), "`prepare.*pixels=True.*uint8"),
        (np.full((8, 8, 1), np.nan), "finite"),
    ],
)
def test_images_that_do_not_fit_are_refused(predictor, image, message):
    with pytest.raises(ValueError, match=message):
        predictor.predict(image)
    with pytest.raises(ValueError, match=message):
        predictor.stream(image)


def test_wrong_arguments_are_refused(predictor, exports):
    image, nan = exports[1][0], float("nan")
    for confidence in (
        *(-0.1, 1.1, [0.5], nan, [0.5, nan], [[0.5, 0.5]], [[0.5], []]),
        *("high", "0.5", True, [0.5, True], 0.5j, [0.5, None], object()),
    ):
        with pytest.raises(ValueError, match=r"one, or 2.*Received"):
            predictor.predict(image, confidence=confidence)
    below = (-1, -np.inf, -(10**400))
    for deadline in (*below, nan, "8", "soon", True, 1j, [8.0], object()):
        with pytest.raises(ValueError, match="deadline_ms="):
            predictor.predict(image, deadline_ms=deadline)
    for repetitions in (0, -1, 2.5, nan, "3", True, None):
        with pytest.raises(ValueError, match="repetitions="):
            predictor.calibrate(repetitions)
    for threads in (0, 1.5, "2", True):
        with pytest.raises(ValueError, match="num_threads="):
            AnytimePredictor(predictor.path, threads)


def test_a_closed_predictor_says_so(predictor, gated, exports):
    image = exports[1][0]
    gated.open(1)
    stream = predictor.stream(image)
    assert next(stream).stage == 1
    gated.open(2, 3)
    for _ in range(2):
        predictor.close()
    assert [result.stage for result in stream] in ([], [2], [2, 3])
    for call in (
        lambda: predictor.predict(image),
        lambda: predictor.stream(image),
        predictor.warm_up,
        predictor.measure_latency,
        lambda: pickle.dumps(predictor),
    ):
        with pytest.raises(ValueError, match="closed"):
            call()
    predictor.interrupt()


def test_calls_answer_or_say_so_when_others_close_the_predictor(exports):
    image = exports[1][0]
    errors = []

    def ask(predictor):
        try:
            while True:
                assert predictor.predict(image).stage in range(4)
                list(predictor.stream(image))
        except Exception as error:
            errors.append(str(error))

    for _ in range(20):
        predictor = AnytimePredictor(exports[0] / "anytime.tflite")
        callers = [
            threading.Thread(target=ask, args=(predictor,)) for _ in range(4)
        ]
        for caller in callers:
            caller.start()
        predictor.predict(image)
        closers = [threading.Thread(target=predictor.close) for _ in range(2)]
        for closer in closers:
            closer.start()
        for thread in callers + closers:
            thread.join(30)
            assert not thread.is_alive()
    assert errors == ["The predictor is closed: open the file again."] * 80


def test_what_stages_took_is_free_when_a_predictor_is_closed(exports):
    predictor = AnytimePredictor(exports[0] / "anytime.tflite")
    kept = []
    for name, step in predictor._executor.steps.items():

        def run(inputs, step=step):
            found = step(inputs)
            kept.extend(map(weakref.ref, found.values()))
            return found

        predictor._executor.steps[name] = run
        kept.append(weakref.ref(run))
        kept.append(weakref.ref(step))
    del name, step, run
    predictor.predict(np.zeros((50, 8, 8, 1), "float32"))
    # Features live on, for the next call.
    assert sum(reference() is not None for reference in kept) > 6
    predictor.close()
    gc.collect()
    assert [reference() for reference in kept] == [None] * len(kept)


class _Slow:
    """What takes long to be converted, as a batch of thousands of images."""

    def __init__(self, predictor, monkeypatch):
        self.during = lambda: None
        self._inputs = predictor._inputs
        monkeypatch.setattr(predictor, "_inputs", self)

    def __getattr__(self, name):
        return getattr(self._inputs, name)

    def convert(self, *args, **kwargs):
        self.during()
        time.sleep(0.03)
        return self._inputs.convert(*args, **kwargs)


@of_any_form
def test_converting_an_image_is_part_of_the_call(
    predictor, exports, monkeypatch
):
    image = exports[1][0]
    predictor.predict(image)
    slow = _Slow(predictor, monkeypatch)
    assert predictor.predict(image).elapsed_ms >= 30
    for result in predictor.stream(image):
        assert result.elapsed_ms >= 30
    assert predictor.calibrate(repetitions=2)[0] >= 30
    # No step begins for an answer that would be late.
    begun = []
    for name, step in predictor._executor.steps.items():
        predictor._executor.steps[name] = lambda inputs, step=step: (
            begun.append(step) or step(inputs)
        )
    result = predictor.predict(image, deadline_ms=10)
    assert not result.ready
    assert result.elapsed_ms >= 30
    slow.during = predictor.interrupt
    assert not predictor.predict(image).ready
    slow.during = lambda: None
    list(predictor.stream(image))
    assert len(begun) == 3


def test_a_thread_ends_with_its_predictor(exports):
    predictor = AnytimePredictor(exports[0] / "anytime.tflite")
    predictor.predict(exports[1][0])
    before = threading.active_count()
    del predictor
    gc.collect()
    assert threading.active_count() == before - 1


def test_a_pickled_predictor_opens_its_file_anew(exports, monkeypatch):
    monkeypatch.chdir(exports[0])
    with AnytimePredictor("anytime.tflite", num_threads=2) as predictor:
        content = pickle.dumps(predictor)
    monkeypatch.chdir("/")
    with pickle.loads(content) as other:
        _assert_close(other.predict(exports[1][0]).logits, exports[2][2][0])


def test_a_buffer_may_be_filled_anew_while_the_stages_run(
    predictor, gated, exports
):
    _, images, logits = exports
    buffer = images[:2].copy()
    gated.open(1)
    stream = predictor.stream(buffer)
    results = [next(stream)]
    buffer[:] = images[2:]  # As a camera does with its buffers.
    gated.open(2, 3)
    for result, want in zip([*results, *stream], logits, strict=True):
        _assert_close(result.logits, want[:2])


def test_answers_are_the_callers_own(predictor, gated, exports):
    _, images, logits = exports
    gated.open(1)
    stream = predictor.stream(images)
    first = next(stream)
    first.logits[:] = 0
    gated.open(2, 3)
    results = [first, *stream, predictor.predict(images)]
    for index, result in enumerate(results[1:]):
        _assert_close(result.logits, logits[min(index + 1, 2)])
        assert result.logits.flags.writeable
    for index, result in enumerate(results):
        for other in results[index + 1 :]:
            assert not np.shares_memory(result.logits, other.logits)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other"])
def test_a_damaged_file_is_refused(exports, tmp_path, damage):
    path = tmp_path / "anytime.tflite"
    content = bytearray((exports[0] / "anytime.tflite").read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[len(content) // 2] ^= 0xFF
    elif damage == "empty":
        content = b""
    else:
        content = b"no network"
    path.write_bytes(content)
    shutil.copy(exports[0] / "anytime.tflite.json", tmp_path)
    with pytest.raises(LoadError, match="damaged"):
        AnytimePredictor(path)
    if damage == "other":
        with pytest.raises(LoadError, match="cannot be opened"):
            AnytimePredictor(path, verify=False)


def test_a_damaged_folder_is_refused(exports, tmp_path):
    folder = tmp_path / "saved_model"
    shutil.copytree(exports[0] / "saved_model", folder)
    (folder / "saved_model.pb").write_bytes(b"no network")
    with pytest.raises(LoadError, match="damaged"):
        AnytimePredictor(folder)
    with pytest.raises(LoadError, match="cannot be opened"):
        AnytimePredictor(folder, verify=False)


def test_foreign_files_are_refused(exports, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.tflite"):
        AnytimePredictor(tmp_path / "nowhere.tflite")
    shutil.copy(exports[0] / "anytime.tflite", tmp_path / "alone.tflite")
    with pytest.raises(
        manifest_lib.ManifestError, match="copy .*alone.tflite.json"
    ):
        AnytimePredictor(tmp_path / "alone.tflite")
    (tmp_path / "empty.tflite").touch()
    for foreign in (tmp_path, tmp_path / "empty.tflite"):
        with pytest.raises(ValueError, match="not exported by"):
            AnytimePredictor(foreign)


@pytest.mark.parametrize("kind", [str, os.fsencode, pathlib.Path, "~", "."])
def test_paths_are_what_python_opens(exports, kind, monkeypatch):
    path = exports[0] / "anytime.tflite"
    if kind == "~":
        monkeypatch.setenv("HOME", str(exports[0]))
        given = "~/anytime.tflite"
    elif kind == ".":
        monkeypatch.chdir(exports[0])
        given = "anytime.tflite"
    else:
        given = kind(path)
    with AnytimePredictor(given) as predictor:
        assert predictor.path == path
    for given in (None, 3):
        with pytest.raises(TypeError, match="PathLike"):
            AnytimePredictor(given)
