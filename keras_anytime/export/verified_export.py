"""Exports variants of a network and keeps them only if they are accurate."""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime.export.file_replacement import move_file
from keras_anytime.export.litert import tflite
from keras_anytime.export.verification import VerificationResult
from keras_anytime.export.verification import verify
from keras_anytime.files import user_path
from keras_anytime.stages.checks import check_anytime_model


class AccuracyDropError(ValueError):
    """An exported file loses more accuracy than it may.

    Args:
        message: String.
        results: Sequence of one `VerificationResult` for each variant.
    """

    def __init__(self, message: str, results: Sequence[VerificationResult]):
        super().__init__(message)
        self.results = results


def export_verified(
    model: keras.Model,
    paths: Mapping[str, str | os.PathLike],
    data: Any,
    *,
    representative: Any = None,
    max_accuracy_drop: float | None = None,
    verbose: bool = True,
    **arguments: Any,
) -> list[VerificationResult]:
    """Exports variants of a network and keeps them only if they are accurate.

    All variants are written to temporary folders and measured there. They are
    moved in place only if no stage of any variant loses more accuracy than
    `max_accuracy_drop`.

    ```python
    results = ka.export.export_verified(
        model,
        {"float16": "run/float16.tflite"},
        (images, labels),
        max_accuracy_drop=5.0,
        stages=[1],
    )
    print(ka.export.verification_table(results))
    ```

    Args:
        model: An `AnytimeModel`.
        paths: Dict from variants, `"float32"` or a `quantization` of
            `export.tflite`, to the `.tflite` files to write.
        data: Examples and labels to measure on, as for `verify`.
        representative: As for `export.tflite`; other examples than those of
            `data`.
        max_accuracy_drop: Float, the percentage points of accuracy that each
            stage may lose, or `None` for no limit.
        verbose: Boolean. Whether lines on the standard error say what is
            done and how long it took.
        **arguments: Further arguments of `export.tflite`.

    Returns:
        List of one `VerificationResult` for each variant.

    Raises:
        ValueError: If an argument does not match the model.
        AccuracyDropError: If a stage loses more accuracy than it may. No file
            is written then.
    """
    check_anytime_model(model)
    task = next(iter(model.tasks.values()))
    if max_accuracy_drop is not None and task.name == "regression":
        raise ValueError(
            "A regression has no accuracy to lose: compare `errors` with "
            "`model_errors` of the results. "
            f"Received: max_accuracy_drop={max_accuracy_drop}"
        )
    with contextlib.ExitStack() as cleanup:
        temporary_paths = {}
        results = []
        for variant, given_path in paths.items():
            path = user_path(given_path)
            path.parent.mkdir(parents=True, exist_ok=True)
            # On the same drive, so that a move suffices at the end.
            folder = tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent)
            cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
            temporary_paths[path] = pathlib.Path(folder) / path.name
            tflite(
                model,
                temporary_paths[path],
                None if variant == "float32" else variant,
                representative,
                verbose=verbose,
                **arguments,
            )
            results.append(
                verify(temporary_paths[path], model, data, verbose=verbose)
            )
        if max_accuracy_drop is not None:
            _check_accuracy(results, max_accuracy_drop)
        for path, temporary_path in temporary_paths.items():
            move_file(temporary_path, path)
    return results


def _check_accuracy(
    results: Sequence[VerificationResult], max_accuracy_drop: float
) -> None:
    problems = [
        f"stage {stage} of {result.variant} loses {drop:.1f}"
        for result in results
        for stage, drop in zip(result.stages, result.accuracy_drop, strict=True)
        if drop > max_accuracy_drop
    ]
    if problems:
        raise AccuracyDropError(
            f"No stage may lose more than {max_accuracy_drop} points on "
            f"{results[0].examples} examples; nothing was written. Try another "
            "variant, more representative examples, or a larger "
            f"`max_accuracy_drop`. Received: {'; '.join(problems)}",
            results,
        )
