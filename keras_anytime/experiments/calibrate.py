"""Calibration of the constant C of NormSGD and OSGD-Norm."""

import json
import math
import statistics
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras import backend

from keras_anytime.callbacks import ChanceError
from keras_anytime.callbacks.epoch_file import read_epochs
from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation.provenance import provenance
from keras_anytime.evaluation.tables import as_table
from keras_anytime.experiments import command_line
from keras_anytime.experiments.queue_settings import CalibrationSettings
from keras_anytime.experiments.results_folder import results_folder
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.experiments.train import train
from keras_anytime.experiments.train_settings import TrainSettings
from keras_anytime.files import user_path
from keras_anytime.files import write_json
from keras_anytime.files import write_text

_SET_HERE = ("workdir", "seed", "gradients", "gradients_arguments")


def calibrate(
    settings: CalibrationSettings, arguments: Sequence[str] = ()
) -> dict[str, float]:
    """Trains with each scale, and chooses the one with the lowest errors.

    Writes the choice and all runs to `calibration.json`, and for each combiner
    a flag file with its arguments. Finished trainings are not repeated.

    Args:
        settings: The settings of the calibration.
        arguments: Sequence of strings. Flags of train.py for all trainings.

    Returns:
        Dict from the combiners to the chosen scales.

    Raises:
        ValueError: If a setting or an argument is wrong.
        OSError: If the folder cannot be written.
        RuntimeError: If no scale trains the network.
    """
    settings.check()
    workdir = results_folder(settings.workdir, "calibration.json")
    trainings = [
        (combiner, scale, _train_settings(settings, combiner, scale, seed, row))
        for row in [_row_settings(arguments)]
        for seed in settings.seeds
        for combiner in settings.combiners
        for scale in settings.scales
    ]
    runs = []
    for combiner, scale, training in trainings:
        print(f"{combiner}, C = {scale}, seed {training.seed}", flush=True)
        run = _finished(training) or _trained(training)
        runs.append({"combiner": combiner, "scale": float(scale), **run})
        # Trainings leave graphs in the memory of Keras.
        backend.clear_session()
    print(calibration_table(runs))
    chosen = choose(runs)
    write_json(
        workdir / "calibration.json",
        {
            **provenance(),
            "arguments": list(arguments),
            "chosen": chosen,
            "runs": runs,
        },
    )
    for combiner in settings.combiners:
        _report_choice(combiner, chosen.get(combiner), runs)
        if combiner in chosen:
            write_text(
                workdir / f"{combiner}.flags",
                _flag_file(combiner, chosen[combiner]),
            )
    if not chosen:
        raise RuntimeError(
            "No scale trains the network: see above, and try smaller --scales, "
            "more epochs, or a lower learning rate."
        )
    return chosen


