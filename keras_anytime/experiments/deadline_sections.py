"""Sections of an evaluation about latencies, deadlines and stage priorities."""

import math
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_anytime import evaluation
from keras_anytime import export
from keras_anytime import runtime
from keras_anytime.evaluation.deadlines import default_deadlines
from keras_anytime.experiments.evaluate_settings import EvaluateSettings
from keras_anytime.experiments.runs import EvaluatedRun


def add_latencies(
    results: evaluation.ReportFolder,
    settings: EvaluateSettings,
    networks: Sequence[EvaluatedRun],
) -> dict[EvaluatedRun, evaluation.TimedPredictions]:
    """Exports networks, times their answers in turn, and adds the latencies.

    Args:
        results: The folder and report to add to.
        settings: The settings of the evaluation.
        networks: The runs whose networks are timed.

    Returns:
        Dict from the runs to the timed answers of their networks.
    """
    timed = time_networks(
        networks,
        results.folder / "exports",
        networks[0].run.evaluation_data(settings.split, settings.images),
        settings.repetitions,
    )
    results.add(
        "Latency of the exported networks",
        "latency",
        [row for network in timed for row in network.latencies()],
        text="How long answers take: LiteRT on this machine; "
        f"{timed[0].predictions.examples} images, and for each the median over "
        f"its answers (--repetitions={settings.repetitions}), in turn.",
    )
    return dict(zip(networks, timed, strict=True))


def time_networks(
    networks: Sequence[EvaluatedRun],
    folder: pathlib.Path,
    batches: Any,
    repetitions: int,
) -> list[evaluation.TimedPredictions]:
    """Exports the networks of runs, and times their answers in turn.

    Args:
        networks: The runs.
        folder: Path of the folder that gets the `.tflite` files.
        batches: Batches of images and labels. The images of the first batch
            are answered one by one.
        repetitions: Integer. Answers to each image.

    Returns:
        List of `TimedPredictions`, one for each network.
    """
    images, labels = keras.tree.map_structure(np.asarray, next(iter(batches)))
    label_sets = networks[0].run.model.label_sets
    predictors = {}
    for index, network in enumerate(networks):
        # The number comes first, because two folders may have the same name.
        path = folder / f"{index}_{network.name}.tflite"
        info = network.run.info()
        export.tflite(
            network.run.model,
            path,
            curve=network.curve,
            class_names=info.class_names,
            preprocessing=info.preprocessing,
        )
        predictors[str(path)] = runtime.AnytimePredictor(path)
    answers = runtime.time_answers(predictors, images, repetitions)
    for predictor in predictors.values():
        predictor.close()
    finest_labels = labels[label_sets[0]] if label_sets else labels
    return [
        evaluation.TimedPredictions.from_answers(
            timed,
            finest_labels,
            network.name,
            next(iter(network.run.model.tasks.values())),
        )
        for timed, network in zip(answers.values(), networks, strict=True)
    ]


def add_deadlines(
    results: evaluation.ReportFolder,
    settings: EvaluateSettings,
    timed: Mapping[EvaluatedRun, evaluation.TimedPredictions],
    network: EvaluatedRun,
    baseline: Sequence[EvaluatedRun],
    oracle: Sequence[EvaluatedRun],
) -> None:
    """Adds errors under deadlines of the schemes of Wan 2020.

    Args:
        results: The folder and report to add to.
        settings: The settings of the evaluation.
        timed: Dict from runs to the timed answers of their networks.
        network: The run of the nested network.
        baseline: The run of the baseline, in a list that may be empty.
        oracle: The runs of the oracle's networks, smallest first.
    """
    simulation = evaluation.simulate_deadlines(
        timed[network],
        [timed[run] for run in oracle],
        timed[baseline[0]] if baseline else None,
        settings.numbers("deadlines_ms"),
    )
    results.add(
        "Errors under deadlines",
        "deadlines",
        simulation,
        simulation.plot,
        text=(
            "How often the last answer before a deadline is wrong"
            if simulation.task is None
            else f"The {simulation.error_name} of the last answer before a "
            "deadline"
        )
        + ", with the latencies measured above; where there is none, a guess "
        "counts.",
    )
    expected = {
        run.name: evaluation.expected_error(
            timed[run],
            simulation.deadlines_ms,
            settings.numbers("probabilities"),
        )
        for run in [network, *baseline]
    }
    results.add(
        "Expected error over these deadlines",
        "expected",
        [
            {"network": name, "expected_error": error}
            for name, error in expected.items()
        ],
        text="One number for each network: the mean over the deadlines, by "
        "how likely each is.",
        display_rows=[
            {"network": name, "expected_error": simulation.error_text(error)}
            for name, error in expected.items()
        ],
    )


def add_priorities(
    results: evaluation.ReportFolder,
    settings: EvaluateSettings,
    runs: Sequence[EvaluatedRun],
    latency_ms: np.ndarray,
) -> None:
    """Adds the stage priorities of OSGD, and the best one for the deadlines.

    Args:
        results: The folder and report to add to.
        settings: The settings of the evaluation.
        runs: Runs of the same network, each with another priority.
        latency_ms: Float array `(examples, num_stages)`. The latency of the
            network's answers, in milliseconds.
    """
    deadlines_ms = settings.numbers("deadlines_ms") or default_deadlines(
        latency_ms[:, -1].mean()
    )
    candidates = {
        run.run.priority: evaluation.TimedPredictions(
            run.predictions.part(slice(len(latency_ms))), latency_ms
        )
        for run in runs
    }
    curves = {run.run.priority: run.curve for run in runs}
    finite = ", ".join(
        f"{deadline:.3f}"
        for deadline in deadlines_ms
        if math.isfinite(deadline)
    )
    results.add(
        "Stage priorities",
        "priorities",
        evaluation.best_priority(
            candidates, deadlines_ms, settings.numbers("probabilities")
        ),
        lambda path: evaluation.plots.plot_priorities(curves, path),
        text="Which stages OSGD favors, and the errors to expect with "
        f"deadlines of {finite}"
        + (" ms or none." if math.inf in deadlines_ms else " ms."),
    )
