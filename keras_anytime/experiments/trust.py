"""Measures how far the answers of a network that ships can be trusted."""

import itertools
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_anytime import data
from keras_anytime import evaluation
from keras_anytime import nets
from keras_anytime.evaluation.metrics import bootstrap_intervals
from keras_anytime.evaluation.predictions import Predictions
from keras_anytime.evaluation.provenance import provenance
from keras_anytime.evaluation.risk_bounds import BOUNDS
from keras_anytime.evaluation.tables import as_table
from keras_anytime.experiments.trust_sections import ALONE
from keras_anytime.experiments.trust_sections import PRODUCT
from keras_anytime.experiments.trust_sections import answer_rows
from keras_anytime.experiments.trust_sections import calibration_rows
from keras_anytime.experiments.trust_sections import risk_row
from keras_anytime.experiments.trust_settings import TrustSettings
from keras_anytime.files import check_writable
from keras_anytime.files import write_json
from keras_anytime.stages.cost import StageCost

# Ends of the range that 95% of the repetitions are in.
_ENDS = (2.5, 97.5)
_OF_REPETITIONS = ("threshold", "share_of_macs", "loss")


def measure_trust(settings: TrustSettings) -> dict[str, Any]:
    """Measures calibration, product answers and risk control of a network.

    Args:
        settings: The settings.

    Returns:
        Dict of plain values, which is also written to `--output`.

    Raises:
        ValueError: If a setting is wrong.
        OSError: If data cannot be read, or the file cannot be written.
    """
    risks = settings.bounds()
    if settings.output:
        check_writable(settings.output)
    facts = nets.facts(settings.net, settings.weights)
    split = settings.split or facts["evaluation"]["split"]
    model = nets.get(
        settings.net,
        facts["input_shape"],
        facts["classes"],
        weights=settings.weights,
    )
    costs = evaluation.stage_costs(model)
    predictions = {
        name: evaluation.predict_stages(
            model,
            data.load(
                facts["data"]["name"],
                splits=(name, name),
                augment=False,
                data_dir=settings.data_dir,
                download=settings.download,
            )[1],
            keep_logits=True,
        )
        for name in (split, settings.test_split)
    }
    results = {
        **provenance(),
        "network": settings.net,
        "weights": settings.weights,
        "split": split,
        "repetitions": settings.repetitions,
        "answers": {
            name: compare_answers(of_split, costs)
            for name, of_split in predictions.items()
        },
        **repeat(
            predictions[split],
            costs,
            risks,
            settings.risk_level,
            settings.repetitions,
            settings.seed,
        ),
    }
    if settings.output:
        write_json(settings.output, results)
    for rows in (
        *results["answers"].values(),
        results["calibration"],
        results["risk_control"],
    ):
        # The ends of ranges are in the file.
        shown = [
            {
                name: value
                for name, value in row.items()
                if not name.endswith(("_low", "_high"))
            }
            for row in rows
        ]
        print("\n".join(["", *as_table(shown)]))
    return results


def compare_answers(
    predictions: Predictions, costs: Sequence[StageCost]
) -> list[dict[str, Any]]:
    """Returns errors of stages alone and of products, and what they differ by.

    Args:
        predictions: `Predictions` that keep their logits.
        costs: List of K `StageCost`.

    Returns:
        Rows of `answer_rows`; that of products also has the mean differences
        of its errors, with bootstrap intervals over the same images.
    """
    product = predictions.product()
    alone, multiplied = answer_rows(
        {ALONE: predictions, PRODUCT: product}, costs
    )
    differences = product.errors - predictions.errors
    ends = bootstrap_intervals(differences)
    for k, cost in enumerate(costs):
        name = f"stage_{cost.stage}_difference"
        multiplied[name] = float(differences[:, k].mean())
        multiplied[f"{name}_low"], multiplied[f"{name}_high"] = ends[k].tolist()
        alone |= dict.fromkeys((name, f"{name}_low", f"{name}_high"))
    return [alone, multiplied]


