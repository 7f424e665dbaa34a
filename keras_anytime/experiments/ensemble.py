"""EANN from finished runs: answers chosen, networks joined, ensemble tested."""

import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime import evaluation
from keras_anytime import nets
from keras_anytime.evaluation.inflation import divide_costs
from keras_anytime.evaluation.metrics import MILESTONES
from keras_anytime.evaluation.plots.style import figure
from keras_anytime.evaluation.provenance import provenance
from keras_anytime.evaluation.tables import percent
from keras_anytime.experiments import curve_sections
from keras_anytime.experiments.ensemble_settings import EnsembleSettings
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.experiments.runs import Run
from keras_anytime.experiments.runs import check_same_data
from keras_anytime.experiments.runs import check_separate
from keras_anytime.nets.ensemble import check_networks
from keras_anytime.stages.sequence import used_stages

# The split that `ka.data.load` measures on if a run names none.
_OWN_SPLIT = "test"


def build_ensemble(settings: EnsembleSettings) -> pathlib.Path:
    """Joins trained networks into an ensemble, and measures it on test data.

    The answers are chosen on validation data. The folder gets the model, its
    curve on the test split, and a report; `keras-anytime-evaluate` takes it as
    the folder of a run.

    Args:
        settings: The settings of the ensemble.

    Returns:
        The path of the report.

    Raises:
        ValueError: If a setting is wrong, or the runs cannot be joined.
        ImportError: If a package is missing, such as Matplotlib.
        OSError: If a run cannot be read, or results cannot be written.
        FloatingPointError: If the answers of a network are not finite.
    """
    runs, oracle = (
        [Run(path, settings.data_dir, settings.download) for path in paths]
        for paths in (settings.runs, settings.oracle)
    )
    base = check_runs(settings, runs, oracle)
    assert settings.output is not None  # `check_runs` has checked it.
    folder = RunFolder(settings.output)
    folder.check_writable()
    # Raises an error where Matplotlib is missing, before there is work.
    figure()
    # A wrong split shows here, before there is work.
    test_data = runs[0].evaluation_data(settings.test_split)
    chosen_on = [run.evaluate(settings.split).curve for run in runs]
    model = nets.ensemble(
        [run.model for run in runs], chosen_on, folder.name, settings.rule
    )
    model.save(folder.model)
    finest = (model.label_sets or (None,))[0]
    curve = evaluation.anytime_curve(model, test_data, label_set=finest)
    tested = {run.name: run.evaluate(settings.test_split).curve for run in runs}
    separate = [run.evaluate(settings.test_split).curve for run in oracle]
    results = evaluation.ReportFolder(
        folder.path,
        f"Ensemble of {', '.join(tested)}",
        evaluation.summary(
            curve,
            f"{runs[0].settings['data']} (split {settings.test_split})",
            folder.name,
        ),
    )
    results.add(
        "Answers of the networks",
        "answers",
        answer_rows(settings.rule, list(tested), chosen_on),
        text="The answers that are used, chosen on "
        f"{settings.split or runs[0].settings['eval_split']}.",
    )
    _add_curves(results, curve, tested, separate, base)
    _write_run(folder, settings, runs[0], curve)
    report = results.write_report()
    print(f"\nReport: {report}")
    return report


def check_runs(
    settings: EnsembleSettings, runs: Sequence[Run], oracle: Sequence[Run]
) -> float:
    """Checks settings and runs, and returns the growth factor of the depth.

    Args:
        settings: The settings of the ensemble.
        runs: The runs of the networks, the smallest first.
        oracle: The runs of separate networks.

    Returns:
        The setting `base`, or the mean growth factor of the networks' costs.

    Raises:
        ValueError: If they do not fit one another.
    """
    if not settings.output:
        raise ValueError("--output must name a folder. Received: nothing")
    names = [run.name for run in runs]
    if len(runs) < 2 or len(set(names)) < len(names):
        raise ValueError(
            "--runs must name folders of two networks or more, with different "
            f"names. Received: {names}"
        )
    check_same_data(runs, settings.split)
    check_same_data([*runs, *oracle], settings.test_split)
    chosen_on = settings.split or runs[0].settings["eval_split"] or _OWN_SPLIT
    if chosen_on == settings.test_split:
        raise ValueError(
            "Answers that are chosen on the test split look better than they "
            "are: name a validation split, such as --split=train[45000:], that "
            f"no network was trained on. Received: both {chosen_on!r}"
        )
    check_networks([run.model for run in runs])
    costs = [evaluation.stage_costs(run.model)[-1].macs for run in runs]
    if costs != sorted(set(costs)):
        raise ValueError(
            "--runs must go from the smallest network to the largest. "
            f"Received: {dict(zip(names, costs, strict=True))} multiply-adds"
        )
    check_separate(oracle)
    base = settings.base
    if base is None:
        base = (costs[-1] / costs[0]) ** (1 / (len(costs) - 1))
    evaluation.ensemble_cost_inflation(base)  # Raises the error for others.
    return base


