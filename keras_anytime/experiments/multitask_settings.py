"""Settings of the recipe that compares strategies for several tasks."""

import dataclasses

from keras_anytime.experiments.settings import Settings
from keras_anytime.experiments.settings import check_seeds
from keras_anytime.experiments.settings import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class MultitaskSettings(Settings):
    """Settings for `keras_anytime.experiments.multitask`."""

    workdir: str | None = setting("Folder for the results.", None)
    strategies: list[str] = setting(
        "The strategies to compare, such as sum,orthogonal; else all.", []
    )
    rates: list[str] = setting(
        "Learning rates of Adam to choose from, for each strategy.",
        ["0.001", "0.003", "0.01"],
    )
    seeds: list[str] = setting(
        "Seeds, whole numbers: each strategy is trained with once with each.",
        ["1", "2", "3"],
    )
    epochs: int = setting("Epochs of a training.", 10, lower_bound=1)
    pairs: int = setting(
        "Images of two digits to train on.", 6000, lower_bound=64
    )

    def check(self) -> None:
        """Raises a `ValueError` if a setting is wrong."""
        if not self.workdir:
            raise ValueError("--workdir must name a folder. Received: nothing")
        check_seeds(self.seeds)
        self.positive_numbers("rates")
