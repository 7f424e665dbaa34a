"""Whether LiteRT can run a file, tried in a process of its own."""

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
        key: np.zeros(one["shape"], one["dtype"])
        for key, one in runner.get_input_details().items()
    })
"""


def check_runs(content, quantization):
    """Raises an error if LiteRT cannot run all signatures of a file.

    Where scales of integers are too far apart, as in a network that diverged,
    LiteRT ends the whole process instead of raising an error.

    Args:
        content: Bytes of the file.
        quantization: String, the variant, for the message.

    Raises:
        ValueError: If it cannot.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "trial.tflite"
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
            f"LiteRT cannot run this network in {quantization!r}: it ended "
            f"with {run.returncode}. Its activations may be too far apart, as "
            "after training that diverged. Nothing was written. It said: "
            f"{run.stderr.strip()[-300:]}"
        )
