"""Run folders with made-up results, for the tests of what is collected."""

import dataclasses
import json

from keras_anytime.experiments.papers.experiment import Experiment
from keras_anytime.experiments.papers.experiment import Row
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.experiments.train_settings import TrainSettings
from tests.evaluation.examples import curve

# Four stages at the milestones of the cost.
MACS = (25, 50, 75, 100)


def row(published=(), deviations=(), settings=(), **labels):
    """A row of an experiment with these labels."""
    return Row(labels, dict(settings), dict(published), dict(deviations))


def experiment(rows, report, options=(), published=(), name="paper_table1"):
    """An experiment that a test builds."""
    return Experiment(
        name,
        "A table",
        tuple(rows),
        report,
        options=dict(options),
        published=dict(published),
    )


def record(workdir, row, errors, seed=1, macs=None, curves=None, **overrides):
    """Writes the results of a run, and returns its `RunFolder`."""
    folder = RunFolder(workdir / f"{row.name}_seed_{seed}")
    settings = {**TrainSettings.defaults(), **row.settings, **overrides}
    folder.write_results(
        {"hardware": "a machine", "commit": "abc", "versions": {"keras": "3"}},
        settings={**settings, "seed": seed},
        seed=seed,
        minutes=2.0,
        curve=_content(errors, macs),
        curves=curves
        and {name: _content(of_set, macs) for name, of_set in curves.items()},
    )
    return folder


def write_results_file(path, runs):
    """Writes rows and their `RunFolder`s as a queue keeps them."""
    kept = [
        {"row": row.name, "at_a_time": 1, **folder.read_results()}
        for row, folder in runs
    ]
    path.write_text(json.dumps({"arguments": [], "runs": kept}))
    return path


def _content(errors, macs=None):
    made = curve(macs or MACS[: len(errors)], errors)
    return dataclasses.replace(made, examples=1000).to_dict()
