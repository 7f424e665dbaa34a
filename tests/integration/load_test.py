"""A predictor under load: deadlines, interrupts, other processes at work."""

import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import psutil
import pytest

import keras_anytime as ka
from keras_anytime.runtime import AnytimePredictor
from tests.testing import digits
from tests.testing import scramble
from tests.testing import tiny_net

REQUESTS = 100_000


def _compete(done):
    while not done.is_set():
        sum(range(10_000))


def _serve(file, images, wanted):
    """Stages that requests ended at, and memory after each tenth, in bytes."""
    rng = np.random.default_rng(0)
    stages = np.zeros(len(wanted) + 1, int)
    memory = []
    calls = threading.Semaphore(0)
    over = threading.Event()

    def disturb(predictor):
        # After every so many calls, into the middle of a later one.
        while not over.is_set():
            if calls.acquire(timeout=0.1):
                predictor.interrupt()

    with AnytimePredictor(file) as predictor:
        disturber = threading.Thread(target=disturb, args=(predictor,))
        disturber.start()
        try:
            for request in range(REQUESTS):
                index = int(rng.integers(len(images)))
                result = predictor.predict(
                    images[index], deadline_ms=float(rng.exponential(0.5))
                )
                stages[result.stage] += 1
                if result.ready:
                    want = wanted[result.stage - 1, index]
                    assert np.allclose(
                        result.logits, want, atol=1e-4 * np.abs(want).max()
                    )
                if request % 10 == 0:
                    calls.release()
                if request % (REQUESTS // 10) == REQUESTS // 10 - 1:
                    memory.append(psutil.Process().memory_info().rss)
        finally:
            over.set()
            disturber.join(30)
        assert not disturber.is_alive()
        assert predictor.predict(images[0]).stage == len(wanted)
    return stages, memory


@pytest.mark.slow
def test_a_hundred_thousand_requests_under_load(tmp_path):
    model = scramble(tiny_net())
    images, _ = digits(16)
    wanted = np.stack(model.predict(images, verbose=0))
    ka.export.tflite(model, tmp_path / "net.tflite")
    context = multiprocessing.get_context("spawn")
    done = context.Event()
    other = context.Process(target=_compete, args=(done,))
    other.start()
    # On its own: what tests before left to this process comes and goes.
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            stages, memory = pool.submit(
                _serve, tmp_path / "net.tflite", images, wanted
            ).result()
        finally:
            done.set()
            other.join(30)
    # Deadlines were such that each stage was the last at times.
    assert min(stages) > 0
    # Flat after the first tenth (measured: 20 KiB): 50 bytes a call would show.
    assert max(memory[1:]) - memory[0] < 4 * 2**20