def repeat(
    predictions: Predictions,
    costs: Sequence[StageCost],
    risks: Sequence[float],
    level: float,
    repetitions: int,
    seed: int = 0,
) -> dict[str, list[dict[str, Any]]]:
    """Repeats calibration and risk control with random images.

    Risk control is repeated in two ways. In random divisions of the images,
    temperatures are fitted to a quarter, thresholds chosen on another, and
    losses measured on the rest, which adds the chance of that rest. With random
    samples of a quarter, drawn with replacement, the loss is that of all
    images: the risk itself, which the bound is about.

    Args:
        predictions: `Predictions` that keep their logits.
        costs: List of K `StageCost`.
        risks: Sequence of floats, the bounds.
        level: Float, the probability that a bound holds.
        repetitions: Integer.
        seed: Seed of divisions and samples.

    Returns:
        Dict with the rows of `calibration` and of `risk_control`: means of the
        repetitions, the ends of the range of 95% of them, and the share of
        repetitions in which the bound was kept.
    """
    rng = np.random.default_rng(seed)
    quarter = predictions.examples // 4
    calibrations: dict[Any, list[dict[str, Any]]] = {}
    divisions: dict[Any, list[dict[str, Any]]] = {}
    samples: dict[Any, list[dict[str, Any]]] = {}
    everything = _kinds(predictions)
    for _ in range(repetitions):
        order = rng.permutation(predictions.examples)
        fit = predictions.part(order[:quarter])
        temperatures = evaluation.fit_temperatures(fit)
        rest = predictions.part(order[2 * quarter :])
        for row in calibration_rows(
            rest, rest.calibrated(temperatures), temperatures
        ):
            calibrations.setdefault(row["stage"], []).append(row)
        choose = _kinds(
            predictions.part(order[quarter : 2 * quarter]), temperatures
        )
        test = _kinds(rest, temperatures)
        sample = rng.integers(0, predictions.examples, quarter)
        for kind, bound, risk in _cases(risks):
            of_kind = everything[kind]
            for found, chosen_on, measured in (
                (divisions, choose[kind], test[kind]),
                (samples, of_kind.part(sample), of_kind),
            ):
                control = evaluation.risk_controlled_thresholds(
                    chosen_on, risk, level, bound
                )
                found.setdefault((kind, bound, risk), []).append(
                    risk_row(kind, control, measured, costs)
                )
    return {
        "calibration": [
            {"stage": stage, **_summary(rows, tuple(rows[0])[1:])}
            for stage, rows in calibrations.items()
        ],
        "risk_control": [
            {
                "answers": kind,
                "bound": bound,
                "risk": risk,
                "level": level,
                "examples": quarter,
                **_summary(divisions[kind, bound, risk], _OF_REPETITIONS),
                "kept_in_divisions": _kept(divisions[kind, bound, risk]),
                "kept_in_samples": _kept(samples[kind, bound, risk]),
            }
            for kind, bound, risk in _cases(risks)
        ],
    }


def _cases(risks: Sequence[float]) -> Iterator[tuple[str, str, float]]:
    """Returns the kinds of answers, bounds and risks to try."""
    return itertools.product((ALONE, PRODUCT), BOUNDS, risks)


def _kinds(
    predictions: Predictions, temperatures: Sequence[float] | None = None
) -> dict[str, Predictions]:
    """Returns calibrated answers of stages alone, and products."""
    if temperatures is None:
        temperatures = evaluation.fit_temperatures(predictions)
    return {
        ALONE: predictions.calibrated(temperatures),
        PRODUCT: predictions.product(),
    }


def _summary(
    rows: Sequence[dict[str, Any]], names: Sequence[str]
) -> dict[str, float]:
    """Returns means and ranges of some columns."""
    summary: dict[str, float] = {}
    for name in names:
        values = [row[name] for row in rows]
        low, high = np.percentile(values, _ENDS)
        summary |= {
            name: float(np.mean(values)),
            f"{name}_low": float(low),
            f"{name}_high": float(high),
        }
    return summary


def _kept(rows: Sequence[dict[str, Any]]) -> float:
    """Returns the share of repetitions whose loss is within the risk."""
    return float(np.mean([row["loss"] <= row["risk"] for row in rows]))
