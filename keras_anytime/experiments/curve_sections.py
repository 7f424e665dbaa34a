"""Sections of an evaluation about errors against cost, and about training."""

import functools
import math
from collections.abc import Mapping
from collections.abc import Sequence

from keras_anytime import evaluation
from keras_anytime.evaluation.metrics import MILESTONES
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.experiments.runs import EvaluatedRun


def add_curve(
    results: evaluation.ReportFolder, runs: Sequence[EvaluatedRun]
) -> None:
    """Adds the anytime curve, and with several seeds its mean and spread.

    Args:
        results: The folder and report to add to.
        runs: The runs of one training.
    """
    curve = runs[0].curve
    results.add(
        "Anytime curve",
        "curve",
        curve,
        curve.plot,
        text=(
            "How often each stage's answer is wrong"
            if curve.task is None
            else f"The {curve.error_name} of each stage"
        )
        + ", against what it costs: lower and further left is better.",
    )
    if len(runs) > 1:
        seeds = evaluation.aggregate([run.curve for run in runs])
        results.add(
            "Mean over seeds",
            "seeds",
            seeds,
            seeds.plot,
            text="The same training from several seeds: what is within the "
            "spread may be chance.",
        )


def add_comparison(
    results: evaluation.ReportFolder,
    runs: Sequence[EvaluatedRun],
    others: Sequence[EvaluatedRun],
) -> None:
    """Adds the comparison of two trainings, seed by seed.

    Args:
        results: The folder and report to add to.
        runs: The runs of one training.
        others: The runs of the other, with the same seeds.
    """
    comparison = evaluation.compare(
        [run.curve for run in runs],
        [run.curve for run in others],
        (runs[0].name, others[0].name),
    )
    results.add(
        "Paired comparison of two trainings",
        "comparison",
        comparison,
        text="Differences run by run of the same seed: an interval without 0 "
        "tells one.",
    )


def add_networks(
    results: evaluation.ReportFolder,
    groups: Mapping[str, Sequence[EvaluatedRun]],
) -> None:
    """Adds errors against cost of all networks, and the loss to the oracle.

    Args:
        results: The folder and report to add to.
        groups: Dict from `"runs"`, `"against"`, `"baseline"` and `"oracle"` to
            runs.
    """
    networks = {
        groups[group][0].name: evaluation.aggregate(
            [run.curve for run in groups[group]]
        )
        for group in ("runs", "against", "baseline")
        if groups[group]
    }
    oracles = {}
    if groups["oracle"]:
        separate = [run.curve for run in groups["oracle"]]
        oracles = add_oracles(results, separate)
        add_relative_increase(results, "stage", networks, oracles)
        add_relative_increase(results, "cost", networks, oracles)
        every = evaluation.ensemble_curve(separate)
        networks["ensemble of all"] = evaluation.aggregate([every])
        doubling = evaluation.ensemble_curve(separate, growth=2)
        if doubling.points != every.points:
            name = "exponential ensemble"
            networks[name] = evaluation.aggregate([doubling])
    if len(networks) > 1:
        results.add(
            "Error against cost",
            "curves",
            plot=lambda path: evaluation.plots.plot_curves(
                networks, path, oracle=oracles or None
            ),
            text="All networks in one picture: at the same cost, the lower "
            "one is better.",
        )


def add_oracles(
    results: evaluation.ReportFolder, curves: Sequence[evaluation.AnytimeCurve]
) -> dict[str, evaluation.AnytimeCurve]:
    """Adds the curves of the oracle, as it is and with the best so far.

    Args:
        results: The folder and report to add to.
        curves: The curves of separate networks.

    Returns:
        Dict from `"OPT"` and `"OPT+"` to curves.
    """
    oracles = {
        "OPT": evaluation.oracle_curve(curves, name="OPT"),
        "OPT+": evaluation.oracle_curve(curves, best_so_far=True, name="OPT+"),
    }
    results.add(
        "Oracle (OPT)",
        "oracle",
        oracles["OPT"],
        text="Separate networks, one for each stage: they need to know "
        "beforehand how much time there will be.",
    )
    results.add(
        "Best oracle so far (OPT+)",
        "oracle_best",
        oracles["OPT+"],
        text="The same, but a network that is worse than a cheaper one is "
        "replaced by it (Hu 2017, Section 4.6).",
    )
    return oracles


