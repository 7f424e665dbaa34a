r"""Measures trained networks as the papers do, for programs and for people.

    python recipes/evaluate.py --runs=runs/osgd

    python recipes/evaluate.py --output=runs/evaluation \
        --runs=runs/osgd_1,runs/osgd_2,runs/osgd_3 \
        --against=runs/sgd_1,runs/sgd_2,runs/sgd_3 \
        --oracle=runs/w1,runs/w2,runs/w4 --baseline=runs/even

Each folder is one of recipes/train.py. Several `--runs` are seeds of one
training, the first of which is looked at most closely. `--oracle` are separate
networks, trained with `--oracle_stage=1` and so on. With them, networks are
exported and timed on this machine for the simulation of deadlines.

Writes CSV and JSON files for programs, PNG and SVG pictures, and
`report.html`, which holds all of it and can be sent around alone.
"""

import math
import pathlib
import sys

from absl import app
from absl import flags
from absl import logging

FLAGS = flags.FLAGS
flags.DEFINE_list(
    "runs",
    [],
    "Folders of the runs to measure: one training, a run for each seed.",
)
flags.DEFINE_list(
    "against",
    [],
    "Folders of the runs of another training, with the seeds of --runs, to "
    "compare with.",
)
flags.DEFINE_list(
    "oracle",
    [],
    "Folders of runs of separate networks, smallest first, trained with "
    "--oracle_stage of train.py.",
)
flags.DEFINE_list(
    "baseline",
    [],
    "Folder of the run of another anytime network, to draw and time beside "
    "--runs.",
)
flags.DEFINE_list(
    "priorities",
    [],
    "Folders of runs of the network of --runs, trained with other stage "
    "priorities of OSGD.",
)
flags.DEFINE_string(
    "output",
    None,
    "Folder to write to; else `evaluation` in the first folder of --runs.",
)
flags.DEFINE_string(
    "split",
    None,
    "Split to measure on, such as test; else the --eval_split of each run.",
)
flags.DEFINE_string(
    "validation_split",
    None,
    "Split to choose confidence thresholds on; else the first half of the data "
    "that is measured on.",
)
flags.DEFINE_string(
    "data_dir",
    None,
    "Folder of prepared TFDS data sets; else the environment's TFDS_DATA_DIR.",
)
flags.DEFINE_bool(
    "download",
    False,
    "Fetch and prepare a TFDS data set of the runs that is not in --data_dir.",
)
flags.DEFINE_integer(
    "images", 200, "Images to time networks with.", lower_bound=1
)
flags.DEFINE_integer(
    "repetitions", 5, "Timed answers of a network to each image.", lower_bound=1
)
flags.DEFINE_list(
    "deadlines_ms",
    [],
    "Deadlines to simulate, in milliseconds, inf for none; else Wan 2020's.",
)
flags.DEFINE_list(
    "probabilities",
    [],
    "How likely each deadline is; else all deadlines are equally likely.",
)
flags.DEFINE_float(
    "wanted_error",
    0.5,
    "Of several label sets, the finest with at most this error is named for "
    "each stage.",
    lower_bound=0,
    upper_bound=1,
)

_GROUPS = ("runs", "against", "oracle", "baseline", "priorities")


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Unexpected arguments: {argv[1:]}")
    logging.set_verbosity(logging.WARNING)
    try:
        evaluate()
    except (
        ValueError,
        ImportError,
        OSError,
        FloatingPointError,
    ) as error:
        sys.exit(f"evaluate.py: {error}")


