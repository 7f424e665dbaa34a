"""Settings of a compression: the flags of tools/compress.py."""

import dataclasses

from keras_anytime.experiments.settings import DATA_HELP
from keras_anytime.experiments.settings import DataLocation
from keras_anytime.experiments.settings import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompressSettings(DataLocation):
    """Settings for `keras_anytime.experiments.compress.compress`."""

    model: str = setting("The trained network, a .keras file.")
    output: str = setting("The .keras file to write.")
    method: str = setting(
        "How to compress: train for 8 bits, set weights to zero, or let "
        "kernels have few values.",
        choices=["quantization_aware", "prune", "cluster"],
    )
    data: str | None = setting(
        f"{DATA_HELP}; else that of the model's training.", None
    )
    train_split: str | None = setting(
        "Split to fine-tune on, such as train[:45000]; else the data set's "
        "own.",
        None,
    )
    epochs: int = setting("Passes over the training data.", 1, lower_bound=1)
    batch_size: int = setting("Images per training step.", 128, lower_bound=1)
    sparsity: float = setting(
        "Share of zeros in each kernel, for --method=prune.", 0.5
    )
    clusters: int = setting(
        "Different values in each kernel, for --method=cluster.",
        16,
        lower_bound=3,
    )
    learning_rate: float | None = setting(
        "Learning rate of Adam; else that of --method.", None, lower_bound=0
    )
