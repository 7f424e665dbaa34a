"""The points of anytime curves: what is measured of each stage."""

import dataclasses
from collections.abc import Mapping
from typing import Any
from typing import TypeAlias


@dataclasses.dataclass(frozen=True)
class CurvePoint:
    """The point of one stage on an anytime curve of classes.

    A number that was not measured is `None`.

    Args:
        stage: Number of the stage, from 1.
        macs: Multiply-adds of the answer, for one image: of its subnetwork, or
            of all that has run, as the curve's `cost` says.
        parameters: Number of trainable parameters, likewise.
        top1_error: Float in [0, 1]. Share of examples whose label does not
            have the largest logit. A tie is an error: a stage with the same
            logit for all classes is always wrong, and is not credited with
            guesses.
        top5_error: Float in [0, 1]. Share of examples whose label is not among
            the five largest logits; `None` for five classes or fewer.
        loss: Mean cross entropy in nats, without regularizers; `None` if it is
            infinite, as that of product answers may be.
        calibration_error: Float in [0, 1]. The expected calibration error of
            the confidences.
        top1_low: Lower end of the interval of the top-1 error.
        top1_high: Upper end of the interval of the top-1 error.
        top5_low: Lower end of the interval of the top-5 error.
        top5_high: Upper end of the interval of the top-5 error.
        top1_runs: Top-1 errors of the runs that the point is the mean of;
            `None` for a single run.
    """

    stage: int
    macs: int
    parameters: int
    top1_error: float
    top5_error: float | None
    loss: float | None = None
    calibration_error: float | None = None
    top1_low: float | None = None
    top1_high: float | None = None
    top5_low: float | None = None
    top5_high: float | None = None
    top1_runs: tuple[float, ...] | None = None

    @property
    def error(self) -> float:
        """The top-1 error, under the name that all tasks share."""
        return self.top1_error

    @property
    def error_low(self) -> float | None:
        """Lower end of the interval of the error."""
        return self.top1_low

    @property
    def error_high(self) -> float | None:
        """Upper end of the interval of the error."""
        return self.top1_high

    @property
    def error_runs(self) -> tuple[float, ...] | None:
        """Errors of the runs that the point is the mean of."""
        return self.top1_runs


@dataclasses.dataclass(frozen=True)
class TaskPoint:
    """The point of one stage on an anytime curve of another task.

    A number that was not measured, or that the task does not have, is `None`.

    Args:
        stage: Number of the stage, from 1.
        macs: Multiply-adds of the answer to one example, as of a `CurvePoint`.
        parameters: Number of trainable parameters, likewise.
        error: Float. The mean of the task's errors of the examples.
        miou: Float in [0, 1]. The mean intersection over union of a
            segmentation.
        calibration_error: Float in [0, 1]. The expected calibration error of
            the confidences in answers that are right or wrong.
        error_low: Lower end of the interval of the error.
        error_high: Upper end of the interval of the error.
        error_runs: Errors of the runs that the point is the mean of; `None`
            for a single run.
    """

    stage: int
    macs: int
    parameters: int
    error: float
    miou: float | None = None
    calibration_error: float | None = None
    error_low: float | None = None
    error_high: float | None = None
    error_runs: tuple[float, ...] | None = None


Point: TypeAlias = CurvePoint | TaskPoint


def point_from_dict(kind: type[Point], content: Mapping[str, Any]) -> Point:
    """Returns a point from the dict that a curve's file has.

    Args:
        kind: `CurvePoint` or `TaskPoint`.
        content: Dict of plain values.
    """
    fields: dict[str, Any] = {
        name: tuple(value) if name.endswith("_runs") and value else value
        for name, value in content.items()
    }
    return kind(**fields)
