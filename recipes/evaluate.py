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
import sys

from absl import app
from absl import flags
from absl import logging

FLAGS = flags.FLAGS
flags.DEFINE_list("runs", [], "Runs of one training, one for each seed.")
flags.DEFINE_list("against", [], "Runs of another, with the same seeds.")
flags.DEFINE_list("oracle", [], "Runs of separate networks, smallest first.")
flags.DEFINE_string("baseline", None, "Run of another anytime network.")
flags.DEFINE_list(
    "priorities", [], "Runs of the same network with other stage priorities."
)
flags.DEFINE_string(
    "output", None, "Folder to write to; else `evaluation` in the first run's."
)
flags.DEFINE_string("split", None, "Data to measure on; else the runs' own.")
flags.DEFINE_string(
    "data_dir", None, "Folder of prepared TFDS data; else TFDS_DATA_DIR."
)
flags.DEFINE_integer(
    "images", 200, "Images to time the networks on.", lower_bound=1
)
flags.DEFINE_integer(
    "repetitions", 5, "Times that each of them is answered.", lower_bound=1
)
flags.DEFINE_list(
    "deadlines_ms",
    [],
    "Deadlines to simulate, 'inf' for none; else Wan 2020's.",
)
flags.DEFINE_list(
    "probabilities", [], "How likely each deadline is; else all the same."
)
flags.DEFINE_float(
    "wanted_error", 0.5, "Of networks with label sets: the error to keep."
)


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Unexpected arguments: {argv[1:]}")
    logging.set_verbosity(logging.WARNING)
    try:
        evaluate()
    except (ValueError, ImportError, OSError) as error:
        sys.exit(f"evaluate.py: {error}")


def evaluate():
    """Checks the flags, measures all networks and writes everything."""
    if not FLAGS.runs:
        raise ValueError("--runs must name folders of runs. Received: none")
    distribution = numbers("deadlines_ms"), numbers("probabilities")
    import keras_anytime as ka
    from keras_anytime.runs import Run

    runs, against, oracle, priorities = (
        [Run(folder) for folder in FLAGS[name].value]
        for name in ("runs", "against", "oracle", "priorities")
    )
    baseline = [Run(FLAGS.baseline)] if FLAGS.baseline else []
    check_data([*runs, *against, *oracle, *priorities, *baseline])

    folder = FLAGS.output or runs[0].folder / "evaluation"
    results = ka.evaluation.Results(folder, runs[0].name)
    runs, against, oracle, priorities, baseline = (
        [run.measured(FLAGS.data_dir, FLAGS.split) for run in group]
        for group in (runs, against, oracle, priorities, baseline)
    )
    one_training(results, runs)
    if against:
        two_trainings(results, runs, against)
    several_networks(results, [runs, against, baseline], oracle)
    if runs[0].predictions.num_stages > 1:
        budgets(results, runs[0])
    if runs[0].run.model.label_sets:
        label_sets(results, runs[0])
    if oracle or priorities:
        networks = [runs[0], *baseline, *oracle]
        timed = dict(
            zip(networks, timed_answers(results, networks), strict=True)
        )
    if oracle:
        deadlines(results, timed, runs[0], baseline, oracle, *distribution)
    if priorities:
        latency_ms = timed[runs[0]].latency_ms
        compared(results, [runs[0], *priorities], latency_ms, *distribution)
    training(results, runs[0].run.folder)
    results.report.add("Flags of the run", rows=runs[0].run.settings)
    print(f"\nReport: {results.write_report()}")


def numbers(name):
    """Returns a list flag as floats, `None` if it is empty."""
    values = FLAGS[name].value
    try:
        return [float(value) for value in values] or None
    except ValueError as error:
        raise ValueError(
            f"--{name} must be numbers. Received: {','.join(values)}"
        ) from error


def check_data(runs):
    """Raises a `ValueError` if runs were measured on different data."""
    found = {
        f"{run.settings['data']} {FLAGS.split or run.settings['eval_split']}"
        for run in runs
    }
    if len(found) > 1:
        raise ValueError(
            "All runs must be measured on the same data; name it with --split. "
            f"Received: runs on {sorted(found)}"
        )


def one_training(results, networks):
    """The anytime curve; of several seeds with mean and spread."""
    import keras_anytime as ka

    curve = networks[0].curve
    results.add("Anytime curve", "curve", curve, curve.plot)
    if len(networks) > 1:
        seeds = ka.evaluation.aggregate([one.curve for one in networks])
        results.add("Mean over seeds", "seeds", seeds, seeds.mean.plot)


def two_trainings(results, networks, others):
    """One training against another, seed by seed."""
    import keras_anytime as ka

    found = ka.evaluation.compare(
        [one.curve for one in networks],
        [one.curve for one in others],
        (networks[0].run.name, others[0].run.name),
    )
    results.add("Paired comparison of two trainings", "comparison", found)


def several_networks(results, groups, oracle):
    """Error against cost of all networks, and what they lose to the oracle."""
    import keras_anytime as ka

    networks = {
        group[0].run.name: ka.evaluation.aggregate([one.curve for one in group])
        for group in groups
        if group
    }
    optimal = None
    if oracle:
        alone = [one.curve for one in oracle]
        optimal = ka.evaluation.oracle_curve(alone)
        results.add("Oracle", "oracle", optimal)
        increase_over(results, "stage", networks, optimal)
        for growth, kind in ((None, "linear"), (2, "exponential")):
            ensemble = ka.evaluation.ensemble_curve(alone, growth)
            networks[f"{kind} ensemble"] = ka.evaluation.aggregate([ensemble])
        increase_over(results, "cost", networks, optimal)
    if len(networks) > 1:
        results.add(
            "Error against cost",
            "curves",
            plot=lambda path: ka.evaluation.plot_curves(
                networks, path, oracle=optimal
            ),
            text="Intervals are over seeds where there are several, else over "
            "examples.",
        )


