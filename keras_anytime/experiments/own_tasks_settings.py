"""Settings of the recipe that trains an example of each task."""

import dataclasses

from keras_anytime.experiments.settings import Settings
from keras_anytime.experiments.settings import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnTasksSettings(Settings):
    """Settings for `keras_anytime.experiments.own_tasks`."""

    workdir: str | None = setting("Folder for files and results.", None)
    examples: list[str] = setting(
        "Which of diabetes, series, segmentation and comparison.",
        ["diabetes", "segmentation", "comparison"],
    )
    series: str | None = setting(
        "Folder of a UCR data set, with <name>_TRAIN.txt and <name>_TEST.txt, "
        "for the example 'series'.",
        None,
    )
    seed: int = setting("Seed of weights and orders.", 0)