def evaluate():
    """Checks the flags, measures all networks and writes everything."""
    import keras_anytime as ka
    from keras_anytime.evaluation.plots.style import figure
    from keras_anytime.experiments.runs import Run
    from keras_anytime.files import check_writable

    groups = {
        name: [
            Run(folder, FLAGS.data_dir, FLAGS.download)
            for folder in FLAGS[name].value
        ]
        for name in _GROUPS
    }
    check(groups)
    runs = groups["runs"]
    folder = pathlib.Path(FLAGS.output or runs[0].folder / "evaluation")
    check_writable(folder / "report.html")
    figure()  # Where Matplotlib is missing, nothing is measured either.
    # First, since a wrong split shows here.
    validation = FLAGS.validation_split and runs[0].measured(
        FLAGS.validation_split
    )
    groups = {
        name: [run.measured(FLAGS.split) for run in group]
        for name, group in groups.items()
    }
    runs, oracle = groups["runs"], groups["oracle"]
    name = runs[0].run.name
    results = ka.evaluation.ReportFolder(
        folder,
        f"Evaluation of {name}",
        ka.evaluation.summary(
            ka.evaluation.aggregate([one.curve for one in runs]),
            measured_on(runs[0]),
            name,
        ),
    )
    one_training(results, runs)
    if groups["against"]:
        two_trainings(results, runs, groups["against"])
    several_networks(results, groups, oracle)
    if runs[0].predictions.num_stages > 1:
        budgets(results, runs[0], validation)
    if runs[0].run.model.label_sets:
        label_sets(results, runs[0])
    if oracle or groups["priorities"]:
        networks = [runs[0], *groups["baseline"], *oracle]
        timed = dict(
            zip(networks, timed_answers(results, networks), strict=True)
        )
    if oracle:
        deadlines(results, timed, runs[0], groups["baseline"], oracle)
    if groups["priorities"]:
        candidates = [runs[0], *groups["priorities"]]
        priorities(results, candidates, timed[runs[0]].latency_ms)
    training(results, runs[0].run.folder)
    for name, group in groups.items():
        for one in group[:1]:
            results.report.add(
                f"Settings of {one.run.name} (--{name})",
                "The flags that recipes/train.py was run with.",
                rows=one.run.settings,
            )
    print(f"\nReport: {results.write_report()}")


def check(groups):
    """Raises a `ValueError` if flags and runs do not fit one another."""
    from keras_anytime.evaluation.deadlines import SHARES
    from keras_anytime.evaluation.timed import check_deadlines
    from keras_anytime.experiments import runs as runs_lib

    if not groups["runs"]:
        raise ValueError("--runs must name folders of runs. Received: none")
    deadlines_ms = numbers("deadlines_ms")
    probabilities = numbers("probabilities")
    if (deadlines_ms or probabilities) and not (
        groups["oracle"] or groups["priorities"]
    ):
        raise ValueError(
            "Deadlines are simulated with --oracle, or with --priorities. "
            f"Received: --deadlines_ms={','.join(FLAGS.deadlines_ms)}"
        )
    # The default ones are so many, and none.
    check_deadlines(deadlines_ms or [1.0] * (len(SHARES) + 1), probabilities)
    runs_lib.check_same_data(sum(groups.values(), []), FLAGS.split)
    runs_lib.check_seeds(groups["runs"])
    if groups["against"]:
        runs_lib.check_pairs(groups["runs"], groups["against"])
    labels = [one.priority for one in groups["runs"][:1] + groups["priorities"]]
    names = [
        groups[name][0].name
        for name in ("runs", "against", "baseline")
        if groups[name]
    ]
    if len(set(names)) < len(names) or len(groups["baseline"]) > 1:
        raise ValueError(
            "--runs, --against and the one --baseline go by the names of their "
            f"folders, which must differ. Received: {names}"
        )
    if len(set(labels)) < len(labels):
        raise ValueError(
            "Each of --priorities must have a priority of its own, and another "
            f"one than the first of --runs. Received: {labels}"
        )
    for one in groups["oracle"]:
        if one.model.num_stages != 1:
            raise ValueError(
                "The oracle's networks answer once: train them with "
                f"--oracle_stage. Received: {one.name!r} of "
                f"{one.model.num_stages} stages"
            )


def measured_on(network):
    """Returns the name of the data and the split of it, for people."""
    settings = network.run.settings
    split = FLAGS.split or settings["eval_split"]
    return settings["data"] + (f" (split {split})" if split else "")


def numbers(name):
    """Returns a list flag as floats, `None` if it is empty."""
    values = FLAGS[name].value
    try:
        return [float(value) for value in values] or None
    except ValueError as error:
        raise ValueError(
            f"--{name} must be numbers. Received: {','.join(values)}"
        ) from error


def one_training(results, networks):
    """The anytime curve; of several seeds with mean and spread."""
    import keras_anytime as ka

    curve = networks[0].curve
    results.add(
        "Anytime curve",
        "curve",
        curve,
        curve.plot,
        text="How often each stage's answer is wrong, against what it costs: "
        "lower and further left is better.",
    )
    if len(networks) > 1:
        seeds = ka.evaluation.aggregate([network.curve for network in networks])
        results.add(
            "Mean over seeds",
            "seeds",
            seeds,
            seeds.plot,
            text="The same training from several seeds: what is within the "
            "spread may be chance.",
        )


