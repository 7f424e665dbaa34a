"""Sections of an evaluation about how far its answers can be trusted."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime import evaluation
from keras_anytime.evaluation.metrics import calibration_error
from keras_anytime.evaluation.predictions import Predictions
from keras_anytime.evaluation.risk_control import early_losses
from keras_anytime.evaluation.tables import percent
from keras_anytime.evaluation.thresholds import cumulative_macs
from keras_anytime.experiments.runs import EvaluatedRun
from keras_anytime.stages.cost import StageCost
from keras_anytime.tasks import Classification

ALONE, PRODUCT = "each stage alone", "product"


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """Answers to images that something is fitted to, or is measured on.

    Args:
        fit: `Predictions` that temperatures are fitted to; `None` of a task
            other than the choice of one class.
        choose: `Predictions` that thresholds are chosen on.
        test: `Predictions` that are measured.
        text: String that tells people which images these are.
    """

    fit: Predictions | None
    choose: Predictions
    test: Predictions
    text: str


def parts(
    run: EvaluatedRun,
    validation: EvaluatedRun | None,
    validation_split: str | None,
) -> Parts | None:
    """Returns images to fit to and to measure on, none of them twice.

    Args:
        run: The run whose network is measured.
        validation: The same network on other images; `None` for the first half
            of the images of `run`.
        validation_split: The name of these other images.

    Returns:
        `Parts`, or `None` where there are too few images.
    """
    held_out, test = run.predictions, run.predictions
    where = f"of {validation_split}"
    if validation is not None:
        held_out = validation.predictions
    else:
        half = test.examples // 2
        if half < 2:
            return None
        held_out, test = test.part(slice(half)), test.part(slice(half, None))
        where = "of the first half of the examples, and the rest is measured"
    if not isinstance(test.task, Classification):
        return Parts(
            None,
            held_out,
            test,
            f"Thresholds are chosen on the images {where}. Temperatures and "
            "product answers are those of choices of one class.",
        )
    half = held_out.examples // 2
    if not half:
        return None
    return Parts(
        held_out.part(slice(half)),
        held_out.part(slice(half, None)),
        test,
        "Temperatures are fitted to the first half, and thresholds chosen on "
        f"the second half, {where}.",
    )


def add_trust(
    results: evaluation.ReportFolder,
    run: EvaluatedRun,
    found: Parts,
    risks: Sequence[float],
    level: float,
) -> None:
    """Adds calibration, product answers and risk control.

    Temperatures and product answers are those of choices of one class. Of
    several label sets, the finest is measured.

    Args:
        results: The folder and report to add to.
        run: The run whose network is measured.
        found: `Parts` of its images.
        risks: Sequence of floats, the bounds of the loss by early answers.
        level: Float, the probability that such a bound holds.
    """
    kinds = {ALONE: (found.choose, found.test)}
    if found.fit is not None:
        temperatures = evaluation.fit_temperatures(found.fit)
        test = found.test.calibrated(temperatures)
        kinds = {
            ALONE: (found.choose.calibrated(temperatures), test),
            PRODUCT: (found.choose.product(), found.test.product()),
        }
        _add_calibration(results, found, test, temperatures)
        _add_products(
            results, {name: test for name, (_, test) in kinds.items()}, run
        )
    if risks:
        _add_risk_control(results, kinds, run.costs, risks, level, found.text)


def calibration_rows(
    before: Predictions, after: Predictions, temperatures: Sequence[float]
) -> list[dict[str, Any]]:
    """Returns temperature and calibration errors of each stage.

    Args:
        before: `Predictions` as they are.
        after: The same predictions, `calibrated`.
        temperatures: Sequence of K floats.
    """
    return [
        {
            "stage": k + 1,
            "temperature": temperature,
            **{
                f"calibration_error_{name}": calibration_error(
                    answers.confidences[:, k], answers.correct[:, k]
                )
                for name, answers in (("before", before), ("after", after))
                if answers.confidences is not None
            },
        }
        for k, temperature in enumerate(temperatures)
    ]


def answer_rows(
    kinds: Mapping[str, Predictions], costs: Sequence[StageCost]
) -> list[dict[str, Any]]:
    """Returns errors of kinds of answers, and how often they get worse.

    Args:
        kinds: Dict from names to `Predictions` of the same examples.
        costs: List of K `StageCost`.
    """
    rows = []
    for name, predictions in kinds.items():
        curve = evaluation.curve_from_predictions(predictions, costs)
        row: dict[str, Any] = {"answers": name}
        for point in curve.points:
            error = f"stage_{point.stage}_error"
            row |= {
                error: point.error,
                f"{error}_low": point.error_low,
                f"{error}_high": point.error_high,
                f"stage_{point.stage}_calibration_error": (
                    point.calibration_error
                ),
            }
        low, high = curve.overthinking_interval or (None, None)
        row |= {
            "gets_worse": curve.overthinking_rate,
            "gets_worse_low": low,
            "gets_worse_high": high,
        }
        rows.append(row)
    return rows


def risk_row(
    name: str,
    control: evaluation.RiskControl,
    test: Predictions,
    costs: Sequence[StageCost],
) -> dict[str, Any]:
    """Returns what risk-controlled thresholds cost and lose on test images.

    Args:
        name: String, the kind of answers.
        control: The `RiskControl`, chosen on other images.
        test: `Predictions` that are measured.
        costs: List of K `StageCost`.
    """
    stopped = evaluation.dynamic_evaluation(test, costs, control.thresholds)
    return {
        "answers": name,
        **control.record,
        "threshold": control.thresholds[0],
        "mean_macs": stopped.mean_macs,
        "share_of_macs": stopped.mean_macs / cumulative_macs(test, costs)[-1],
        "loss": float(early_losses(test, control.thresholds[0]).mean()),
        "error": stopped.error,
        "last_stage_error": float(test.errors[:, -1].mean()),
    }


def _add_calibration(
    results: evaluation.ReportFolder,
    found: Parts,
    calibrated: Predictions,
    temperatures: Sequence[float],
) -> None:
    rows = calibration_rows(found.test, calibrated, temperatures)
    results.add(
        "Calibration",
        "calibration",
        rows,
        text="How far confidence and accuracy are apart, before and after the "
        "logits of each stage are divided by its temperature "
        "(--temperatures of keras-anytime-export). " + found.text,
        display_rows=[
            {
                "stage": row["stage"],
                "temperature": f"{row['temperature']:.3f}",
                "calibration error before": percent(
                    row["calibration_error_before"]
                ),
                "after": percent(row["calibration_error_after"]),
            }
            for row in rows
        ],
    )


def _add_products(
    results: evaluation.ReportFolder,
    kinds: Mapping[str, Predictions],
    run: EvaluatedRun,
) -> None:
    rows = answer_rows(kinds, run.costs)
    stages = [cost.stage for cost in run.costs]
    results.add(
        "Product answers",
        "product_answers",
        rows,
        text="A product answer multiplies the logits of the stages so far "
        "(--product_answers of keras-anytime-export): fewer answers get worse "
        "from stage to stage, and later stages may err more often.",
        display_rows=[
            {
                "answers": row["answers"],
                **{
                    f"error of stage {stage}": _with_interval(
                        row, f"stage_{stage}_error"
                    )
                    for stage in stages
                },
                "gets worse at a later stage": _with_interval(
                    row, "gets_worse"
                ),
            }
            for row in rows
        ],
    )


def _add_risk_control(
    results: evaluation.ReportFolder,
    kinds: Mapping[str, tuple[Predictions, Predictions]],
    costs: Sequence[StageCost],
    risks: Sequence[float],
    level: float,
    text: str,
) -> None:
    rows = [
        risk_row(
            name,
            evaluation.risk_controlled_thresholds(choose, risk, level),
            test,
            costs,
        )
        for name, (choose, test) in kinds.items()
        for risk in risks
    ]
    results.add(
        "Risk-controlled thresholds",
        "risk_control",
        rows,
        text="Answers are final above one threshold of all stages. It is the "
        f"lowest for which, with the probability {level:.0%}, early answers "
        "err at most that much more often than the last stage "
        "(--thresholds and --risk of keras-anytime-export, with the same "
        "--temperatures or --product_answers). " + text,
        display_rows=[
            {
                "answers": row["answers"],
                "risk": f"{row['risk']:.1%}",
                "level": f"{row['level']:.0%}",
                "threshold": f"{row['threshold']:.3f}",
                "mean cost": f"{row['share_of_macs']:.0%}",
                "measured loss": f"{row['loss']:+.2%}",
                "error": f"{row['error']:.2%}",
                "error of the last stage": f"{row['last_stage_error']:.2%}",
            }
            for row in rows
        ],
    )


def _with_interval(row: Mapping[str, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{row[name]:.2%} ({low:.1%}-{high:.1%})"