def increase_over(results, by, networks, optimal):
    """By how many percent networks err more than the oracle."""
    import keras_anytime as ka

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
        }
        for name, of in found.items()
    ]
    # Where the oracle makes no error, an increase is infinite.
    drawable = all(
        math.isfinite(one.mean) for of in found.values() for one in of.values()
    )
    results.add(
        f"Relative increase of the error over the oracle, by {by}",
        f"increase_by_{by}",
        rows,
        drawable
        and (lambda path: ka.evaluation.plot_relative_increase(found, path)),
    )


def budgets(results, network):
    """Budgeted classification, with thresholds from one half of the data."""
    import keras_anytime as ka

    half = network.predictions.examples // 2
    found = ka.evaluation.budget_curve(
        network.predictions.part(slice(half)),
        network.predictions.part(slice(half, None)),
        network.costs,
    )
    results.add(
        "Budgeted classification",
        "budget",
        found,
        lambda path: ka.evaluation.plot_budget(found, path, network.curve),
        "Thresholds were chosen on the first half of the examples, and errors "
        "measured on the second.",
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
        f"Finest label set with an error of {FLAGS.wanted_error:.0%} at most, "
        f"stage by stage: {found.finest(FLAGS.wanted_error)}.",
    )


def timed_answers(results, networks):
    """Exports networks, and times them on this machine in turn."""
    import numpy as np

    import keras_anytime as ka

    data = networks[0].run.evaluation_data(
        FLAGS.data_dir, FLAGS.split, FLAGS.images
    )
    images, labels = next(data.as_numpy_iterator())
    if isinstance(labels, dict):
        labels = labels[networks[0].run.model.label_sets[0]]
    predictors = {}
    for index, network in enumerate(networks):
        name = f"{index}_{network.run.name}"
        path = results.folder / "exports" / f"{name}.tflite"
        about = network.run.info(FLAGS.data_dir)
        ka.export.tflite(
            network.run.model,
            path,
            curve=network.curve,
            class_names=about.class_names,
            preprocessing=about.preprocessing,
        )
        predictors[name] = ka.runtime.AnytimePredictor(path)
    measured = ka.runtime.measure_answers(predictors, images, FLAGS.repetitions)
    for predictor in predictors.values():
        predictor.close()
    rows = [
        {
            "network": name,
            "stage": stage,
            "mean_ms": times.mean(),
            "median_ms": np.median(times),
            "percentile_99_ms": np.percentile(times, 99),
        }
        for name, one in measured.items()
        for stage, times in enumerate(one.latency_ms.T, start=1)
    ]
    results.add(
        "Latency of the exported networks",
        "latency",
        rows,
        text=f"LiteRT on this machine, {len(images)} images, for each the "
        f"median of {FLAGS.repetitions} answers; the networks took turns.",
    )
    return [
        ka.evaluation.TimedPredictions.of(one, labels, network.run.name)
        for one, network in zip(measured.values(), networks, strict=True)
    ]


def deadlines(results, timed, network, baseline, oracle, when, probabilities):
    """Errors under deadlines of the schemes of Wan 2020."""
    import keras_anytime as ka

    found = ka.evaluation.simulate_deadlines(
        timed[network],
        [timed[one] for one in oracle],
        timed[baseline[0]] if baseline else None,
        when,
    )
    expected = "; ".join(
        f"{one.run.name} "
        + format(
            ka.evaluation.expected_error(
                timed[one], found.deadlines_ms, probabilities
            ),
            ".1%",
        )
        for one in [network, *baseline]
    )
    results.add(
        "Errors under deadlines",
        "deadlines",
        found,
        found.plot,
        f"Expected error over these deadlines: {expected}.",
    )


def compared(results, networks, latency_ms, when, probabilities):
    """Stage priorities of OSGD, and which is best for the deadlines."""
    import json

    import keras_anytime as ka

    if when is None:
        when = latency_ms.mean(axis=0).tolist()
    inputs = slice(len(latency_ms))
    curves, candidates = {}, {}
    for network in networks:
        arguments = json.loads(network.run.settings["gradients_arguments"])
        stages = range(1, network.predictions.num_stages + 1)
        priority = tuple(arguments.get("priority") or stages)
        curves[priority] = network.curve
        candidates[priority] = ka.evaluation.TimedPredictions(
            network.predictions.part(inputs), latency_ms
        )
    results.add(
        "Stage priorities",
        "priorities",
        ka.evaluation.best_priority(candidates, when, probabilities),
        lambda path: ka.evaluation.plot_priorities(curves, path),
        "Expected errors over deadlines of "
        + ", ".join(f"{one:.3f}" for one in when)
        + " ms.",
    )


def training(results, folder):
    """How training went, where the run wrote it down."""
    import keras_anytime as ka

    for title, name, draw in (
        ("Errors while training", "history", ka.evaluation.plot_history),
        ("Weights of the losses", "weights", ka.evaluation.plot_loss_weights),
        ("Cosines of gradients", "cosines", ka.evaluation.plot_cosines),
    ):
        path = folder / f"{name}.csv"
        if path.exists():
            results.add(
                title,
                name,
                plot=lambda place, draw=draw, path=path: draw(path, place),
            )


if __name__ == "__main__":
    app.run(main)
