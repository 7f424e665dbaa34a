"""The folders of runs that recipes/train.py writes."""

import dataclasses
import functools
import json

import keras
import numpy as np

from keras_anytime import data
from keras_anytime import evaluation
from keras_anytime import export
from keras_anytime import gradients
from keras_anytime import runtime
from keras_anytime.files import ContentError
from keras_anytime.files import user_path
from keras_anytime.loading import load_model


def check_settings(folder, settings, defaults):
    """Raises a `ValueError` if a folder holds a run with other settings.

    So it does if there are checkpoints of a run whose settings are not known.

    Args:
        folder: A `pathlib.Path`.
        settings: Dict from flags to values, what is to be run there.
        defaults: Dict from the same flags to their defaults, which runs had
            that are older than a flag.
    """
    path = folder / "settings.json"
    if not path.exists():
        checkpoints = folder / "checkpoints"
        if any(checkpoints.glob("*.keras")) or any(
            checkpoints.glob("stage_*/*.keras")
        ):
            # With another seed, say, it would go on as no run ever was.
            raise ContentError(
                f"{folder} has checkpoints, but no settings.json that tells "
                f"of which run: use another --workdir, or delete {checkpoints}."
            )
        return
    before = {**defaults, **_read(path)}
    differing = [
        f"--{name}={value} (was {before[name]})"
        for name, value in settings.items()
        if before[name] != value
    ]
    if differing:
        raise ValueError(
            f"{folder} holds a run with other flags: {', '.join(differing)}. "
            "Use another --workdir, or the flags of that run."
        )


class Run:
    """A finished run: the network, and the data that it is measured on.

    Args:
        folder: String or path, the work folder of recipes/train.py.
        data_dir: String or `None`, as in `ka.data.load`.
        download: Boolean, as in `ka.data.load`.

    Attributes:
        folder: A `pathlib.Path`.
        settings: Dict from the flags of the run to their values.

    Raises:
        FileNotFoundError: If there is no finished run in the folder.
        ValueError: If its settings are damaged.
    """

    def __init__(self, folder, data_dir=None, download=False):
        self.folder = user_path(folder)
        self.data_dir = data_dir
        self.download = download
        for name in ("settings.json", "model.keras"):
            if not (self.folder / name).is_file():
                raise FileNotFoundError(
                    f"{str(folder)!r} is no folder of a finished run: it has "
                    f"no {name}. recipes/train.py writes one."
                )
        self.settings = _read(self.folder / "settings.json")
        if not {"data", "eval_split"} <= set(self.settings):
            raise _damaged(self.folder / "settings.json")

    @property
    def name(self):
        """The folder's name."""
        return self.folder.resolve().name

    @functools.cached_property
    def model(self):
        """The trained `AnytimeModel`."""
        return load_model(self.folder / "model.keras")

    @property
    def priority(self):
        """The stage priority of OSGD, a tuple; of other trainings the name."""
        arguments = json.loads(self.settings.get("gradients_arguments", "{}"))
        name = self.settings.get("gradients")
        if not isinstance(gradients.get(name), gradients.Orthogonal):
            return self.name
        stages = range(1, self.model.num_stages + 1)
        return tuple(arguments.get("priority") or stages)

    def info(self):
        """Returns the `DatasetInfo` of the run's data."""
        return data.info(self.settings["data"], self.data_dir, self._labels())

    def evaluation_data(self, split=None, batch_size=128):
        """Returns the data that the run is measured on, image by image as is.

        Args:
            split: String, or `None` for the split that the run names.
            batch_size: Integer.

        Returns:
            A data set of batches of images and labels.
        """
        split = split or self.settings["eval_split"]
        _, measured = data.load(
            self.settings["data"],
            batch_size=batch_size,
            splits=split and (split, split),
            data_dir=self.data_dir,
            download=self.download,
            labels=self._labels(),
        )
        return measured

    def measured(self, split=None):
        """Measures the network, in one pass over the data.

        Args:
            split: As for `evaluation_data`.

        Returns:
            A `EvaluatedRun`.
        """
        found = evaluation.predict_stages(
            self.model, self.evaluation_data(split)
        )
        costs = evaluation.stage_costs(self.model)
        by_set = found if self.model.label_sets else {None: found}
        return EvaluatedRun(
            run=self,
            predictions=next(iter(by_set.values())),
            costs=costs,
            curves={
                name: evaluation.curve_from_predictions(one, costs)
                for name, one in by_set.items()
            },
        )

    def _labels(self):
        return json.loads(self.settings.get("labels") or "{}") or None


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluatedRun:
    """A run with its network's answers to the data.

    Args:
        run: The `Run`.
        predictions: `Predictions`; of several label sets, in the finest.
        costs: List of K `StageCost`.
        curves: Dict from label sets to `AnytimeCurve`s, the finest first; the
            only set is `None`.
    """

    run: Run
    predictions: evaluation.Predictions
    costs: list
    curves: dict

    @property
    def curve(self):
        """The `AnytimeCurve`; of several label sets, of the finest."""
        return next(iter(self.curves.values()))


