import subprocess
import sys

import pytest

from keras_anytime.files import lock_file

HOLDER = """
import sys, time
from keras_anytime.files import lock_file
file = lock_file(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
def test_one_process_holds_a_file_until_it_ends(tmp_path):
    path = tmp_path / "lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(BlockingIOError):
            lock_file(path)
    finally:
        process.kill()
        process.wait()
    with lock_file(path):
        with pytest.raises(BlockingIOError):
            lock_file(path)
    lock_file(path, wait=True).close()