def add_relative_increase(
    results: evaluation.ReportFolder,
    by: str,
    networks: Mapping[str, evaluation.CurveAggregate],
    oracles: Mapping[str, evaluation.AnytimeCurve],
) -> None:
    """Adds by how many percent networks err more often than the oracles.

    Args:
        results: The folder and report to add to.
        by: `"stage"` or `"cost"`: where errors are compared.
        networks: Dict from names to the curves of networks.
        oracles: Dict from names, such as `"OPT"` and `"OPT+"`, to curves. By
            stage, networks with another number of stages are left out.
    """
    increases = {
        (name, oracle_name): curves.relative_increase(oracle, by)
        for name, curves in networks.items()
        for oracle_name, oracle in oracles.items()
        if by == "cost" or len(curves.mean.points) == len(oracle.points)
    }
    if not increases:
        return
    rows = [
        {
            "network": name,
            "oracle": oracle_name,
            **{
                f"percent_at_{by}_{at:g}": spread.mean
                for at, spread in of.items()
            },
            **{f"std_at_{by}_{at:g}": spread.std for at, spread in of.items()},
        }
        for (name, oracle_name), of in increases.items()
    ]
    # Where the oracle makes no error, an increase is infinite.
    drawable = all(
        math.isfinite(spread.mean)
        for of in increases.values()
        for spread in of.values()
    )
    drawn = {" over ".join(names): of for names, of in increases.items()}
    results.add(
        f"Relative increase of the error over {' and '.join(oracles)}, by {by}",
        f"increase_by_{by}",
        rows,
        (lambda path: evaluation.plots.plot_relative_increase(drawn, path))
        if drawable
        else None,
        text="By how many percent a network errs more than the oracle "
        + ("with the same cost" if by == "cost" else "at the same stage")
        + ", with the standard deviation over runs in brackets.",
        display_rows=[
            {
                "network": name,
                "oracle": oracle_name,
                **{
                    f"within {MILESTONES[at]} of the cost"
                    if by == "cost"
                    else f"at stage {at}": f"{spread:.1f}"
                    for at, spread in of.items()
                },
            }
            for (name, oracle_name), of in increases.items()
        ],
    )


def add_budget(
    results: evaluation.ReportFolder,
    run: EvaluatedRun,
    validation: EvaluatedRun | None,
    validation_split: str | None,
) -> None:
    """Adds budgeted classification.

    Args:
        results: The folder and report to add to.
        run: The run whose network is measured.
        validation: The same network on the data that thresholds are chosen
            on; `None` for the first half of the examples of `run`.
        validation_split: The name of that data.
    """
    if validation is not None:
        chosen_on, test = validation.predictions, run.predictions
        text = f"thresholds were chosen on {validation_split}."
    else:
        half = run.predictions.examples // 2
        chosen_on = run.predictions.part(slice(half))
        test = run.predictions.part(slice(half, None))
        text = (
            "thresholds were chosen on the first half of the examples, and "
            "errors measured on the second."
        )
    budget = evaluation.budget_curve(chosen_on, test, run.costs)
    curve = evaluation.curve_from_predictions(test, run.costs)
    results.add(
        "Budgeted classification" if budget.task is None else "Budgets",
        "budget",
        budget,
        lambda path: budget.plot(path, curve),
        text=f"Easy {'images' if budget.task is None else 'examples'} stop at "
        "an early stage, so that harder ones get more of a mean budget; "
        + text,
    )


def add_label_sets(
    results: evaluation.ReportFolder, run: EvaluatedRun, wanted_error: float
) -> None:
    """Adds the error of each label set, and the finest with a wanted error.

    Where some label sets are not of classes, none is the finest.

    Args:
        results: The folder and report to add to.
        run: A run whose labels have several sets.
        wanted_error: Float in [0, 1]. The greatest error that is wanted.
    """
    curves = evaluation.HierarchicalCurve(run.curves)
    if any(curve.task is not None for curve in run.curves.values()):
        results.add(
            "Label sets",
            "label_sets",
            curves,
            curves.plot,
            text="Each stage's error in each set of labels.",
        )
        return
    results.add(
        "Label sets",
        "label_sets",
        curves,
        lambda path: curves.plot(path, wanted_error),
        text="Coarse labels are right more often than fine ones: each stage's "
        "error in each set of labels.",
    )
    finest = enumerate(curves.finest(wanted_error), start=1)
    results.add(
        f"Finest label set with an error of {wanted_error:.0%} at most",
        "finest",
        [
            {"stage": stage, "label_set": label_set or "none"}
            for stage, label_set in finest
        ],
        text="What each stage can answer with, if it may err that often.",
    )


def add_training(
    results: evaluation.ReportFolder, folder: RunFolder, error_name: str
) -> None:
    """Adds pictures of the training, from the logs that the run has.

    Args:
        results: The folder and report to add to.
        folder: The run folder.
        error_name: String. What is left of an accuracy to 1.
    """
    for title, path, draw, text in (
        (
            "Errors while training",
            folder.history,
            functools.partial(
                evaluation.plots.plot_history, error_name=error_name
            ),
            "How the error of each stage fell, epoch by epoch.",
        ),
        (
            "Weights of the losses",
            folder.weights,
            evaluation.plots.plot_loss_weights,
            "How much each stage counted in training, epoch by epoch.",
        ),
        (
            "Cosines of gradients",
            folder.cosines,
            evaluation.plots.plot_cosines,
            "Whether two stages pulled the weights the same way: below 0, "
            "what helps one harms the other.",
        ),
    ):
        if path.exists():
            results.add(
                title,
                path.stem,
                plot=functools.partial(draw, path),
                text=text,
            )
