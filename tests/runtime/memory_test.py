import sys

import pytest

import keras_anytime as ka
from keras_anytime import runtime
from keras_anytime.runtime import memory
from tests.runtime import killed
from tests.testing import scramble
from tests.testing import tiny_net


@pytest.mark.slow
def test_memory_of_running_a_file(tmp_path):
    model = scramble(tiny_net("w1-w2", units=(1, 1), filters=(160, 320)))
    found, sizes = {}, {}
    for name, subnets in (("all", True), ("steps", False)):
        path = tmp_path / f"{name}.tflite"
        ka.export.tflite(model, path, subnets=subnets)
        sizes[name] = path.stat().st_size
        found[name] = runtime.file_memory(path, num_threads=1)
    if found["all"] is None:
        pytest.skip("this system does not tell")
    assert min(sizes.values()) > 4e6
    # The file is read. Its weights are there once more, as LiteRT wants them;
    # with subnetworks they are there for these too.
    assert 1.5 * sizes["steps"] < found["steps"].own < 2.6 * sizes["steps"]
    assert found["steps"].own < 0.7 * found["all"].own


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="Linux tells of memory"
)
def test_a_process_that_is_killed_is_told_of(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_measure", killed.killed)
    with pytest.raises(RuntimeError, match="was killed.*net.tflite"):
        runtime.file_memory(tmp_path / "net.tflite")
