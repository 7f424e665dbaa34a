"""The run folder: names of its files, lock and checks of its settings.

`train.py` fills it; `runs.py` reads finished runs.
"""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any
from typing import TextIO

from keras_anytime.files import ContentError
from keras_anytime.files import check_writable
from keras_anytime.files import lock_file
from keras_anytime.files import user_path
from keras_anytime.files import write_json


def final_curve(results: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the curve of a run: on the test split if there is one.

    Args:
        results: The results of the run, as `RunFolder.write_results` writes
            them.
    """
    return results.get("test_curve", results["curve"])


class RunFolder:
    """The folder of one training: names, contents and checks of its files.

    Args:
        path: String or path of the folder. It need not exist.

    Attributes:
        path: A `pathlib.Path`.
        settings: Path of the settings that decide what is computed, a JSON
            object.
        model: Path of the trained network.
        results: Path of the results, a JSON object: provenance, settings,
            minutes and curve.
        curve_csv: Path of the curve for spreadsheets.
        curve_json: Path of the curve for programs.
        curve_picture: Path of the picture of the curve.
        test_curve_csv: Path of the curve on the test split, if there is such a
            split.
        test_curve_json: The same, for programs.
        history: Path of the metrics of each epoch, a CSV file.
        weights: Path of the loss weights of each epoch, a CSV file.
        cosines: Path of the cosines of gradients of each epoch, a CSV file.
        probabilities: Path of a sampler's probabilities at the end of each
            epoch, a CSV file.
        gave_up: Path of what a run at chance leaves, a JSON object: the share
            of the epochs after which it gave up, and the message.
        checkpoints: Path of the folder of checkpoints.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = user_path(path)
        self.settings = self.path / "settings.json"
        self.model = self.path / "model.keras"
        self.results = self.path / "results.json"
        self.curve_csv = self.path / "curve.csv"
        self.curve_json = self.path / "curve.json"
        self.curve_picture = self.path / "curve.png"
        self.test_curve_csv = self.path / "test_curve.csv"
        self.test_curve_json = self.path / "test_curve.json"
        self.history = self.path / "history.csv"
        self.weights = self.path / "weights.csv"
        self.cosines = self.path / "cosines.csv"
        self.probabilities = self.path / "probabilities.csv"
        self.gave_up = self.path / "gave_up.json"
        self.checkpoints = self.path / "checkpoints"
        self._lock = self.checkpoints / "lock"

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    def stage_history(self, stage: int) -> pathlib.Path:
        """Returns the path of the metrics of one stage's greedy training.

        Args:
            stage: Integer from 1.
        """
        return self.part_history(f"stage_{stage}")

    def part_history(self, part: str) -> pathlib.Path:
        """Returns the path of the metrics of a part that is trained alone.

        Args:
            part: String, the part's name.
        """
        return self.path / f"history_{part}.csv"

    def epoch_logs(self) -> list[pathlib.Path]:
        """Returns the paths of the CSV files with one line for each epoch."""
        return [
            *self.histories(),
            *(
                path
                for path in (self.weights, self.cosines, self.probabilities)
                if path.exists()
            ),
        ]

    def histories(self) -> list[pathlib.Path]:
        """Returns the paths of the metrics of each epoch.

        There is one file, or one for each part that is trained alone.
        """
        return sorted(self.path.glob("history*.csv"))

    def check_writable(self) -> None:
        """Raises a `ValueError` if files cannot be written to the folder."""
        try:
            for path in (
                self.settings,
                self.model,
                self.curve_csv,
                self.curve_json,
                self.curve_picture,
                self.test_curve_csv,
                self.test_curve_json,
                self.results,
                self._lock,
            ):
                check_writable(path)
        except OSError as error:
            raise ValueError(f"cannot use --workdir: {error}") from error

    def lock(self) -> TextIO:
        """Locks the folder for this process, until the result is closed.

        Returns:
            The lock file, a context manager.

        Raises:
            ValueError: If another process has locked the folder.
        """
        try:
            return lock_file(self._lock)
        except BlockingIOError as error:
            raise ValueError(
                f"Another process is training in {self.path}; wait for it, or "
                "use another --workdir."
            ) from error

    def check_finished(self, with_results: bool = False) -> None:
        """Raises a `FileNotFoundError` if no finished run is in the folder.

        Args:
            with_results: Boolean. Whether it must have its results, too.
        """
        needed = [self.settings, self.model]
        for path in needed + [self.results] * with_results:
            if not path.is_file():
                raise FileNotFoundError(
                    f"{str(self.path)!r} is no folder of a finished run: it "
                    f"has no {path.name}. keras-anytime-train writes one."
                )

    def check_settings(
        self, settings: Mapping[str, Any], defaults: Mapping[str, Any]
    ) -> None:
        """Raises a `ValueError` if the folder holds a run of other settings.

        It also raises one if there are checkpoints without settings, because
        it is not known of which run they are.

        Args:
            settings: The settings of the training to be run here.
            defaults: The defaults of the same settings. A run that is older
                than a setting was trained with its default.
        """
        if not self.settings.exists():
            if any(self.checkpoints.glob("*.keras")) or any(
                self.checkpoints.glob("*/*.keras")
            ):
                raise ContentError(
                    f"{self.path} has checkpoints, but no settings.json that "
                    "tells of which run: use another --workdir, or delete "
                    f"{self.checkpoints}."
                )
            return
        earlier = {**defaults, **self.read_settings()}
        differing = [
            f"--{name}={value} (was {earlier[name]})"
            for name, value in settings.items()
            if earlier[name] != value
        ]
        if differing:
            raise ValueError(
                f"{self.path} holds a run with other flags: "
                f"{', '.join(differing)}. Use another --workdir, or the flags "
                "of that run."
            )

    def check_model(self, checksum: str | None) -> None:
        """Raises a `ValueError` if the folder holds a run of another network.

        Args:
            checksum: String, that of the file of --model; `None` for a network
                that is built.
        """
        if not self.settings.exists():
            return
        earlier = self.read_settings().get("model_sha256")
        if earlier == checksum:
            return
        if None in (earlier, checksum):
            how = "with" if earlier else "without"
            raise ValueError(
                f"{self.path} holds a run {how} --model. Use another "
                "--workdir, or the flags of that run."
            )
        raise ValueError(
            f"{self.path} holds a run of another network: the file of --model "
            "has changed since. Use another --workdir, or the file of that "
            f"run. Received: SHA-256 {checksum} (was {earlier})"
        )

    def read_settings(self) -> dict[str, Any]:
        """Returns the settings of the run.

        Raises:
            ContentError: If the file is damaged.
        """
        try:
            settings = json.loads(self.settings.read_text())
        except (ValueError, RecursionError):
            settings = None
        if not isinstance(settings, dict):
            raise self.damaged_settings()
        return settings

    def damaged_settings(self) -> ContentError:
        """Returns the error that tells that the settings are damaged."""
        return ContentError(
            f"{self.settings} is damaged, and does not tell of which run it "
            "is: use another folder, or delete this one."
        )

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """Writes the settings of the run.

        Args:
            settings: The settings that decide what is computed.
        """
        write_json(self.settings, settings)

    def read_results(self) -> dict[str, Any]:
        """Returns the results of the run, as `write_results` wrote them."""
        return json.loads(self.results.read_text())

    def write_gave_up(self, share: float, message: str) -> None:
        """Writes that the run gave up, because its loss is that of guessing.

        Args:
            share: Float. The share of the epochs after which it gave up.
            message: String. What to do about it.
        """
        write_json(self.gave_up, {"give_up_after": share, "message": message})

    def gave_up_after(self) -> float | None:
        """Returns the share of the epochs after which the run gave up.

        It is `None` if the run did not give up.
        """
        if not self.gave_up.is_file():
            return None
        return json.loads(self.gave_up.read_text())["give_up_after"]

    def read_curve(self) -> dict[str, Any]:
        """Returns the curve of the run: on the test split if there is one."""
        return final_curve(self.read_results())

    def write_results(
        self,
        provenance: Mapping[str, Any],
        settings: Mapping[str, Any],
        seed: int,
        minutes: float,
        curve: Mapping[str, Any],
        curves: Mapping[str, Any] | None = None,
        test_curve: Mapping[str, Any] | None = None,
        test_curves: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes the results of the run.

        Args:
            provenance: Command, hardware, commit and versions, see
                `keras_anytime.evaluation.provenance`.
            settings: The settings that decide what was computed.
            seed: Integer. The seed of the run.
            minutes: Float. Minutes that the training took.
            curve: `AnytimeCurve.to_dict()`; of several label sets, of the
                finest.
            curves: Dict from label sets to such dicts; `None` where labels have
                no sets.
            test_curve: As `curve`, on the test split; `None` without one.
            test_curves: As `curves`, on the test split.
        """
        results = {
            **provenance,
            "flags": settings,
            "seed": seed,
            "minutes": minutes,
            "curve": curve,
        }
        for name, value in (
            ("curves", curves),
            ("test_curve", test_curve),
            ("test_curves", test_curves),
        ):
            if value is not None:
                results[name] = value
        write_json(self.results, results)
