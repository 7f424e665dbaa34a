"""The folders of runs that recipes/train.py writes."""

import dataclasses
import functools
import json
import pathlib

from keras_anytime import data
from keras_anytime import evaluation
from keras_anytime.loading import load_model


def check_settings(folder, settings):
    """Raises a `ValueError` if a folder holds a run with other settings.

    Args:
        folder: A `pathlib.Path`.
        settings: Dict from flags to values, what is to be run there.
    """
    path = folder / "settings.json"
    if not path.exists():
        return
    before = _read(path)
    # A flag that the run knew nothing of had no effect on it.
    differing = [
        f"--{name}={value} (was {before[name]})"
        for name, value in settings.items()
        if name in before and before[name] != value
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

    Attributes:
        folder: A `pathlib.Path`.
        settings: Dict from the flags of the run to their values.

    Raises:
        FileNotFoundError: If there is no finished run in the folder.
        ValueError: If its settings are damaged.
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        for name in ("settings.json", "model.keras"):
            if not (self.folder / name).is_file():
                raise FileNotFoundError(
                    f"{str(folder)!r} is no folder of a finished run: it has "
                    f"no {name}. recipes/train.py writes one."
                )
        self.settings = _read(self.folder / "settings.json")

    @property
    def name(self):
        """The folder's name."""
        return self.folder.resolve().name

    @functools.cached_property
    def model(self):
        """The trained `AnytimeModel`."""
        return load_model(self.folder / "model.keras")

    def info(self, data_dir=None):
        """Returns the `DatasetInfo` of the run's data.

        Args:
            data_dir: String or `None`, as in `ka.data.load`.
        """
        return data.info(self.settings["data"], data_dir, self._labels())

    def evaluation_data(self, data_dir=None, split=None, batch_size=128):
        """Returns the data that the run is measured on, image by image as is.

        Args:
            data_dir: String or `None`, as in `ka.data.load`.
            split: String, or `None` for the split that the run names.
            batch_size: Integer.

        Returns:
            A `tf.data.Dataset` of batches of images and labels.
        """
        split = split or self.settings["eval_split"]
        _, measured = data.load(
            self.settings["data"],
            batch_size=batch_size,
            splits=split and (split, split),
            data_dir=data_dir,
            labels=self._labels(),
        )
        return measured

    def measured(self, data_dir=None, split=None):
        """Measures the network, in one pass over the data.

        Args:
            data_dir: As for `evaluation_data`.
            split: Likewise.

        Returns:
            A `MeasuredRun`.
        """
        found = evaluation.predict_stages(
            self.model, self.evaluation_data(data_dir, split)
        )
        costs = evaluation.stage_costs(self.model)
        by_set = found if self.model.label_sets else {None: found}
        return MeasuredRun(
            run=self,
            predictions=next(iter(by_set.values())),
            costs=costs,
            curves={
                name: evaluation.curve_of(one, costs)
                for name, one in by_set.items()
            },
        )

    def _labels(self):
        return json.loads(self.settings.get("labels") or "{}") or None


@dataclasses.dataclass(frozen=True, eq=False)
class MeasuredRun:
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


def _read(path):
    try:
        return dict(json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path} is damaged; use another folder, or delete it."
        ) from error