def answer_rows(
    rule: str, names: Sequence[str], curves: Sequence[evaluation.AnytimeCurve]
) -> list[dict[str, Any]]:
    """Returns a row for each used answer.

    Args:
        rule: `"validation"` or `"depth"`.
        names: The names of the networks.
        curves: The curves of the networks on the data to choose on.

    Returns:
        List of dicts: the ensemble's stage, the network, its stage, and the
        error on the data.
    """
    used = used_stages(
        [[point.error for point in curve.points] for curve in curves],
        [curve.known_costs() for curve in curves],
        rule,
    )
    answers = [
        (name, curve.points[k - 1])
        for name, curve, stages in zip(names, curves, used, strict=True)
        for k in stages
    ]
    return [
        {
            "stage": stage,
            "network": name,
            "network_stage": point.stage,
            "validation_error": point.error,
        }
        for stage, (name, point) in enumerate(answers, start=1)
    ]


def _add_curves(
    results: evaluation.ReportFolder,
    curve: evaluation.AnytimeCurve,
    networks: Mapping[str, evaluation.AnytimeCurve],
    separate: Sequence[evaluation.AnytimeCurve],
    base: float,
) -> None:
    """Adds the curves of the ensemble and what they are compared with."""
    results.add(
        "Ensemble on test data",
        "curve",
        curve,
        curve.plot,
        text="How often each answer is wrong, against the cost of all that has "
        "run before it.",
    )
    inflation = evaluation.ensemble_cost_inflation(base)
    divided = divide_costs(curve, inflation.mean, f"{curve.name} / E[C]")
    results.add(
        "Ensemble with costs divided by E[C]",
        "curve_divided",
        divided,
        text=f"Networks that grow by {base:.2f} cost {inflation.mean:.2f} "
        "times as much as an optimal network on average, and at most "
        f"{inflation.supremum:.2f} times (Hu 2019, Proposition 4.1). The "
        "ensemble should compete with networks of the costs in this table.",
    )
    oracles = {}
    compared = {"ensemble": curve, "ensemble / E[C]": divided}
    if separate:
        oracles = curve_sections.add_oracles(results, separate)
        curve_sections.add_relative_increase(
            results,
            "cost",
            {
                name: evaluation.aggregate([own])
                for name, own in compared.items()
            },
            oracles,
        )
    rows: list[dict[str, Any]] = [
        {
            "network": name,
            **{f"error_at_{share:g}": e for share, e in own.milestones.items()},
            "average_error": own.average_error,
        }
        for name, own in {"ensemble": curve, **networks, **oracles}.items()
    ]
    results.add(
        "Errors at shares of each network's own cost",
        "milestones",
        rows,
        text="As in the last rows of Hu 2017, Table 3.",
        display_rows=[
            {
                "network": row["network"],
                **{
                    f"within {words}": percent(row[f"error_at_{share:g}"])
                    for share, words in MILESTONES.items()
                },
                "average": percent(row["average_error"]),
            }
            for row in rows
        ],
    )
    results.add(
        "Error against cost",
        "curves",
        plot=lambda path: evaluation.plots.plot_curves(
            {**compared, **networks}, path, oracle=oracles or None
        ),
        text="The ensemble, the networks in it, and separate networks: at the "
        "same cost, the lower is better.",
    )


def _write_run(
    folder: RunFolder,
    settings: EnsembleSettings,
    run: Run,
    curve: evaluation.AnytimeCurve,
) -> None:
    """Writes what makes the output the folder of a run."""
    kept = {
        "data": run.settings["data"],
        "labels": run.settings.get("labels", "{}"),
        "eval_split": settings.test_split,
        "runs": settings.runs,
        "rule": settings.rule,
        "split": settings.split,
        "seed": run.settings.get("seed", 0),
    }
    folder.write_settings(kept)
    folder.write_results(provenance(), kept, kept["seed"], 0.0, curve.to_dict())
