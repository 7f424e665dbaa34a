"""A queue of trainings: the rows of Tables 1 and 2 of Wan 2020."""

import itertools
import os
import pathlib
import re
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation import aggregate
from keras_anytime.experiments.concurrency import Training
from keras_anytime.experiments.concurrency import run_concurrently
from keras_anytime.experiments.queue_results import QueueResults
from keras_anytime.experiments.queue_settings import ROWS
from keras_anytime.experiments.queue_settings import QueueSettings
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.experiments.settings import check_seeds
from keras_anytime.files import user_path

_PREFIX = "wan2020_"
# After so many failures of trainings that ran alone, the cause is one that all
# trainings have.
_MAX_FAILURES = 3


class Queue:
    """A queue of trainings, each of one row with one seed.

    Args:
        settings: The settings of the queue.
        recipes: Path of the folder with `train.py` and `flags/`.
        arguments: Sequence of strings. Further flags of train.py for all rows.

    Raises:
        ValueError: If a setting is wrong, or the results file is damaged or
            has runs with other flags.
        OSError: If the results file cannot be written.
    """

    def __init__(
        self,
        settings: QueueSettings,
        recipes: pathlib.Path,
        arguments: Sequence[str] = (),
    ) -> None:
        self.settings = settings
        self._recipes = recipes
        self._arguments = list(arguments)
        self._rows_and_seeds = self._trainings()
        self._results = QueueResults(settings.results, self._arguments)
        self._runs = self._results.read()

    def run(self) -> list[str]:
        """Trains what is left, adds the results, and prints the table.

        Returns:
            List of the names of trainings that have failed.
        """
        # Runs of one network differ by their seeds, and share compiled steps.
        compiled = (user_path(self.settings.workdir) / "compiled").resolve()
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(compiled))
        finished = {(run["row"], str(run["seed"])) for run in self._runs}
        trainings = [
            training
            for training, row_and_seed in self._rows_and_seeds.items()
            if row_and_seed not in finished
        ]
        total = len(self._rows_and_seeds)
        print(f"{total - len(trainings)} of {total} runs are done.")
        failed = self._train(trainings)
        print(self.table())
        return failed

    def table(self) -> str:
        """Returns a line for each row that has results."""
        lines = []
        for row in self.settings.rows:
            runs = [run for run in self._runs if run["row"] == row]
            if runs:
                lines.append(f"{row}, {len(runs)} seeds: {compare_runs(runs)}")
        return "\n".join(lines) or "No row is finished yet."

    def _train(self, trainings: Sequence[Training]) -> list[str]:
        """Trains, and returns the names of trainings that have failed."""
        failed = []
        failures_alone = 0
        for training, status, concurrent in run_concurrently(
            trainings,
            60 * self.settings.minutes,
            self.settings.at_a_time or None,
        ):
            if status is None:
                print(
                    f"{training.name}: stopped, to go on next time", flush=True
                )
            elif status:
                failed.append(training.name)
                # Others that ran beside it could be the cause.
                failures_alone += concurrent == 1
                log = training.folder / "log.txt"
                text = log.read_text(errors="replace").strip()
                last_line = " ".join(text.splitlines()[-1:])
                print(f"{training.name}: failed; see {log}: {last_line}")
                if failures_alone == _MAX_FAILURES:
                    print(
                        f"{_MAX_FAILURES} runs in a row failed: no more are "
                        "started."
                    )
                    break
            else:
                failures_alone = 0
                run = self._finished_run(training, concurrent)
                self._runs = self._results.add(run)
                print(f"{training.name}: {compare_runs([run])}", flush=True)
        return failed

    def _trainings(self) -> dict[Training, tuple[str, str]]:
        """Returns a dict from trainings to their rows and seeds, in order."""
        settings = self.settings
        if not settings.workdir:
            raise ValueError("--workdir must name a folder. Received: nothing")
        unknown = [row for row in settings.rows if row not in ROWS]
        if unknown:
            raise ValueError(
                f"--rows must be of {', '.join(ROWS)}. "
                f"Received: {', '.join(unknown)}"
            )
        check_seeds(settings.seeds)
        trainings = {}
        # Rows of one network that follow each other are compared, so that they
        # are trained seed by seed.
        for _, network_rows in itertools.groupby(settings.rows, _network):
            rows = list(network_rows)
            for seed in settings.seeds:
                for row in rows:
                    trainings[self._training(row, seed)] = row, seed
        return trainings

    def _training(self, row: str, seed: str) -> Training:
        """Returns the training of one row with one seed."""
        folder = user_path(self.settings.workdir) / f"{row}_seed_{seed}"
        command = (
            sys.executable,
            str(self._recipes / "train.py"),
            f"--flagfile={self._flag_file(row)}",
            "--drop_remainder",
            "--checkpoint_every=10",
            *self._arguments,
            f"--seed={seed}",
            f"--workdir={folder}",
        )
        return Training(f"{row}, seed {seed}", command, folder)

    def _finished_run(
        self, training: Training, concurrent: int
    ) -> dict[str, Any]:
        """Returns what the results file keeps of a finished training."""
        row, seed = self._rows_and_seeds[training]
        return {
            "row": row,
            "paper": paper_errors(self._flag_file(row).read_text()),
            # Minutes of concurrent runs are not those of one alone.
            "at_a_time": concurrent,
            **RunFolder(training.folder).read_results(),
            "seed": int(seed),
        }

    def _flag_file(self, row: str) -> pathlib.Path:
        return self._recipes / "flags" / f"{_PREFIX}{row}.flags"


def paper_errors(flag_file: str) -> list[dict[str, float]]:
    """Returns the errors that the comments of a flag file give for the paper.

    Args:
        flag_file: String. The text of the file.

    Returns:
        List of dicts, one for each stage, with `error` and `deviation` in %.
    """
    comments = " ".join(
        line.lstrip("# ")
        for line in flag_file.splitlines()
        if line.startswith("#")
    )
    return [
        {"error": float(error), "deviation": float(deviation)}
        for error, deviation in re.findall(
            r"(\d+\.\d+) \((\d+\.\d+)\)", comments
        )
    ]


def compare_runs(runs: Sequence[Mapping[str, Any]]) -> str:
    """Returns the mean errors of runs of one row, beside the paper's.

    Args:
        runs: Sequence of dicts, as in the results file.
    """
    curves = [AnytimeCurve.from_dict(run["curve"]) for run in runs]
    ours = [f"{error:.1%}" for error in aggregate(curves).at_stages()]
    papers = [
        f"{stage['error']} ({stage['deviation']})" for stage in runs[0]["paper"]
    ]
    return f"{', '.join(ours)} | paper {', '.join(papers)}"


def _network(row: str) -> str:
    """Returns the network of a row."""
    return row.rpartition("_")[0]
