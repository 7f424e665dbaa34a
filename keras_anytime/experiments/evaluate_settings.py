"""Settings of an evaluation: the flags of `keras-anytime-evaluate`."""

import dataclasses

from keras_anytime.experiments.settings import DataLocation
from keras_anytime.experiments.settings import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateSettings(DataLocation):
    """Settings for `keras_anytime.experiments.evaluate.evaluate`."""

    runs: list[str] = setting(
        "Folders of the runs to measure: one training, a run for each seed.",
        [],
    )
    against: list[str] = setting(
        "Folders of the runs of another training, with the seeds of --runs, to "
        "compare with.",
        [],
    )
    oracle: list[str] = setting(
        "Folders of runs of separate networks, smallest first, trained with "
        "--oracle_stage of keras-anytime-train.",
        [],
    )
    baseline: list[str] = setting(
        "Folder of the run of another anytime network, to draw and time beside "
        "--runs.",
        [],
    )
    priorities: list[str] = setting(
        "Folders of runs of the network of --runs, trained with other stage "
        "priorities of OSGD.",
        [],
    )
    output: str | None = setting(
        "Folder to write to; else `evaluation` in the first folder of --runs.",
        None,
    )
    split: str | None = setting(
        "Split to measure on, such as test; else the --test_split of each run, "
        "or its --eval_split if it has none.",
        None,
    )
    validation_split: str | None = setting(
        "Split to choose confidence thresholds and temperatures on; else the "
        "first half of the data that is measured on.",
        None,
    )
    cost: str | None = setting(
        "What the cost of an answer counts: its subnetwork, or all that has "
        "run; else all for networks with convolutions in their heads, such as "
        "MSDNet, and the subnetwork for others.",
        None,
        choices=["subnetwork", "cumulative"],
    )
    images: int = setting("Images to time networks with.", 200, lower_bound=1)
    repetitions: int = setting(
        "Timed answers of a network to each image.", 5, lower_bound=1
    )
    deadlines_ms: list[str] = setting(
        "Deadlines to simulate, in milliseconds, inf for none; else those of "
        "Wan 2020.",
        [],
    )
    probabilities: list[str] = setting(
        "How likely each deadline is; else all deadlines are equally likely.",
        [],
    )
    wanted_error: float = setting(
        "Of several label sets, the finest with at most this error is named "
        "for each stage.",
        0.5,
        lower_bound=0,
        upper_bound=1,
    )
    risks: list[str] = setting(
        "Bounds of what early answers may lose against the last stage, for "
        "which thresholds are chosen.",
        ["0.005", "0.01", "0.02", "0.05"],
    )
    risk_level: float = setting(
        "How likely such a bound is to hold.",
        0.9,
        lower_bound=0,
        upper_bound=1,
    )
