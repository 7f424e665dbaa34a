"""Finished runs: their networks, data and answers, and checks of several."""

import dataclasses
import functools
import json
import os
from collections.abc import Sequence
from typing import Any

from keras_anytime import data
from keras_anytime import evaluation
from keras_anytime import gradients
from keras_anytime.data.info import DatasetInfo
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.experiments.train_settings import MAY_DIFFER
from keras_anytime.experiments.train_settings import TrainSettings
from keras_anytime.experiments.training_data import load_arguments
from keras_anytime.loading import load_model
from keras_anytime.model import AnytimeModel
from keras_anytime.stages.cost import StageCost


class Run:
    """A finished run: its network, and the data that it is measured on.

    Args:
        path: String or path of the run folder.
        data_dir: String or `None`, as in `ka.data.load`.
        download: Boolean, as in `ka.data.load`.

    Attributes:
        folder: The `RunFolder`.
        settings: Dict from the settings of the training to their values.

    Raises:
        FileNotFoundError: If there is no finished run in the folder.
        ValueError: If its settings are damaged.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        data_dir: str | None = None,
        download: bool = False,
    ) -> None:
        self.folder = RunFolder(path)
        self.data_dir = data_dir
        self.download = download
        self.folder.check_finished()
        self.settings = self.folder.read_settings()
        if not {"data", "eval_split"} <= set(self.settings):
            raise self.folder.damaged_settings()

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @functools.cached_property
    def model(self) -> AnytimeModel:
        """The trained network."""
        return load_model(self.folder.model)

    @property
    def priority(self) -> tuple[int, ...] | str:
        """The stage priority of OSGD; the run's name if it is not OSGD."""
        arguments = json.loads(self.settings.get("gradients_arguments", "{}"))
        combiner = gradients.get(self.settings.get("gradients"))
        if not isinstance(combiner, gradients.Orthogonal):
            return self.name
        stages = range(1, self.model.num_stages + 1)
        return tuple(arguments.get("priority") or stages)

    @property
    def own_split(self) -> str | None:
        """The split that the run's results are of.

        It is the test split if there is one, else the evaluation split; `None`
        for the data set's own.
        """
        return self.settings.get("test_split") or self.settings["eval_split"]

    def info(self) -> DatasetInfo:
        """Returns the description of the run's data."""
        return data.info(
            self.settings["data"],
            self.data_dir,
            **load_arguments(self.settings),
        )

    def evaluation_data(
        self, split: str | None = None, batch_size: int = 128
    ) -> Any:
        """Returns the data that the run is measured on, in order.

        Args:
            split: String, or `None` for the run's own, see `own_split`.
            batch_size: Integer.

        Returns:
            Batches of images and labels.
        """
        split = split or self.own_split
        _, eval_data = data.load(
            self.settings["data"],
            batch_size=batch_size,
            splits=split and (split, split),
            data_dir=self.data_dir,
            download=self.download,
            **load_arguments(self.settings),
        )
        return eval_data

    def evaluate(
        self,
        split: str | None = None,
        cost: str | None = None,
        keep_logits: bool = False,
    ) -> "EvaluatedRun":
        """Measures the network, in one pass over the data.

        Args:
            split: As for `evaluation_data`.
            cost: As for `ka.evaluation.anytime_curve`.
            keep_logits: As for `ka.evaluation.predict_stages`.

        Returns:
            An `EvaluatedRun`.
        """
        predictions = evaluation.predict_stages(
            self.model, self.evaluation_data(split), keep_logits=keep_logits
        )
        costs = evaluation.stage_costs(self.model)
        by_label_set = (
            predictions if self.model.label_sets else {None: predictions}
        )
        return EvaluatedRun(
            run=self,
            predictions=next(iter(by_label_set.values())),
            costs=costs,
            curves={
                label_set: evaluation.curve_from_predictions(
                    of_set, costs, cost=cost
                )
                for label_set, of_set in by_label_set.items()
            },
        )


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluatedRun:
    """A run with its network's answers to the data.

    Args:
        run: The `Run`.
        predictions: `Predictions`; of several label sets, those of the finest.
        costs: List of K `StageCost`.
        curves: Dict from label sets to `AnytimeCurve`s, the finest first. The
            key is `None` where labels have no sets.
    """

    run: Run
    predictions: evaluation.Predictions
    costs: list[StageCost]
    curves: dict[Any, evaluation.AnytimeCurve]

    @property
    def name(self) -> str:
        """The name of the run's folder."""
        return self.run.name

    @property
    def curve(self) -> evaluation.AnytimeCurve:
        """The curve; of several label sets, that of the finest."""
        return next(iter(self.curves.values()))


def check_same_data(runs: Sequence[Run], split: str | None = None) -> None:
    """Raises a `ValueError` if runs are measured on different data.

    Args:
        runs: List of `Run`s.
        split: String, the split that all are measured on, or `None` for their
            own.
    """
    measured_on = {
        f"{run.settings['data']} {split or run.own_split}" for run in runs
    }
    if len(measured_on) > 1:
        raise ValueError(
            "All runs must be measured on the same data; name a split of it. "
            f"Received: runs on {sorted(measured_on)}"
        )


def check_seeds(runs: Sequence[Run]) -> None:
    """Raises a `ValueError` if runs differ in more than their seeds.

    Args:
        runs: List of `Run`s of one training.
    """
    # A run that is older than a setting was trained with its default.
    defaults = TrainSettings.defaults()
    first = {**defaults, **runs[0].settings}
    for run in runs[1:]:
        differing = {
            name: value
            for name, value in {**defaults, **run.settings}.items()
            if name not in ("seed", *MAY_DIFFER) and value != first.get(name)
        }
        if differing:
            raise ValueError(
                "Runs of one training differ by their seeds only. Received: "
                f"{run.name!r} with {differing}, unlike {runs[0].name!r}"
            )


def check_pairs(runs: Sequence[Run], others: Sequence[Run]) -> None:
    """Raises a `ValueError` if two trainings cannot be compared seed by seed.

    Args:
        runs: List of `Run`s of one training.
        others: List of `Run`s of another.
    """
    check_seeds(others)
    seeds = [
        [run.settings.get("seed") for run in training]
        for training in (runs, others)
    ]
    if seeds[0] != seeds[1] or len(runs) < 2:
        raise ValueError(
            "Two trainings are compared seed by seed, in the same order, with "
            f"two seeds or more. Received: seeds {seeds[0]} and {seeds[1]}"
        )


def check_separate(runs: Sequence[Run]) -> None:
    """Raises a `ValueError` if an oracle's network has several stages.

    Args:
        runs: List of `Run`s of the oracle.
    """
    for run in runs:
        if run.model.num_stages != 1:
            raise ValueError(
                "The oracle's networks answer once: train them with "
                f"--oracle_stage. Received: {run.name!r} of "
                f"{run.model.num_stages} stages"
            )
