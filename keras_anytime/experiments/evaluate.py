"""The evaluation of trained networks: tables, pictures and a report."""

import pathlib
from collections.abc import Mapping
from collections.abc import Sequence

from keras_anytime import evaluation
from keras_anytime.evaluation.deadlines import SHARES
from keras_anytime.evaluation.plots.style import figure
from keras_anytime.evaluation.risk_control import check_risk
from keras_anytime.evaluation.timed import check_deadlines
from keras_anytime.experiments import curve_sections
from keras_anytime.experiments import deadline_sections
from keras_anytime.experiments import trust_sections
from keras_anytime.experiments.evaluate_settings import EvaluateSettings
from keras_anytime.experiments.runs import EvaluatedRun
from keras_anytime.experiments.runs import Run
from keras_anytime.experiments.runs import check_pairs
from keras_anytime.experiments.runs import check_same_data
from keras_anytime.experiments.runs import check_seeds
from keras_anytime.experiments.runs import check_separate
from keras_anytime.files import check_writable

# The settings that name folders of runs.
GROUPS = ("runs", "against", "oracle", "baseline", "priorities")


def evaluate(settings: EvaluateSettings) -> pathlib.Path:
    """Measures trained networks, and writes all results to a folder.

    Args:
        settings: The settings of the evaluation.

    Returns:
        The path of the report.

    Raises:
        ValueError: If a setting is wrong, or runs cannot be compared.
        ImportError: If a package is missing, such as Matplotlib.
        OSError: If a run cannot be read, or results cannot be written.
        FloatingPointError: If the answers of a network are not finite.
    """
    groups = {
        name: [
            Run(path, settings.data_dir, settings.download)
            for path in getattr(settings, name)
        ]
        for name in GROUPS
    }
    check_runs(settings, groups)
    folder = pathlib.Path(
        settings.output or groups["runs"][0].folder.path / "evaluation"
    )
    check_writable(folder / "report.html")
    # Raises an error where Matplotlib is missing, before there is work.
    figure()
    # The validation split comes first, because a wrong split shows here.
    validation = (
        groups["runs"][0].evaluate(settings.validation_split, keep_logits=True)
        if settings.validation_split
        else None
    )
    evaluated = {
        name: [
            run.evaluate(
                settings.split,
                settings.cost,
                keep_logits=name == "runs" and index == 0,
            )
            for index, run in enumerate(runs)
        ]
        for name, runs in groups.items()
    }
    first = evaluated["runs"][0]
    results = evaluation.ReportFolder(
        folder,
        f"Evaluation of {first.name}",
        evaluation.summary(
            evaluation.aggregate([run.curve for run in evaluated["runs"]]),
            _data_name(settings, first),
            first.name,
        ),
    )
    _add_sections(results, settings, evaluated, validation)
    report = results.write_report()
    print(f"\nReport: {report}")
    return report


def check_runs(
    settings: EvaluateSettings, groups: Mapping[str, Sequence[Run]]
) -> None:
    """Raises a `ValueError` if settings and runs do not fit one another.

    Args:
        settings: The settings of the evaluation.
        groups: Dict from the names of `GROUPS` to runs.
    """
    if not groups["runs"]:
        raise ValueError("--runs must name folders of runs. Received: none")
    deadlines_ms = settings.numbers("deadlines_ms")
    probabilities = settings.numbers("probabilities")
    for risk in settings.numbers("risks") or []:
        check_risk(risk, settings.risk_level)
    if (deadlines_ms or probabilities) and not (
        groups["oracle"] or groups["priorities"]
    ):
        raise ValueError(
            "Deadlines are simulated with --oracle, or with --priorities. "
            f"Received: --deadlines_ms={','.join(settings.deadlines_ms)}"
        )
    # Without deadlines, there are those of `SHARES` and an infinite one.
    check_deadlines(deadlines_ms or [1.0] * (len(SHARES) + 1), probabilities)
    check_same_data(
        [run for runs in groups.values() for run in runs], settings.split
    )
    check_seeds(groups["runs"])
    if groups["against"]:
        check_pairs(groups["runs"], groups["against"])
    _check_names(groups)
    check_separate(groups["oracle"])


def _check_names(groups: Mapping[str, Sequence[Run]]) -> None:
    """Raises a `ValueError` if two networks would have the same name."""
    priorities = [
        run.priority for run in [*groups["runs"][:1], *groups["priorities"]]
    ]
    names = [
        groups[group][0].name
        for group in ("runs", "against", "baseline")
        if groups[group]
    ]
    if len(set(names)) < len(names) or len(groups["baseline"]) > 1:
        raise ValueError(
            "--runs, --against and the one --baseline go by the names of their "
            f"folders, which must differ. Received: {names}"
        )
    if len(set(priorities)) < len(priorities):
        raise ValueError(
            "Each of --priorities must have a priority of its own, and another "
            f"one than the first of --runs. Received: {priorities}"
        )


def _data_name(settings: EvaluateSettings, run: EvaluatedRun) -> str:
    """Returns the name of the data and the split of it, for people."""
    split = settings.split or run.run.own_split
    return run.run.settings["data"] + (f" (split {split})" if split else "")


def _add_sections(
    results: evaluation.ReportFolder,
    settings: EvaluateSettings,
    groups: Mapping[str, Sequence[EvaluatedRun]],
    validation: EvaluatedRun | None,
) -> None:
    """Adds the sections that the settings ask for, in order."""
    first, oracle = groups["runs"][0], groups["oracle"]
    risks = settings.numbers("risks") or []
    curve_sections.add_curve(results, groups["runs"])
    if groups["against"]:
        curve_sections.add_comparison(
            results, groups["runs"], groups["against"]
        )
    curve_sections.add_networks(results, groups)
    if (
        first.predictions.num_stages > 1
        and first.predictions.task.has_confidence
    ):
        curve_sections.add_budget(
            results, first, validation, settings.validation_split
        )
        found = trust_sections.parts(
            first, validation, settings.validation_split
        )
        if found is not None:
            trust_sections.add_trust(
                results, first, found, risks, settings.risk_level
            )
    if first.run.model.label_sets:
        curve_sections.add_label_sets(results, first, settings.wanted_error)
    if oracle or groups["priorities"]:
        networks = [first, *groups["baseline"], *oracle]
        timed = deadline_sections.add_latencies(results, settings, networks)
    if oracle:
        deadline_sections.add_deadlines(
            results, settings, timed, first, groups["baseline"], oracle
        )
    if groups["priorities"]:
        deadline_sections.add_priorities(
            results,
            settings,
            [first, *groups["priorities"]],
            timed[first].latency_ms,
        )
    curve_sections.add_training(
        results, first.run.folder, first.curve.error_name
    )
    for name, runs in groups.items():
        for evaluated in runs[:1]:
            results.report.add(
                f"Settings of {evaluated.name} (--{name})",
                "The flags that keras-anytime-train was run with.",
                rows=evaluated.run.settings,
            )
