"""Settings of an ensemble: the flags of `recipes/build_ensemble.py`."""

import dataclasses

from keras_anytime.experiments.settings import DataLocation
from keras_anytime.experiments.settings import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnsembleSettings(DataLocation):
    """Settings for `keras_anytime.experiments.ensemble.build_ensemble`."""

    runs: list[str] = setting(
        "Folders of the runs of the networks to join, the smallest first.", []
    )
    rule: str = setting(
        "Which answers are used: those better than all before on validation "
        "data (Hu 2019), or those deeper than the network before (Hu 2017).",
        "validation",
        choices=["validation", "depth"],
    )
    split: str | None = setting(
        "Split to choose the answers on, such as train[45000:]; else the "
        "--eval_split of the runs.",
        None,
    )
    test_split: str = setting("Split to measure the ensemble on.", "test")
    oracle: list[str] = setting(
        "Folders of runs of separate networks, trained with --oracle_stage of "
        "keras-anytime-train, to compare with.",
        [],
    )
    base: float | None = setting(
        "Growth factor of the networks' depth, for the expected cost inflation "
        "E[C]; else the mean growth factor of their costs.",
        None,
    )
    output: str | None = setting("Folder to write to.", None)
