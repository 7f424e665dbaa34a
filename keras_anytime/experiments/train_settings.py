"""Settings of a training: the flags of `keras-anytime-train`."""

import dataclasses
from typing import Any

from keras_anytime.experiments.settings import DATA_HELP
from keras_anytime.experiments.settings import DataLocation
from keras_anytime.experiments.settings import NetworkSettings
from keras_anytime.experiments.settings import setting

# These may differ when a run is resumed: they change places, not results.
NOT_COMPARED = ("workdir", "data_dir", "download", "checkpoint_every")
# So may these, which the run folder keeps nevertheless.
MAY_DIFFER = ("devices", "give_up_after", "model", "model_sha256")
# A network in a file is not built.
OF_BUILT_NETWORKS = (
    "net",
    "nesting",
    "units",
    "filters",
    "net_arguments",
    "l2",
    "oracle_stage",
    "oracle_share",
    "mixed_precision",
)
# A part that is trained alone has no gradients to combine or losses to weight.
_UNUSED_IN_PARTS = (
    "gradients",
    "gradients_arguments",
    "weighting",
    "weighting_arguments",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainSettings(NetworkSettings, DataLocation):
    """Settings of one training, for `keras_anytime.experiments.train`.

    Args:
        model_sha256: String, the checksum of the file of --model, which
            `model_file.with_model_file` sets.

    ```python
    from keras_anytime.experiments.train_settings import TrainSettings

    settings = TrainSettings(workdir="run/osgd", data="cifar10", epochs=20)
    ```
    """

    model_sha256: str | None = None
    model: str | None = setting(
        "A .keras file of an anytime network to train, such as "
        "tools/add_heads.py writes, in the place of --net. Its weights are the "
        "first ones.",
        None,
    )
    heads_epochs: int = setting(
        "Epochs in which only the heads of the network in --model are trained, "
        "before all of it is.",
        0,
        lower_bound=0,
    )
    data: str = setting(f"{DATA_HELP}.", "digits")
    train_split: str | None = setting(
        "Split to train on, such as train[:45000], which is this library's "
        "choice for Wan 2020; else the data set's own.",
        None,
    )
    eval_split: str | None = setting(
        "Split to measure on, such as train[45000:]; else the data set's own.",
        None,
    )
    test_split: str | None = setting(
        "Split that is measured once, at the end, so that --eval_split can be "
        "for validation, such as test; else none.",
        None,
    )
    labels: str = setting(
        "Label sets, finest first, and the features that hold them, as JSON: "
        '\'{"fine": "label", "coarse": "coarse_label"}\'; or the path of a '
        "table from fine to coarse labels.",
        "{}",
    )
    image_size: int | None = setting(
        "Height and width that images are brought to; else the data set's own.",
        None,
        lower_bound=1,
    )
    preprocessing: str | None = setting(
        "How pixels are normalized, as JSON such as "
        '\'{"scale": 127.5, "mean": 1, "std": 1}\' for pixels from -1 to 1; '
        "else as the network in --model needs it, or with the data set's own "
        "means.",
        None,
    )
    augment: bool = setting(
        "Augment training images, as --augmentation says.", True
    )
    augmentation: list[str] | None = setting(
        "How training images are augmented at random, such as crop,flip; else "
        "as the data set is by default.",
        None,
    )
    batch_size: int = setting(
        "Images per training step. Wan 2020 does not say how many: 128 is this "
        "library's choice.",
        128,
        lower_bound=1,
    )
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
    oracle_share: float = setting(
        "Train the separate network of --oracle_stage for the last stage "
        "within this share of the whole network's multiply-adds.",
        0.0,
        lower_bound=0,
        upper_bound=1,
    )
    l2: float = setting(
        "Factor of the squared norm of kernels in the loss.",
        5e-5,
        lower_bound=0,
    )
    gradients: str = setting(
        "How stage gradients are combined: orthogonal or OSGD, normalized or "
        "NormSGD, sum or SGD, or OSGD_Norm; or aligned_mtl, cagrad, dual_proj, "
        "fairgrad, gradvac, imtlg, mgda, nash_mtl, pcgrad or upgrad.",
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
        "random_weighted_majority, dynamic_weight_average, famo, imtll, "
        "random_loss_weighting or uncertainty.",
        "constant",
    )
    weighting_arguments: str = setting(
        "Arguments of --weighting, as a JSON object such as "
        "'{\"gamma\": 0.1}'.",
        "{}",
    )
    distillation: str = setting(
        "What stages learn from beside the labels: last, the answers of the "
        "last stage, or none.",
        "none",
        choices=["none", "last"],
    )
    distillation_temperature: float = setting(
        "Temperature that softens the answers of --distillation.",
        3.0,
        lower_bound=0,
    )
    distillation_weight: float = setting(
        "Share of --distillation in the loss of a stage; the rest is the loss "
        "of the labels.",
        0.5,
        lower_bound=0,
        upper_bound=1,
    )
    greedy: bool = setting(
        "Train one stage after the other, each for --epochs, by the stage's "
        "loss alone.",
        False,
    )
    midfeat: bool = setting(
        "Train the last stage alone, then the heads of the others on its "
        "frozen network (Hu 2017), both for --epochs.",
        False,
    )
    epochs: int = setting("Passes over the training data.", 200, lower_bound=1)
    give_up_after: float = setting(
        "Share of the epochs, such as 0.1, after which a training fails if its "
        "loss is that of guessing; 0 never gives up.",
        0.0,
        lower_bound=0,
        upper_bound=1,
    )
    learning_rate: float = setting(
        "The learning rate at the start.", 0.1, lower_bound=0
    )
    momentum: float = setting(
        "Momentum of SGD.", 0.9, lower_bound=0, upper_bound=1
    )
    nesterov: bool = setting(
        "Nesterov's momentum; --nonesterov is the plain momentum of Hu 2017 "
        "and 2019.",
        True,
    )
    schedule: str = setting(
        "Learning rate: constant, cosine to 0, divided by 5 at 30%, 60% and "
        "80% of the epochs (Wan 2020), by 10 at 50% and 75% (Hu 2019), or by "
        "--drop_factor after each of --drop_epochs.",
        "cosine",
        choices=["constant", "cosine", "steps", "tenths", "epochs"],
    )
    drop_epochs: list[str] | None = setting(
        "Numbers of epochs after which the learning rate falls, such as 30,60, "
        "with --schedule=epochs.",
        None,
    )
    drop_factor: float = setting(
        "The learning rate is divided by it, with --schedule=epochs.", 10.0
    )
    warmup_epochs: int = setting(
        "Epochs at the start in which the learning rate rises, with "
        "--schedule=steps, tenths or epochs.",
        0,
        lower_bound=0,
    )
    mixed_precision: str = setting(
        "Compute in 16 bits; weights and logits keep 32.",
        "none",
        choices=["none", "bfloat16", "float16"],
    )
    devices: int = setting(
        "GPUs of this machine that share each batch; CPU devices if it has no "
        "GPU.",
        1,
        lower_bound=1,
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

        They are kept in the run folder; see `compared`.
        """
        in_parts = self.greedy or self.midfeat
        settings = {
            field.name: getattr(self, field.name)
            for field in self.flags()
            if field.name not in NOT_COMPARED
            and not (in_parts and field.name in _UNUSED_IN_PARTS)
            and not (self.model and field.name in OF_BUILT_NETWORKS)
        }
        if self.model:
            settings["model_sha256"] = self.model_sha256
        return settings

    def compared(self) -> dict[str, Any]:
        """Returns the settings that must be those of a run that goes on."""
        return {
            name: value
            for name, value in self.to_dict().items()
            if name not in MAY_DIFFER
        }

    def network_arguments(self) -> dict[str, Any]:
        """Returns the arguments of the builder that do not depend on the data.

        Raises:
            ValueError: If one cannot be read, or depends on the data.
        """
        arguments = super().network_arguments()
        for name in ("input_shape", "classes"):
            if name in arguments:
                raise ValueError(
                    f"--net_arguments cannot set {name}: the data decide on "
                    f"it. Received: {self.net_arguments}"
                )
        return {"l2": self.l2, **arguments}

    def check_strategy(self) -> None:
        """Raises a `ValueError` if the way of training ignores a setting."""
        if self.greedy and self.midfeat:
            raise ValueError(
                "--greedy and --midfeat are two ways of training: choose one. "
                "Received: both"
            )
        if self.oracle_stage and self.oracle_share:
            raise ValueError(
                "--oracle_stage and --oracle_share both choose the stage of a "
                "separate network: give one of them. Received: both"
            )
        for name in ("oracle_stage", "oracle_share") if self.midfeat else ():
            if getattr(self, name):
                raise ValueError(
                    "--midfeat trains heads of several stages, and an oracle's "
                    f"network has one. Received: --{name}={getattr(self, name)}"
                )
        way = "greedy" if self.greedy else "midfeat"
        for name in _UNUSED_IN_PARTS if self.greedy or self.midfeat else ():
            if self._is_set(name):
                raise ValueError(
                    f"--{way} trains each stage by its own loss alone. "
                    f"Received: --{name}={getattr(self, name)}"
                )
        for name in OF_BUILT_NETWORKS if self.model else ():
            if self._is_set(name):
                raise ValueError(
                    f"--{name} is for networks that are built: leave it out "
                    "with --model. "
                    f"Received: --{name}={getattr(self, name)} and "
                    f"--model={self.model}"
                )
        if self.heads_epochs and not self.model:
            raise ValueError(
                "--heads_epochs is for a network that has learned before: give "
                f"--model. Received: --heads_epochs={self.heads_epochs}"
            )
        if self.heads_epochs and (self.greedy or self.midfeat):
            raise ValueError(
                f"--{way} is another way of training than --heads_epochs: "
                f"choose one. Received: --heads_epochs={self.heads_epochs}"
            )
        if self.greedy and self.distillation != "none":
            raise ValueError(
                "--greedy trains each stage before the last one, which cannot "
                f"teach it. Received: --distillation={self.distillation}"
            )
        for name in ("distillation_temperature", "distillation_weight"):
            if self.distillation == "none" and self._is_set(name):
                raise ValueError(
                    f"--{name} needs --distillation=last. "
                    f"Received: --{name}={getattr(self, name)}"
                )
        if "nesterov" in self.given and self.nesterov and not self.momentum:
            raise ValueError(
                "--nesterov needs a momentum above 0. Received: --momentum=0"
            )

    def check_data(self) -> None:
        """Raises a `ValueError` if settings of the data contradict."""
        if (self.train_split is None) != (self.eval_split is None):
            raise ValueError(
                "Give both --train_split and --eval_split, or none. Received: "
                f"train_split={self.train_split}, eval_split={self.eval_split}"
            )
        if self.test_split is not None and self.eval_split is None:
            raise ValueError(
                "With --test_split, give --train_split and --eval_split too. "
                f"Received: --test_split={self.test_split}"
            )
        if self.augmentation is not None and not self.augment:
            raise ValueError(
                "--noaugment turns off what --augmentation asks for: give one "
                "of them. "
                f"Received: --augmentation={','.join(self.augmentation)}"
            )

    def _is_set(self, name):
        """Whether the user chose a setting, also if to its default."""
        return name in self.given or (
            getattr(self, name) != self.defaults()[name]
        )