def two_trainings(results, networks, others):
    """One training against another, seed by seed."""
    import keras_anytime as ka

    found = ka.evaluation.compare(
        [network.curve for network in networks],
        [other.curve for other in others],
        (networks[0].run.name, others[0].run.name),
    )
    results.add(
        "Paired comparison of two trainings",
        "comparison",
        found,
        text="Differences run by run of the same seed: an interval without 0 "
        "tells one.",
    )


def several_networks(results, groups, oracle):
    """Error against cost of all networks, and what they lose to the oracle."""
    import keras_anytime as ka

    networks = {
        group[0].run.name: ka.evaluation.aggregate([one.curve for one in group])
        for group in (groups[name] for name in ("runs", "against", "baseline"))
        if group
    }
    optimal = None
    if oracle:
        alone = [one.curve for one in oracle]
        optimal = ka.evaluation.oracle_curve(alone)
        results.add(
            "Oracle",
            "oracle",
            optimal,
            text="Separate networks, one for each stage: they need to know "
            "beforehand how much time there will be.",
        )
        increase_over(results, "stage", networks, optimal)
        best = ka.evaluation.oracle_curve(alone, best_so_far=True)
        increase_over(results, "cost", networks, best)
        everything = ka.evaluation.ensemble_curve(alone)
        networks["ensemble of all"] = ka.evaluation.aggregate([everything])
        doubling = ka.evaluation.ensemble_curve(alone, growth=2)
        if doubling.points != everything.points:
            name = "exponential ensemble"
            networks[name] = ka.evaluation.aggregate([doubling])
    if len(networks) > 1:
        results.add(
            "Error against cost",
            "curves",
            plot=lambda path: ka.evaluation.plots.plot_curves(
                networks, path, oracle=optimal
            ),
            text="All networks in one picture: at the same cost, the lower "
            "one is better.",
        )


def increase_over(results, by, networks, optimal):
    """By how many percent networks err more than the oracle."""
    import keras_anytime as ka
    from keras_anytime.evaluation.metrics import MILESTONES

    found = {
        name: one.relative_increase(optimal, by)
        for name, one in networks.items()
        if by == "cost" or len(one.mean.points) == len(optimal.points)
    }
    if not found:
        return
    rows = [
        {
            "network": name,
            **{f"percent_at_{by}_{key:g}": one.mean for key, one in of.items()},
            **{f"std_at_{by}_{key:g}": one.std for key, one in of.items()},
        }
        for name, of in found.items()
    ]
    # Where the oracle makes no error, an increase is infinite.
    drawable = all(
        math.isfinite(value.mean)
        for of in found.values()
        for value in of.values()
    )
    results.add(
        f"Relative increase of the error over the oracle, by {by}",
        f"increase_by_{by}",
        rows,
        (lambda path: ka.evaluation.plots.plot_relative_increase(found, path))
        if drawable
        else None,
        text="By how many percent a network errs more than the oracle "
        + ("with the same cost" if by == "cost" else "at the same stage")
        + ", with the standard deviation over runs in brackets.",
        display_rows=[
            {
                "network": name,
                **{
                    f"within {MILESTONES[key]} of the cost"
                    if by == "cost"
                    else f"at stage {key}": f"{one:.1f}"
                    for key, one in of.items()
                },
            }
            for name, of in found.items()
        ],
    )


def budgets(results, network, validation):
    """Budgeted classification, with thresholds from one half of the data."""
    import keras_anytime as ka

    if validation:
        validation = validation.predictions
        test = network.predictions
        text = f"thresholds were chosen on {FLAGS.validation_split}."
    else:
        half = network.predictions.examples // 2
        validation = network.predictions.part(slice(half))
        test = network.predictions.part(slice(half, None))
        text = (
            "thresholds were chosen on the first half of the examples, and "
            "errors measured on the second."
        )
    found = ka.evaluation.budget_curve(validation, test, network.costs)
    curve = ka.evaluation.curve_from_predictions(test, network.costs)
    results.add(
        "Budgeted classification",
        "budget",
        found,
        lambda path: found.plot(path, curve),
        text="Easy images stop at an early stage, so that harder ones get "
        f"more of a mean budget; {text}",
    )


