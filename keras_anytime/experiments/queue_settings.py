"""Settings of recipes that train several times."""

import dataclasses

from keras_anytime.experiments.settings import Settings
from keras_anytime.experiments.settings import check_seeds
from keras_anytime.experiments.settings import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class QueueSettings(Settings):
    """Settings for `keras_anytime.experiments.queue`."""

    experiment: str = setting(
        "The table or figure, such as hu2019_table1; show_experiment.py lists "
        "them."
    )
    workdir: str = setting(
        "Folder that gets one folder for each run. Experiments that share runs "
        "may share it."
    )
    minutes: float = setting(
        "Minutes after which what still trains is stopped.", lower_bound=0
    )
    rows: list[str] = setting(
        "Names of the rows to train, in the order of the queue; else all of "
        "the experiment.",
        [],
    )
    seeds: list[str] = setting(
        "Seeds, whole numbers: each row is trained once with each; else as "
        "many as the paper has, from 1.",
        [],
    )
    at_a_time: int = setting(
        "Runs that train side by side; 0 measures how many get the most done.",
        0,
        lower_bound=0,
    )
    scale: float | None = setting(
        "The constant C of rows with normalized gradients, as calibrate.py "
        "finds it; else the paper's 1/2.",
        None,
        lower_bound=0,
    )
    give_up_after: float = setting(
        "Share of its epochs after which a run is stopped whose training loss "
        "is that of a random guess; 0 never stops one. Trials of fewer than 30 "
        "epochs are not stopped.",
        0.1,
        lower_bound=0,
        upper_bound=1,
    )
    smoke: bool = setting(
        "Try all rows in seconds each: small networks, two epochs of a few "
        "images, random ones where the data set is not there.",
        False,
    )
    results: str | None = setting(
        "JSON file to which the results of each run are added; else a file of "
        "the experiment's name in --workdir.",
        None,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class StrategySettings(Settings):
    """Settings for `keras_anytime.experiments.strategies`."""

    workdir: str = setting("Folder that gets one folder for each run.")
    seeds: list[str] = setting(
        "Seeds, whole numbers: each strategy is trained once with each.",
        ["1", "2", "3"],
    )
    scale: float = setting(
        "The constant C of NormSGD and OSGD-Norm, to be calibrated: the "
        "paper's 1/2 does not train small networks at a learning rate of 0.1.",
        0.03,
        lower_bound=0,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShowSettings(Settings):
    """Settings for `keras_anytime.experiments.papers.text.show`."""

    experiment: str | None = setting(
        "The table or figure whose rows are listed, such as hu2019_table1; "
        "else all experiments are listed.",
        None,
    )
    row: str | None = setting(
        "The row whose flag file is printed, such as "
        "wan2020_width_resnet42_osgd.",
        None,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CalibrationSettings(Settings):
    """Settings for `keras_anytime.experiments.calibrate`."""

    workdir: str = setting("Folder that gets one folder for each run.")
    scales: list[str] = setting(
        "The constants C to train with.", ["0.01", "0.03", "0.1", "0.3", "0.5"]
    )
    combiners: list[str] = setting(
        "normalized (NormSGD), orthogonal (OSGD-Norm), or both.",
        ["normalized", "orthogonal"],
    )
    seeds: list[str] = setting(
        "Seeds, whole numbers: each scale is trained with once with each.",
        ["1"],
    )

    def check(self) -> None:
        """Raises a `ValueError` if a setting is wrong."""
        if not self.workdir:
            raise ValueError("--workdir must name a folder. Received: nothing")
        check_seeds(self.seeds)
        self.positive_numbers("scales")
        known = {"normalized", "orthogonal"}
        if not self.combiners or not set(self.combiners) <= known:
            raise ValueError(
                "--combiners must be normalized, orthogonal, or both. "
                f"Received: {','.join(self.combiners)}"
            )
