"""Settings of the recipe that converts a trained network."""

import dataclasses

from keras_anytime.experiments.settings import DataLocation
from keras_anytime.experiments.settings import check_seeds
from keras_anytime.experiments.settings import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConvertedTrainingSettings(DataLocation):
    """Settings for `keras_anytime.experiments.converted_training`."""

    workdir: str | None = setting("Folder for networks and results.", None)
    seeds: list[str] = setting("Seeds of the trainings.", ["1", "2", "3"])
    data: str = setting("Data set, as for keras-anytime-train.", "cifar10")
    train_split: str = setting("Split to train on.", "train[:45000]")
    eval_split: str = setting("Split to measure on.", "train[45000:]")
    image_size: int = setting(
        "Height and width to which the network resizes images.", 48
    )
    alpha: float = setting("Width of MobileNet, as `alpha` in Keras.", 0.25)
    at: list[str] = setting(
        "Shares of the cost after which heads are put.", ["0.25", "0.5"]
    )
    plain_epochs: int = setting("Epochs of the network alone.", 9)
    heads_epochs: int = setting("Epochs of the heads alone.", 1)
    epochs: int = setting("Epochs of all stages together.", 3)
    batch_size: int = setting("Images per batch.", 64)
    learning_rate: float = setting(
        "First learning rate of the network alone and of the heads.", 0.05
    )
    joint_learning_rate: float = setting(
        "First learning rate of all stages together.", 0.02
    )

    def check(self) -> None:
        """Raises a `ValueError` if seeds or shares of the cost are wrong."""
        check_seeds(self.seeds)
        try:
            right = bool(self.at) and all(0 < s < 1 for s in self.shares)
        except ValueError:
            right = False
        if not right:
            raise ValueError(
                "--at must be shares of the cost between 0 and 1. "
                f"Received: --at={','.join(self.at)}"
            )

    @property
    def shares(self) -> list[float]:
        """The shares of the cost after which heads are put."""
        return [float(share) for share in self.at]
