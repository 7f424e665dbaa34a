"""When the stages of several networks answer, measured in turn."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from keras_anytime.runtime.arguments import positive_integer
from keras_anytime.runtime.predictor import AnytimePredictor


@dataclasses.dataclass(frozen=True, eq=False)
class TimedAnswers:
    """What one network answered to images, and when; see `time_answers`.

    Args:
        logits: Float array `(num_stages, images, classes)`; of label sets,
            those of the first.
        latency_ms: Float array `(images, num_stages)`, milliseconds from the
            call to each stage's answer, the medians of the repetitions.
    """

    logits: np.ndarray
    latency_ms: np.ndarray


def time_answers(
    predictors: Mapping[str, AnytimePredictor], images, repetitions: int = 5
) -> dict[str, TimedAnswers]:
    """Times every stage's answer to every image; the networks take turns.

    What else the machine does then falls on all networks alike. Each image is
    given to one network after the other, `repetitions` times, each time
    beginning with another network.

    ```python
    predictors = {name: AnytimePredictor(f"{name}.tflite") for name in names}
    measured = time_answers(predictors, images)
    measured["nested"].latency_ms.mean(axis=0)  # of stages 1, 2, ... K
    ```

    Args:
        predictors: Networks by names.
        images: Array `(images, height, width, channels)`, prepared.
        repetitions: Integer of 1 or more.

    Returns:
        Dict from names to `TimedAnswers`.

    Raises:
        ValueError: If there is nothing to measure, `repetitions` is below 1,
            or images have another shape than a network's input.
        RuntimeError: If a network was interrupted.
    """
    if not isinstance(predictors, Mapping):
        raise ValueError(
            "`predictors` must be a dict from names to `AnytimePredictor`s. "
            f"Received: {type(predictors).__name__}"
        )
    if not predictors or not len(images):
        raise ValueError(
            "Measuring needs networks and images. "
            f"Received: {len(predictors)} networks, {len(images)} images"
        )
    repetitions = positive_integer("repetitions", repetitions)
    names = list(predictors)
    logits: dict[str, list] = {name: [] for name in names}
    medians: dict[str, list] = {name: [] for name in names}
    for predictor in predictors.values():
        list(predictor.stream(images[0]))  # The first call is slower.
    for image in images:
        runs: dict[str, list] = {name: [] for name in names}
        for repetition in range(repetitions):
            start = repetition % len(names)
            for name in names[start:] + names[:start]:
                runs[name].append(list(predictors[name].stream(image)))
        for name in names:
            if any(len(r) < predictors[name].num_stages for r in runs[name]):
                raise RuntimeError(
                    f"The measurement of {name!r} was interrupted."
                )
            logits[name].append([_first_set(one) for one in runs[name][0]])
            times = [[one.elapsed_ms for one in run] for run in runs[name]]
            medians[name].append(np.median(times, axis=0))
    return {
        name: TimedAnswers(
            np.stack(logits[name], axis=1), np.array(medians[name])
        )
        for name in names
    }


def _first_set(result):
    logits = result.logits
    return next(iter(logits.values())) if isinstance(logits, dict) else logits
