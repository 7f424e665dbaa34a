"""Settings of a benchmark of training steps: flags of benchmark_training.py."""

import dataclasses

from keras_anytime.experiments.settings import NetworkSettings
from keras_anytime.experiments.settings import setting

# Without --net, this network has these sizes instead of the paper's.
_DEFAULT_NET = "width_nested_resnet"
_DEFAULT_SIZES = {"units": (3, 3, 3), "filters": (16, 32, 64)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingBenchmarkSettings(NetworkSettings):
    """Settings for `keras_anytime.experiments.training_benchmark`."""

    net: str = setting(
        "The network: a name that list_networks.py lists, or a builder of "
        "ka.nets. The default has --units=3,3,3 and --filters=16,32,64, if not "
        "given.",
        _DEFAULT_NET,
    )
    image_size: int | None = setting(
        "Height and width of images; else as --net has them.",
        None,
        lower_bound=8,
    )
    batch_size: int = setting("Images per training step.", 64, lower_bound=1)
    repetitions: int = setting(
        "Rounds that all networks are measured in.", 9, lower_bound=1
    )
    steps: int = setting(
        "Training steps of each network in a round; rounded up to a multiple "
        "of --refresh_every.",
        4,
        lower_bound=1,
    )
    refresh_every: int = setting(
        "Training steps that share coefficients in the row with `refreshed`.",
        4,
        lower_bound=1,
    )
    masked: bool = setting(
        "Add a row of OSGD with one masked kernel a layer.", False
    )
    batch_norm: bool = setting(
        "Add a row of OSGD with Keras' batch normalization.", False
    )
    bound: bool = setting(
        "Add a row of what OSGD has to compute at the least.", False
    )
    gram: bool = setting(
        "Add a row of the Gram matrix and the coefficients alone.", False
    )
    combiners: list[str] | None = setting(
        "Add a row for each of the combiners named, such as mgda,upgrad.",
        None,
    )
    all: bool = setting(
        "Add the rows of --masked, --batch_norm, --bound and --gram that the "
        "network can have.",
        False,
    )
    against: str | None = setting(
        "Add rows of the same networks on another backend.",
        None,
        choices=["tensorflow", "jax"],
    )
    peak_tflops: float | None = setting(
        "Operations that the device could do at best, in 10^12 a second, for "
        "the column of_peak.",
        None,
        lower_bound=0,
    )
    serve: bool = setting(
        "Run training steps for another process, unmeasured.", False
    )
    csv: str | None = setting("CSV file to write the table to.", None)

    @property
    def steps_per_round(self) -> int:
        """Training steps of each network in a round."""
        periods = -(-self.steps // self.refresh_every)
        return periods * self.refresh_every

    def default_sizes(self) -> dict[str, tuple[int, ...]]:
        """Returns the arguments of the network that replace the paper's."""
        return dict(_DEFAULT_SIZES) if self.net == _DEFAULT_NET else {}
