"""A queue of trainings: the rows of a paper's table or figure."""

import dataclasses
import itertools
import os
import sys
from collections.abc import Sequence
from typing import Any

from keras_anytime.callbacks import ChanceError
from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation import aggregate
from keras_anytime.experiments import command_line
from keras_anytime.experiments import papers
from keras_anytime.experiments.collecting.columns import measure
from keras_anytime.experiments.collecting.columns import stage_column
from keras_anytime.experiments.concurrency import Training
from keras_anytime.experiments.concurrency import cores_to_share
from keras_anytime.experiments.concurrency import run_concurrently
from keras_anytime.experiments.papers.experiment import Row
from keras_anytime.experiments.papers.protocol import flag_lines
from keras_anytime.experiments.papers.protocol import with_scale
from keras_anytime.experiments.papers.smoke import smoke_settings
from keras_anytime.experiments.papers.text import published
from keras_anytime.experiments.queue_results import QueueResults
from keras_anytime.experiments.queue_settings import QueueSettings
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.experiments.settings import check_seeds
from keras_anytime.experiments.train_settings import TrainSettings
from keras_anytime.files import user_path

# After so many failures of trainings that ran alone, the cause is one that all
# trainings have.
_MAX_FAILURES = 3
# The papers' rows have 60 epochs or more. In a quick trial, a share of fewer is
# a few training steps, after which a loss tells nothing.
_LEAST_EPOCHS_TO_GIVE_UP = 30


