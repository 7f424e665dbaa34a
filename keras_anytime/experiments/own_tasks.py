"""An example of each task goes the whole way: trained, measured, exported."""

import pathlib
import subprocess
import sys
from typing import Any

import keras
import numpy as np

from keras_anytime import evaluation
from keras_anytime import export
from keras_anytime import gradients
from keras_anytime.evaluation.provenance import provenance
from keras_anytime.evaluation.tables import as_table
from keras_anytime.experiments.own_tasks_settings import OwnTasksSettings
from keras_anytime.experiments.results_folder import results_folder
from keras_anytime.experiments.task_examples import EXAMPLES
from keras_anytime.experiments.task_examples import Example
from keras_anytime.files import write_json

_DEVICE = "keras_anytime.experiments.deadline_answers"


def train_all(settings: OwnTasksSettings) -> list[dict[str, Any]]:
    """Trains, measures and exports each example, and runs it under deadlines.

    Writes the results to `tasks.json`, and the files of each example to a
    folder of its name.

    Args:
        settings: The settings.

    Returns:
        List of a dict for each example.

    Raises:
        ValueError: If a setting is wrong.
        OSError: If the folder cannot be written.
    """
    unknown = sorted(set(settings.examples) - set(EXAMPLES))
    if unknown or not settings.examples:
        raise ValueError(
            f"--examples must be some of {sorted(EXAMPLES)}. "
            f"Received: --examples={','.join(settings.examples)}"
        )
    if "series" in settings.examples and not settings.series:
        raise ValueError(
            "The example 'series' needs --series, the folder of a data set of "
            "the UCR archive. Received: --series="
        )
    workdir = results_folder(settings.workdir, "tasks.json")
    runs = []
    for name in settings.examples:
        print(f"Example {name}", flush=True)
        keras.utils.set_random_seed(settings.seed)
        arguments = [settings.series] if name == "series" else []
        example = EXAMPLES[name](*arguments)
        runs.append({"example": name, **run(example, workdir / name)})
        print(table(runs[-1]))
    write_json(workdir / "tasks.json", {**provenance(), "runs": runs})
    return runs


def run(example: Example, folder: pathlib.Path) -> dict[str, Any]:
    """Trains an example, exports it in int8, and runs it under deadlines.

    The device is a process of its own, which imports NumPy and LiteRT only.

    Args:
        example: The `Example`. Its model is trained.
        folder: Path of the folder to write to.

    Returns:
        Dict of plain values: `task`, `error_name`, `unit`, `guess_error`; one
        number per stage in `errors` (of the network), `int8_errors` (of the
        file), `step_ms` and for a segmentation `miou`; and one per deadline in
        `deadlines_ms`, `deadline_errors` (of the file; that of a guess where
        no stage is ready) and `mean_stage` (that answered).
    """
    model = example.model
    model.compile(
        keras.optimizers.Adam(),
        example.loss,
        gradients=gradients.Orthogonal(),
    )
    x, y = example.train
    model.fit(x, y, epochs=example.epochs, batch_size=32, verbose=0)
    curve = evaluation.anytime_curve(model, example.val, verbose=False)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "model.keras")
    path = folder / "int8.tflite"
    export.tflite(
        model,
        path,
        quantization="int8",
        representative=x,
        curve=curve,
        subnets=False,
        verbose=False,
    )
    verified = export.verify(path, model, example.val, verbose=False)
    inputs, labels = example.val
    names = list(model.feature_inputs)
    arrays = inputs if isinstance(inputs, dict) else {names[0]: inputs}
    answers = _on_device(path, arrays)
    (task,) = model.tasks.values()
    errors = [task.errors(outputs, labels) for outputs in answers["outputs"]]
    guess = task.guess_error(labels)
    result = {
        "task": task.name,
        "error_name": task.error_name,
        "unit": example.unit,
        "train_examples": len(y),
        "examples": len(labels),
        "guess_error": guess,
        "errors": [point.error for point in curve.points],
        "int8_errors": list(verified.errors),
        "step_ms": answers["step_ms"].tolist(),
        "deadlines_ms": answers["deadlines_ms"].tolist(),
        "deadline_errors": [
            float(np.where(stages > 0, of_examples, guess).mean())
            for stages, of_examples in zip(
                answers["stages"], errors, strict=True
            )
        ],
        "mean_stage": answers["stages"].mean(axis=1).tolist(),
    }
    if task.name == "segmentation":
        result["miou"] = [point.miou for point in curve.points]
    return result


def table(result: dict[str, Any]) -> str:
    """Returns the results of an example as text.

    Args:
        result: As from `run`.
    """
    unit = f", {result['unit']}" if result["unit"] else ""
    stages = [
        {
            "stage": stage,
            f"{result['error_name']}{unit}": f"{error:.3f}",
            "in int8": f"{in_file:.3f}",
            "step (ms)": f"{step_ms:.3f}",
        }
        for stage, (error, in_file, step_ms) in enumerate(
            zip(
                result["errors"],
                result["int8_errors"],
                result["step_ms"],
                strict=True,
            ),
            start=1,
        )
    ]
    deadlines = [
        {
            "deadline (ms)": f"{deadline:.3f}",
            "in int8": f"{error:.3f}",
            "mean stage": f"{stage:.2f}",
        }
        for deadline, error, stage in zip(
            result["deadlines_ms"],
            result["deadline_errors"],
            result["mean_stage"],
            strict=True,
        )
    ]
    return "\n".join([*as_table(stages), *as_table(deadlines)])


def _on_device(
    path: pathlib.Path, inputs: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns the answers of a process without Keras and TensorFlow."""
    given, answered = (
        path.with_name("inputs.npz"),
        path.with_name("answers.npz"),
    )
    with open(given, "wb") as file:
        np.savez(file, allow_pickle=False, **inputs)
    subprocess.run(
        [sys.executable, "-m", _DEVICE, path, given, answered], check=True
    )
    with np.load(answered) as answers:
        return {name: answers[name] for name in answers.files}