def label_sets(results, network):
    """The error of each label set, and the finest that keep a wanted one."""
    import keras_anytime as ka

    found = ka.evaluation.HierarchicalCurve(network.curves)
    results.add(
        "Label sets",
        "label_sets",
        found,
        lambda path: found.plot(path, FLAGS.wanted_error),
        text="Coarse labels are right more often than fine ones: each stage's "
        "error in each set of labels.",
    )
    finest = enumerate(found.finest(FLAGS.wanted_error), start=1)
    results.add(
        f"Finest label set with an error of {FLAGS.wanted_error:.0%} at most",
        "finest",
        [{"stage": k, "label_set": name or "none"} for k, name in finest],
        text="What each stage can answer with, if it may err that often.",
    )


def timed_answers(results, networks):
    """Exports networks, and times them on this machine in turn."""
    from keras_anytime.experiments.runs import time_answers

    found = time_answers(
        networks,
        results.folder / "exports",
        networks[0].run.evaluation_data(FLAGS.split, FLAGS.images),
        FLAGS.repetitions,
    )
    rows = [row for one in found for row in one.latencies()]
    results.add(
        "Latency of the exported networks",
        "latency",
        rows,
        text="How long answers take: LiteRT on this machine; "
        f"{found[0].predictions.examples} images, and for each the median over "
        f"its answers (--repetitions={FLAGS.repetitions}), in turn.",
    )
    return found


def deadlines(results, timed, network, baseline, oracle):
    """Errors under deadlines of the schemes of Wan 2020."""
    import keras_anytime as ka

    found = ka.evaluation.simulate_deadlines(
        timed[network],
        [timed[one] for one in oracle],
        timed[baseline[0]] if baseline else None,
        numbers("deadlines_ms"),
    )
    results.add(
        "Errors under deadlines",
        "deadlines",
        found,
        found.plot,
        text="How often the last answer before a deadline is wrong, with the "
        "latencies measured above; where there is none, a guess counts.",
    )
    expected = [
        {
            "network": one.run.name,
            "expected_error": ka.evaluation.expected_error(
                timed[one], found.deadlines_ms, numbers("probabilities")
            ),
        }
        for one in [network, *baseline]
    ]
    results.add(
        "Expected error over these deadlines",
        "expected",
        expected,
        text="One number for each network: the mean over the deadlines, by "
        "how likely each is.",
        display_rows=[
            {**row, "expected_error": f"{row['expected_error']:.2%}"}
            for row in expected
        ],
    )


def priorities(results, networks, latency_ms):
    """Stage priorities of OSGD, and which is best for the deadlines."""
    import keras_anytime as ka
    from keras_anytime.evaluation.deadlines import default_deadlines

    when = numbers("deadlines_ms")
    when = when or default_deadlines(latency_ms[:, -1].mean())
    candidates = {
        network.run.priority: ka.evaluation.TimedPredictions(
            network.predictions.part(slice(len(latency_ms))), latency_ms
        )
        for network in networks
    }
    curves = {network.run.priority: network.curve for network in networks}
    results.add(
        "Stage priorities",
        "priorities",
        ka.evaluation.best_priority(candidates, when, numbers("probabilities")),
        lambda path: ka.evaluation.plots.plot_priorities(curves, path),
        text="Which stages OSGD favors, and the errors to expect with "
        "deadlines of "
        + ", ".join(f"{one:.3f}" for one in when if math.isfinite(one))
        + (" ms or none." if math.inf in when else " ms."),
    )


def training(results, folder):
    """How training went, where the run wrote it down."""
    import keras_anytime as ka

    for title, name, draw, text in (
        (
            "Errors while training",
            "history",
            ka.evaluation.plots.plot_history,
            "How the error of each stage fell, epoch by epoch.",
        ),
        (
            "Weights of the losses",
            "weights",
            ka.evaluation.plots.plot_loss_weights,
            "How much each stage counted in training, epoch by epoch.",
        ),
        (
            "Cosines of gradients",
            "cosines",
            ka.evaluation.plots.plot_cosines,
            "Whether two stages pulled the weights the same way: below 0, "
            "what helps one harms the other.",
        ),
    ):
        path = folder / f"{name}.csv"
        if path.exists():
            results.add(
                title,
                name,
                plot=lambda place, draw=draw, path=path: draw(path, place),
                text=text,
            )


if __name__ == "__main__":
    app.run(main)
