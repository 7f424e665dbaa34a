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
from keras_anytime.experiments.task_examples import EXAMPLES
from keras_anytime.experiments.task_examples import Example
from keras_anytime.files import check_writable
from keras_anytime.files import user_path
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
    workdir = user_path(settings.workdir or "")
    try:
        check_writable(workdir / "tasks.json")
    except OSError as error:
        raise OSError(f"cannot use --workdir: {error}") from error
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
        Dict of plain values: `task`, `error_name`, `unit`, `guess_error`, and
        one number per stage in `errors` (of the network), `step_ms`,
        `deadlines_ms`, `deadline_errors` (of the int8 file under a deadline)
        and `mean_stage` (that answered). For a segmentation also `miou`.
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
    columns = {
        f"{result['error_name']}{unit}": ("errors", ".3f"),
        "step (ms)": ("step_ms", ".3f"),
        "deadline (ms)": ("deadlines_ms", ".3f"),
        "int8 error in time": ("deadline_errors", ".3f"),
        "mean stage": ("mean_stage", ".2f"),
    }
    rows = [
        {
            "stage": stage,
            **{
                title: f"{result[name][stage - 1]:{form}}"
                for title, (name, form) in columns.items()
            },
        }
        for stage in range(1, len(result["errors"]) + 1)
    ]
    return "\n".join(as_table(rows))


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