def check_same_data(runs, split=None):
    """Raises a `ValueError` if runs are measured on different data.

    Args:
        runs: List of `Run`s.
        split: String, the split that all are measured on, or `None` for their
            own.
    """
    found = {
        f"{run.settings['data']} {split or run.settings['eval_split']}"
        for run in runs
    }
    if len(found) > 1:
        raise ValueError(
            "All runs must be measured on the same data; name a split of it. "
            f"Received: runs on {sorted(found)}"
        )


def check_seeds(runs):
    """Raises a `ValueError` if runs differ in more than their seeds.

    Args:
        runs: List of `Run`s of one training.
    """
    first = runs[0].settings
    for run in runs[1:]:
        differing = {
            name: value
            for name, value in run.settings.items()
            if name != "seed" and value != first.get(name)
        }
        if differing:
            raise ValueError(
                "Runs of one training differ by their seeds only. Received: "
                f"{run.name!r} with {differing}, unlike {runs[0].name!r}"
            )


def check_pairs(runs, others):
    """Raises a `ValueError` if two trainings are not run by run of one seed.

    Args:
        runs: List of `Run`s of one training.
        others: List of `Run`s of another.
    """
    check_seeds(others)
    seeds = [
        [run.settings.get("seed") for run in one] for one in (runs, others)
    ]
    if seeds[0] != seeds[1] or len(runs) < 2:
        raise ValueError(
            "Two trainings are compared seed by seed, in the same order, with "
            f"two seeds or more. Received: seeds {seeds[0]} and {seeds[1]}"
        )


def time_answers(networks, folder, data, repetitions):
    """Exports the networks of runs, and times their answers in turn.

    Args:
        networks: List of `EvaluatedRun`s.
        folder: A `pathlib.Path`, which gets the `.tflite` files.
        data: A data set of batches, whose first one is answered image by image.
        repetitions: Integer, how often.

    Returns:
        List of `TimedPredictions`, one for each network.
    """
    images, labels = keras.tree.map_structure(np.asarray, next(iter(data)))
    sets = networks[0].run.model.label_sets
    predictors = {}
    for index, network in enumerate(networks):
        # Names of folders need not differ.
        path = folder / f"{index}_{network.run.name}.tflite"
        about = network.run.info()
        export.tflite(
            network.run.model,
            path,
            curve=network.curve,
            class_names=about.class_names,
            preprocessing=about.preprocessing,
        )
        predictors[path] = runtime.AnytimePredictor(path)
    measured = runtime.time_answers(predictors, images, repetitions)
    for predictor in predictors.values():
        predictor.close()
    return [
        evaluation.TimedPredictions.from_answers(
            one, labels[sets[0]] if sets else labels, network.run.name
        )
        for one, network in zip(measured.values(), networks, strict=True)
    ]


def _read(path):
    """Returns the settings of a run."""
    try:
        found = json.loads(path.read_text())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _damaged(path)
    return found


def _damaged(path):
    return ContentError(
        f"{path} is damaged, and does not tell of which run it is: use another "
        "folder, or delete this one."
    )
