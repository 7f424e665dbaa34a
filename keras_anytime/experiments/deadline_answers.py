"""Answers of an exported file under deadlines, with NumPy and LiteRT alone.

    python -m keras_anytime.experiments.deadline_answers file.tflite x.npz y.npz

reads the inputs by their names from `x.npz`, runs every example under several
deadlines, and writes stages and outputs to `y.npz`.
"""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_anytime.runtime import AnytimePredictor

#: Deadlines in units of the median time of the last answer.
DEADLINES = (0.5, 0.75, 1.0, 1.5, 3.0)


def answer(
    path: str, inputs: Mapping[str, np.ndarray], repetitions: int = 200
) -> dict[str, Any]:
    """Runs each example under each deadline.

    Args:
        path: Path of the exported file.
        inputs: Dict from the names of the inputs to arrays of all examples.
        repetitions: Integer, the runs by which step latencies are measured.

    Returns:
        Dict with `step_ms` and `answer_ms`, the median latencies `(K,)`;
        `deadlines_ms` `(D,)`; `stages` `(D, examples)`, the stage that
        answered each example under each deadline, 0 for none; and `outputs`
        `(D, examples, ...)`, its outputs, which are 0 where there is none.
    """
    count = len(next(iter(inputs.values())))
    with AnytimePredictor(path, num_threads=1) as predictor:
        answer_ms = np.array(predictor.calibrate(repetitions))
        step_ms = np.array(predictor.measure_latency(repetitions).median_ms)
        deadlines = answer_ms[-1] * np.array(DEADLINES)
        results = [
            [
                predictor.predict(_example(inputs, index), deadline_ms=deadline)
                for index in range(count)
            ]
            for deadline in deadlines.tolist()
        ]
        empty = np.zeros_like(predictor.predict(_example(inputs, 0)).logits)
    return {
        "step_ms": step_ms,
        "answer_ms": answer_ms,
        "deadlines_ms": deadlines,
        "stages": np.array([[r.stage for r in row] for row in results]),
        "outputs": np.array(
            [[r.logits if r.ready else empty for r in row] for row in results]
        ),
    }


def _example(inputs, index):
    """Returns one example; a single input goes without a name."""
    example = {name: array[index] for name, array in inputs.items()}
    return example["image"] if list(example) == ["image"] else example


def main(path: str, inputs: str, outputs: str) -> None:
    """Reads inputs, answers them, and writes the answers."""
    with np.load(inputs) as file:
        answers = answer(path, {name: file[name] for name in file.files})
    if {"keras", "tensorflow"} & set(sys.modules):
        raise RuntimeError("A device has neither Keras nor TensorFlow.")
    with open(outputs, "wb") as file:
        np.savez(file, **answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
