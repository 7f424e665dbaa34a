"""Settings that the trainings of a paper have in common."""

import json
from collections.abc import Mapping
from typing import Any

# The papers' data sets by the names that their rows have.
DATA: dict[str, dict[str, Any]] = {
    "cifar10": {"data": "cifar10"},
    "cifar100": {"data": "cifar100"},
    "svhn": {"data": "svhn_cropped", "train_split": "train+extra"},
    "imagenet": {
        "data": "imagenet2012",
        "eval_split": "validation",
        "image_size": 224,
    },
    "cub": {"data": "caltech_birds2011", "image_size": 224},
}
# The loss weights of Hu and Lee are those of a sum.
SUM = {
    "gradients": "sum",
    "gradients_arguments": json.dumps({"reduction": "sum"}),
}
# The learning rate of 90 epochs of ImageNet, in Hu 2019 and Lee 2018.
IMAGENET_SCHEDULE: dict[str, Any] = {
    "schedule": "epochs",
    "drop_epochs": ["30", "60"],
    "drop_factor": 10.0,
}
# The papers' milestones, as columns of tables and as shares of the cost.
MILESTONES = {"1/4": 0.25, "1/2": 0.5, "3/4": 0.75, "1": 1.0}
_SPLITS = {"train_split": "train", "eval_split": "test"}
# The last 5,000 training images of CIFAR are for validation.
_VALIDATION = {"train_split": "train[:45000]", "eval_split": "train[45000:]"}


def trained_on(data: str, **settings: Any) -> dict[str, Any]:
    """Returns settings of a training on all training images of a data set.

    Args:
        data: String, one of `DATA`.
        **settings: Further settings.
    """
    return {**_SPLITS, **DATA[data], **settings}


def validated_on(data: str, **settings: Any) -> dict[str, Any]:
    """Returns settings of a training on CIFAR but for 5,000 images.

    These are the validation split.

    Args:
        data: String, `"cifar10"` or `"cifar100"`.
        **settings: Further settings.
    """
    return {**DATA[data], **_VALIDATION, **settings}


def arguments(**values: Any) -> str:
    """Returns arguments as a flag has them: a JSON object.

    Args:
        **values: The arguments.
    """
    return json.dumps(values)


def flag_lines(settings: Mapping[str, Any]) -> list[str]:
    """Returns the flags of `keras-anytime-train` that make settings.

    Args:
        settings: Dict of `TrainSettings`.
    """
    return [_flag(name, value) for name, value in settings.items()]


def with_scale(
    settings: Mapping[str, Any], scale: float | None
) -> dict[str, Any]:
    """Returns settings whose normalized gradients have another constant C.

    Args:
        settings: Dict of `TrainSettings`.
        scale: Float, or `None` to keep the paper's.
    """
    combiner = json.loads(settings.get("gradients_arguments", "{}"))
    normalized = (
        combiner.get("normalize") or settings.get("gradients") == "normalized"
    )
    if scale is None or not normalized:
        return dict(settings)
    return {
        **settings,
        "gradients_arguments": json.dumps({**combiner, "scale": scale}),
    }


def _flag(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no{name}"
    if isinstance(value, list | tuple):
        value = ",".join(map(str, value))
    return f"--{name}={value}"
