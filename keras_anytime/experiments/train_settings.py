"""Settings of a training: the flags of `keras-anytime-train`."""

import dataclasses
from typing import Any

from keras_anytime.experiments.settings import DATA_HELP
from keras_anytime.experiments.settings import DataLocation
from keras_anytime.experiments.settings import NetworkSettings
from keras_anytime.experiments.settings import setting

# These may differ when a run is resumed: they change places, not results.
_NOT_COMPARED = ("workdir", "data_dir", "download", "checkpoint_every")
_UNUSED_IF_GREEDY = (
    "gradients",
    "gradients_arguments",
    "weighting",
    "weighting_arguments",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainSettings(NetworkSettings, DataLocation):
    """Settings of one training, for `keras_anytime.experiments.train`.

    ```python
    from keras_anytime.experiments.train_settings import TrainSettings

    settings = TrainSettings(workdir="run/osgd", data="cifar10", epochs=20)
    ```
    """

    data: str = setting(f"{DATA_HELP}.", "digits")
    train_split: str | None = setting(
        "Split to train on, such as train[:45000]; else the data set's own.",
        None,
    )
    eval_split: str | None = setting(
        "Split to measure on, such as train[45000:]; else the data set's own.",
        None,
    )
    labels: str = setting(
        "Label sets, finest first, and the features that hold them, as JSON: "
        '\'{"fine": "label", "coarse": "coarse_label"}\'.',
        "{}",
    )
    augment: bool = setting(
        "Pad, crop and mirror training images at random.", True
    )
    batch_size: int = setting("Images per training step.", 128, lower_bound=1)
    drop_remainder: bool = setting(
        "Leave out the last, smaller batch of an epoch, for which the training "
        "step would be compiled once more.",
        False,
    )
    oracle_stage: int = setting(
        "Train a separate network of the size of the stage of this number, for "
        "the oracle of keras-anytime-evaluate; 0 trains the anytime network.",
        0,
        lower_bound=0,
    )
    l2: float = setting(
        "Factor of the squared norm of kernels in the loss.",
        5e-5,
        lower_bound=0,
    )
    gradients: str = setting(
        "How stage gradients are combined: orthogonal or OSGD, normalized or "
        "NormSGD, sum or SGD, or OSGD_Norm.",
        "orthogonal",
    )
    gradients_arguments: str = setting(
        "Arguments of the combiner of --gradients, as a JSON object such as "
        "'{\"priority\": [2, 1, 3]}'.",
        "{}",
    )
    weighting: str = setting(
        "Weights of the stages' losses: constant, linear, exponential, "
        "half_end, sieve, adaloss, alternating, milestone, average_loss, exp3, "
        "or random_weighted_majority.",
        "constant",
    )
    weighting_arguments: str = setting(
        "Arguments of --weighting, as a JSON object such as "
        "'{\"gamma\": 0.1}'.",
        "{}",
    )
    greedy: bool = setting(
        "Train one stage after the other, each for --epochs, by the stage's "
        "loss alone.",
        False,
    )
    epochs: int = setting("Passes over the training data.", 200, lower_bound=1)
    learning_rate: float = setting(
        "The learning rate at the start.", 0.1, lower_bound=0
    )
    momentum: float = setting(
        "Nesterov momentum of SGD.", 0.9, lower_bound=0, upper_bound=1
    )
    schedule: str = setting(
        "Learning rate: constant, cosine to 0, divided by 5 at 30%, 60% and "
        "80% of the epochs (Wan 2020), or by 10 at 50% and 75% (Hu 2019).",
        "cosine",
        choices=["constant", "cosine", "steps", "tenths"],
    )
    warmup_epochs: int = setting(
        "Epochs at the start in which the learning rate rises, with "
        "--schedule=steps or tenths.",
        0,
        lower_bound=0,
    )
    seed: int = setting(
        "Seed of the weights, and of the order and augmentation of images.",
        0,
        lower_bound=0,
        upper_bound=2**32 - 1,
    )
    deterministic: bool = setting(
        "Train so that the same flags give the same weights to the last bit; "
        "slower.",
        False,
    )
    checkpoint_every: int = setting(
        "Epochs from one checkpoint to the next; a run that was stopped goes "
        "on from the last checkpoint.",
        1,
        lower_bound=1,
    )
    workdir: str = setting(
        "Folder of the run; a stopped run goes on in its folder."
    )

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings that decide what is computed.

        They are kept in the run folder, and compared when a run is resumed.
        """
        return {
            field.name: getattr(self, field.name)
            for field in self.flags()
            if field.name not in _NOT_COMPARED
            and not (self.greedy and field.name in _UNUSED_IF_GREEDY)
        }

    def network_arguments(self) -> dict[str, Any]:
        """Returns the arguments of the builder that do not depend on the data.

        Raises:
            ValueError: If one cannot be read, or depends on the data.
        """
        for name in ("input_shape", "classes"):
            if name in self.json_object("net_arguments"):
                raise ValueError(
                    f"--net_arguments cannot set {name}: the data decide on "
                    f"it. Received: {self.net_arguments}"
                )
        return {"l2": self.l2, **super().network_arguments()}

    def check_greedy(self) -> None:
        """Raises a `ValueError` if greedy training would ignore a setting."""
        for name in _UNUSED_IF_GREEDY if self.greedy else ():
            value = getattr(self, name)
            if name in self.given or value != self.defaults()[name]:
                raise ValueError(
                    "--greedy trains each stage by its own loss alone. "
                    f"Received: --{name}={value}"
                )

    def check_splits(self) -> None:
        """Raises a `ValueError` if only one of the two splits is set."""
        if (self.train_split is None) != (self.eval_split is None):
            raise ValueError(
                "Give both --train_split and --eval_split, or none. Received: "
                f"train_split={self.train_split}, eval_split={self.eval_split}"
            )