class Queue:
    """A queue of trainings, each of one row with one seed.

    Args:
        settings: The settings of the queue.
        train_script: Path of recipes/train.py.
        arguments: Sequence of strings. Further flags of train.py for all rows.

    Raises:
        ValueError: If a setting is wrong, or the results file is damaged or
            has runs with other flags.
        OSError: If the results file cannot be written.
    """

    def __init__(
        self,
        settings: QueueSettings,
        train_script: str | os.PathLike,
        arguments: Sequence[str] = (),
    ) -> None:
        self.settings = settings
        self.experiment = papers.find(settings.experiment)
        if not settings.workdir:
            raise ValueError("--workdir must name a folder. Received: nothing")
        self.workdir = user_path(settings.workdir)
        self._train_script = str(train_script)
        self._arguments = list(arguments)
        self._train_settings: dict[Training, TrainSettings] = {}
        self._rows_and_seeds = self._trainings()
        self._results = QueueResults(
            settings.results or self.workdir / f"{settings.experiment}.json",
            self._kept_flags(),
        )
        self._runs = self._results.read()

    def run(self) -> list[str]:
        """Trains what is left, adds the results, and prints the table.

        Returns:
            List of the names of trainings that have failed.
        """
        # Runs of one network differ by their seeds, and share compiled steps.
        compiled = (self.workdir / "compiled").resolve()
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(compiled))
        kept = {(run["row"], run["seed"]) for run in self._runs}
        left = []
        num_at_chance = 0
        for training, (row, seed) in self._rows_and_seeds.items():
            if (row.name, seed) in kept:
                continue
            # Another experiment may have trained the row.
            if self._is_finished(training):
                self._keep(training, None)
            elif self._gave_up(training):
                num_at_chance += 1
                print(
                    f"{training.name}: gave up before, at chance; "
                    f"delete {training.folder} to train it anew, or use "
                    "another --give_up_after or --scale."
                )
            else:
                left.append(training)
        total = len(self._rows_and_seeds)
        num_done = total - len(left) - num_at_chance
        print(f"{num_done} of {total} runs are done.", flush=True)
        if left:
            print(
                f"The first is {left[0].name}; each run writes what it does "
                f"to log.txt, this one in {left[0].folder}.",
                flush=True,
            )
        failed = self._train(left)
        print(self.table())
        return failed

    def table(self) -> str:
        """Returns a line for each row that has results."""
        rows = {row.name: row for row, _ in self._rows_and_seeds.values()}
        lines = []
        for row in rows.values():
            curves = [
                AnytimeCurve.from_dict(run["curve"])
                for run in self._runs
                if run["row"] == row.name
            ]
            if curves:
                seeds = "1 seed" if len(curves) == 1 else f"{len(curves)} seeds"
                lines.append(f"{row.name}, {seeds}: {compare(row, curves)}")
        return "\n".join(lines) or "No row is finished yet."

    def _train(self, trainings: Sequence[Training]) -> list[str]:
        """Trains, and returns the names of trainings that have failed."""
        failed = []
        failures_alone = 0
        for training, status, concurrent in run_concurrently(
            trainings,
            60 * self.settings.minutes,
            self.settings.at_a_time or None,
            cores=cores_to_share(),
        ):
            if status is None:
                print(
                    f"{training.name}: stopped, to go on next time", flush=True
                )
            elif status:
                failed.append(training.name)
                gave_up = status == ChanceError.exit_status
                # Others that ran beside it could be the cause.
                failures_alone += concurrent == 1 and not gave_up
                log = training.folder / "log.txt"
                text = log.read_text(errors="replace").strip()
                last_line = " ".join(text.splitlines()[-1:])
                what = "gave up" if gave_up else "failed"
                print(f"{training.name}: {what}; see {log}: {last_line}")
                if failures_alone == _MAX_FAILURES:
                    print(
                        f"{_MAX_FAILURES} runs in a row failed: no more are "
                        "started."
                    )
                    break
            else:
                failures_alone = 0
                row, _ = self._rows_and_seeds[training]
                curve = self._keep(training, concurrent)
                print(f"{training.name}: {compare(row, [curve])}", flush=True)
        return failed

    def _trainings(self) -> dict[Training, tuple[Row, int]]:
        """Returns a dict from trainings to their rows and seeds, in order."""
        rows = {row.name: row for row in self.experiment.rows}
        names = self.settings.rows or list(rows)
        unknown = [name for name in names if name not in rows]
        if unknown:
            raise ValueError(
                f"--rows must be rows of {self.experiment.name}: "
                f"recipes/show_experiment.py --experiment="
                f"{self.experiment.name} lists them. "
                f"Received: {', '.join(unknown)}"
            )
        seeds = self.settings.seeds or [
            str(seed) for seed in range(1, self.experiment.seeds + 1)
        ]
        check_seeds(seeds)
        trainings = {}
        # Rows of one network that follow each other are compared, so that they
        # are trained seed by seed.
        for _, group in itertools.groupby(
            (rows[name] for name in names), lambda row: row.labels["net"]
        ):
            of_network = list(group)
            for seed in map(int, seeds):
                for row in of_network:
                    trainings[self._training(row, seed)] = row, seed
        return trainings

    def _training(self, row: Row, seed: int) -> Training:
        """Returns the training of one row with one seed."""
        folder = self.workdir / f"{row.name}_seed_{seed}"
        settings = with_scale(row.settings, self.settings.scale)
        if self.settings.smoke:
            settings = smoke_settings(settings, self.workdir / "smoke")
        flags = [
            *flag_lines(settings),
            "--drop_remainder",
            "--checkpoint_every=10",
            *self._arguments,
            f"--seed={seed}",
            f"--workdir={folder}",
        ]
        # Wrong flags are found before the first training.
        parsed = command_line.parse(TrainSettings, flags)
        if (
            parsed.epochs >= _LEAST_EPOCHS_TO_GIVE_UP
            and "give_up_after" not in parsed.given
        ):
            share = self.settings.give_up_after
            flags.append(f"--give_up_after={share}")
            parsed = dataclasses.replace(parsed, give_up_after=share)
        command = (sys.executable, self._train_script, *flags)
        training = Training(f"{row.name}, seed {seed}", command, folder)
        self._train_settings[training] = parsed
        return training

    def _kept_flags(self) -> list[str]:
        """Returns what all runs of a results file have in common.

        How long a run may stay at chance and how often it is saved change no
        result.
        """
        queue = self.settings
        return [
            "--drop_remainder",
            *([] if queue.scale is None else [f"--scale={queue.scale}"]),
            *(["--smoke"] if queue.smoke else []),
            *self._arguments,
        ]

    def _is_finished(self, training: Training) -> bool:
        """Whether the folder has the results of a run with these flags."""
        folder = RunFolder(training.folder)
        if not folder.results.is_file():
            return False
        settings = self._train_settings[training]
        # A run that is older than a setting was trained with its default.
        kept = {**settings.defaults(), **folder.read_results()["flags"]}
        return all(
            kept[name] == value for name, value in settings.compared().items()
        )

    def _gave_up(self, training: Training) -> bool:
        """Whether the run was at chance where it would be stopped again."""
        after = RunFolder(training.folder).gave_up_after()
        wanted = self._train_settings[training].give_up_after
        return after is not None and after == wanted

    def _keep(self, training: Training, concurrent: int | None) -> AnytimeCurve:
        """Adds a finished run to the results file, and returns its curve."""
        row, seed = self._rows_and_seeds[training]
        folder = RunFolder(training.folder)
        run: dict[str, Any] = {
            "row": row.name,
            "published": dict(row.published),
            # Minutes of concurrent runs are not those of one alone.
            "at_a_time": concurrent,
            **folder.read_results(),
            "curve": folder.read_curve(),
            "seed": seed,
        }
        self._runs = self._results.add(run)
        return AnytimeCurve.from_dict(run["curve"])


def compare(row: Row, curves: Sequence[AnytimeCurve]) -> str:
    """Returns the mean errors of runs of one row in %, beside the paper's.

    Args:
        row: The row. Without published numbers, the columns are the stages.
        curves: The curves of its runs.
    """
    mean = aggregate(curves).mean
    columns = row.published or [
        stage_column(point.stage) for point in mean.points
    ]
    text = ", ".join(
        f"{column}: {value:.1f}"
        for column in columns
        if (value := measure(mean, column)) is not None
    )
    return f"{text} | paper {published(row)}" if row.published else text