def choose(runs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Returns the scale with the lowest mean error of the stages.

    Args:
        runs: Sequence of dicts with `combiner`, `scale`, and `curve`, which is
            `None` if the training failed.

    Returns:
        Dict from combiners to scales. A combiner is missing if all of its
        scales failed, or are at chance.
    """
    chosen = {}
    for combiner in {run["combiner"]: None for run in runs}:
        errors = {
            scale: statistics.mean(_mean_error(run) for run in of_scale)
            for scale, of_scale in _by_scale(runs, combiner).items()
            if not any(_learned_nothing(run) for run in of_scale)
        }
        if errors:
            chosen[combiner] = min(errors, key=lambda scale: errors[scale])
    return chosen


def calibration_table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Returns final training losses and errors of each run as text.

    Args:
        runs: As for `choose`, with `seed`, `losses` and `failure` too.
    """
    rows = []
    for run in runs:
        row = {
            "combiner": run["combiner"],
            "C": f"{run['scale']:g}",
            "seed": run["seed"],
        }
        if run["curve"] is None:
            row |= {"training loss": "failed", "error %": "", "mean %": ""}
        else:
            points = run["curve"]["points"]
            errors = [100 * point["top1_error"] for point in points]
            chance = " (chance)" if _learned_nothing(run) else ""
            row |= {
                "training loss": " ".join(f"{x:.2f}" for x in run["losses"]),
                "error %": " ".join(f"{error:.1f}" for error in errors),
                "mean %": f"{statistics.mean(errors):.1f}{chance}",
            }
        rows.append(row)
    return "\n".join(as_table(rows))


def _row_settings(arguments):
    """Returns the settings of the row, without those that are set here."""
    try:
        row = command_line.parse(TrainSettings, [*arguments, "--workdir=."])
    except ValueError as error:
        raise ValueError(f"flags of train.py: {error}") from error
    if row.greedy or row.midfeat:
        raise ValueError(
            "Trainings without a combiner have no scale. Received: --greedy "
            "or --midfeat"
        )
    return {
        field.name: getattr(row, field.name)
        for field in row.flags()
        if field.name not in _SET_HERE
    }


def _train_settings(settings, combiner, scale, seed, row):
    """Returns the settings of one training."""
    name = f"{combiner}_{scale}_seed_{seed}"
    return TrainSettings(
        **row,
        gradients=combiner,
        gradients_arguments=_combiner_arguments(combiner, float(scale)),
        seed=int(seed),
        workdir=str(user_path(settings.workdir) / name),
    )


def _combiner_arguments(combiner, scale):
    normalize = {} if combiner == "normalized" else {"normalize": True}
    return json.dumps({**normalize, "scale": scale})


def _trained(training):
    """Trains, and returns what is kept of the run."""
    try:
        train(training)
    except (FloatingPointError, ChanceError) as error:
        print(f"It failed: {error}", flush=True)
        return {
            "seed": training.seed,
            "flags": training.to_dict(),
            "failure": str(error),
            "losses": None,
            "curve": None,
        }
    return _finished(training)


def _finished(training):
    """Returns what is kept of a finished run, `None` if there is none."""
    folder = RunFolder(training.workdir)
    if not folder.results.exists():
        return None
    folder.check_settings(training.compared(), training.defaults())
    results = folder.read_results()
    last = read_epochs(folder.history)[-1]
    stages = [point["stage"] for point in results["curve"]["points"]]
    return {
        "seed": training.seed,
        "flags": results["flags"],
        "minutes": results["minutes"],
        "failure": None,
        "losses": [float(last[f"stage_{stage}_loss"]) for stage in stages],
        "curve": results["curve"],
    }


def _by_scale(runs, combiner):
    """Returns a dict from the scales of a combiner to their runs."""
    by_scale: dict[float, list[Mapping[str, Any]]] = {}
    for run in runs:
        if run["combiner"] == combiner:
            by_scale.setdefault(run["scale"], []).append(run)
    return by_scale


def _mean_error(run):
    return AnytimeCurve.from_dict(run["curve"]).average_error


def _learned_nothing(run):
    """Whether a training failed, or its last stage may be guessing."""
    if run["curve"] is None:
        return True
    curve = run["curve"]
    guess = 1 - 1 / curve["classes"]
    deviation = math.sqrt(guess * (1 - guess) / curve["examples"])
    return curve["points"][-1]["top1_error"] > guess - 3 * deviation


def _report_choice(combiner, scale, runs):
    """Prints which scale was chosen, and whether others should be tried."""
    if scale is None:
        print(f"{combiner}: no scale trains the network.")
        return
    scales = sorted(_by_scale(runs, combiner))
    at_the_end = len(scales) > 1 and scale in (scales[0], scales[-1])
    advice = ", at the end of --scales: try more there" if at_the_end else ""
    print(f"{combiner}: C = {scale:g}{advice}.")


def _flag_file(combiner, scale):
    return (
        "# Written by recipes/calibrate.py; see calibration.json.\n"
        f"--gradients={combiner}\n"
        f"--gradients_arguments={_combiner_arguments(combiner, scale)}\n"
    )
