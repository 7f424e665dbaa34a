"""Settings of recipes that train several times."""

import dataclasses

from keras_anytime.experiments.settings import Settings
from keras_anytime.experiments.settings import check_seeds
from keras_anytime.experiments.settings import setting

_NETWORKS = (
    "width_resnet42",
    "depth_sparse_resnet98",
    "alternating_sparse_resnet98",
    "simultaneous_sparse_resnet98",
    "cascade_sparse_resnet98",
    "even_width_resnet42",
)
# The strategies that the paper's claim is about come first.
_STRATEGIES = (("sgd", "osgd"), ("greedy", "normsgd", "osgdnorm"))
# The rows of Tables 1 and 2 of Wan 2020, in the order of the queue.
ROWS = [
    f"{network}_{strategy}"
    for strategies in _STRATEGIES
    for network in _NETWORKS
    for strategy in strategies
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class QueueSettings(Settings):
    """Settings for `keras_anytime.experiments.queue`."""

    workdir: str = setting("Folder that gets one folder for each run.")
    minutes: float = setting(
        "Minutes after which what still trains is stopped.", lower_bound=0
    )
    rows: list[str] = setting(
        "Rows of the tables to train, in the order of the queue.", ROWS
    )
    seeds: list[str] = setting(
        "Seeds, whole numbers: each row is trained once with each.",
        ["1", "2", "3"],
    )
    at_a_time: int = setting(
        "Runs that train side by side; 0 measures how many get the most done.",
        0,
        lower_bound=0,
    )
    results: str = setting(
        "JSON file to which the results of each run are added."
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
        scales = self.numbers("scales") or []
        if not scales or not all(0 < scale < float("inf") for scale in scales):
            raise ValueError(
                "--scales must be positive numbers. "
                f"Received: {','.join(self.scales)}"
            )
        known = {"normalized", "orthogonal"}
        if not self.combiners or not set(self.combiners) <= known:
            raise ValueError(
                "--combiners must be normalized, orthogonal, or both. "
                f"Received: {','.join(self.combiners)}"
            )
