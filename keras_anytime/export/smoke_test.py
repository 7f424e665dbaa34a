"""Smoke test of a LiteRT file: runs each signature once.

The test runs in a process of its own, because LiteRT may end the process.
"""

import pathlib
import subprocess
import sys
import tempfile

_PROGRAM = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter

interpreter = Interpreter(sys.argv[1])
for name in interpreter.get_signature_list():
    runner = interpreter.get_signature_runner(name)
    runner(**{
        key: np.zeros(details["shape"], details["dtype"])
        for key, details in runner.get_input_details().items()
    })
"""


def smoke_test(content: bytes, quantization: str) -> None:
    """Raises an error if LiteRT cannot run all signatures of a file.

    If the scales of integers are too far apart, as in a network that diverged,
    LiteRT ends the whole process instead of raising an error.

    Args:
        content: Bytes of the file.
        quantization: String, the variant, for the message.

    Raises:
        ValueError: If a signature cannot run.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "smoke_test.tflite"
        path.write_bytes(content)
        run = subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(path)],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    if run.returncode:
        raise ValueError(
            f"LiteRT cannot run this network in {quantization!r}: its process "
            f"ended with code {run.returncode}. The ranges of activations may "
            "be too far apart, as after training that diverged. Nothing was "
            f"written. LiteRT's message: {run.stderr.strip()[-300:]}"
        )
