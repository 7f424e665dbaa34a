"""Settings of a conversion: the flags of `tools/add_heads.py`."""

import dataclasses

from keras_anytime import tasks
from keras_anytime.experiments.settings import Settings
from keras_anytime.experiments.settings import setting

_SIZED = {
    "classification": tasks.Classification,
    "multi_label": tasks.MultiLabel,
    "regression": tasks.Regression,
    "segmentation": tasks.Segmentation,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConversionSettings(Settings):
    """Settings for `keras_anytime.experiments.conversion.convert_model`."""

    model: str = setting(
        "A .keras file of a functional or Sequential model of Keras."
    )
    output: str = setting(".keras file to write.")
    at: list[str] = setting(
        "Where to cut: shares of the multiply-adds such as 0.25, names of "
        "layers, or both.",
        ["0.25", "0.5"],
    )
    task: str = setting(
        "What the outputs mean.",
        "classification",
        choices=["binary", *_SIZED],
    )
    classes: int | None = setting(
        "Number of classes, labels or values; not for binary.",
        None,
        lower_bound=1,
    )
    width: int = setting(
        "Channels to which heads bring a thinner tensor; 0 for none.",
        128,
        lower_bound=0,
    )
    max_head_share: float = setting(
        "Share of a step's multiply-adds that its head may have.", 0.25
    )
    cuts: str | None = setting("CSV file for the table of all cuts.", None)

    def places(self) -> list[float | str]:
        """Returns the shares and the names of layers to cut at."""
        return [_number(entry) for entry in self.at]

    def wanted_task(self) -> tasks.Task:
        """Returns the task.

        Raises:
            ValueError: If `classes` is missing, or given for a binary answer.
        """
        if (self.task == "binary") != (self.classes is None):
            raise ValueError(
                "--classes is the number of outputs of every task but binary, "
                "which has one. "
                f"Received: --task={self.task} --classes={self.classes}"
            )
        if self.classes is None:
            return tasks.Binary()
        return _SIZED[self.task](self.classes)


def _number(entry: str) -> float | str:
    """Returns a number where the text is one."""
    try:
        return float(entry)
    except ValueError:
        return entry
