"""Settings that try a row in seconds: small networks, few images."""

import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from keras_anytime import data
from keras_anytime.experiments.papers.random_images import write_random_images
from keras_anytime.experiments.papers.random_images import write_taxonomy
from keras_anytime.nets import catalogue

# Arguments of small networks, by the names of their builders. Networks for
# ImageNet are small by those of `_SMALL_IMAGENET`.
_SMALL: dict[str, dict[str, Any]] = {
    "width_nested_resnet": {"units": [1, 1], "filters": [8, 16]},
    "sparse_resnet": {"units": [8], "filters": [8]},
    "cascade_sparse_resnet": {"units": [8], "filters": [4]},
    "res_ann": {"units": [1, 1, 1], "filters": [4, 8, 16]},
    "msdnet": {
        "num_stages": 2,
        "first_head": 1,
        "head_every": 1,
        "initial_filters": 4,
        "growth": 2,
    },
    "inclusive_resnext": {
        "num_stages": 2,
        "units": [1, 1],
        "filters": [8, 16],
        "branches": 4,
        "branch_filters": 2,
    },
    "shallow_resnext": {
        "units": [2, 2],
        "filters": [8, 16],
        "branches": 2,
        "branch_filters": 2,
    },
}
_SMALL["inclusive_sparse_resnext"] = _SMALL["inclusive_resnext"]
_SMALL["dense_ann"] = {
    "layers_per_block": [2, 2],
    "growth": 4,
    "first_head": 2,
    "head_every": 2,
}
_SMALL_IMAGENET: dict[str, dict[str, Any]] = {
    "width_nested_resnet": {"units": [1, 1], "filters": [16, 32]},
    "sparse_resnet": {"units": [4], "filters": [8]},
    "res_ann": {"units": [1, 1], "filters": [16, 32], "head_every": 1},
    "dense_ann": _SMALL["dense_ann"],
    "msdnet": {**_SMALL["msdnet"], "layers_per_block": None},
    "inclusive_sparse_resnext": {
        **_SMALL["inclusive_resnext"],
        "units": [1, 1, 1, 1],
        "filters": [8, 16, 32, 32],
    },
}
# Small networks have at least so many stages.
_LEAST_STAGES = 2
# Images that are resized are so large at most.
_MOST_PIXELS = 64


def smoke_settings(
    settings: Mapping[str, Any], folder: pathlib.Path
) -> dict[str, Any]:
    """Returns settings that try those of a row in seconds.

    The network is a small one of its family, and is trained for two epochs on
    a few images of the data set. Where the data set is not prepared, images
    are random.

    Args:
        settings: Dict of the row's `TrainSettings`.
        folder: Path of a folder for random images.
    """
    configuration = catalogue.find(settings["net"])
    sizes = _SMALL_IMAGENET if configuration.imagenet else _SMALL
    small = dict(sizes.get(configuration.builder.__name__, {}))
    # Networks of one stage stay so.
    if configuration.arguments.get("num_stages") == 1:
        small["num_stages"] = 1
    if configuration.arguments.get("first_head"):
        small["first_head"] = sum(small.get("layers_per_block") or [1])
    arguments = {
        **json.loads(settings.get("net_arguments", "{}")),
        **small,
    }
    smoke = {
        # A row may give its network's sizes by flags, too.
        **{name: v for name, v in settings.items() if name not in small},
        "net_arguments": json.dumps(arguments),
        "epochs": 2,
        "batch_size": 8,
    }
    if settings.get("oracle_share"):
        # The first stage of a small network takes more of its cost.
        smoke["oracle_share"] = 1.0
    if "drop_epochs" in settings:
        smoke["drop_epochs"] = ["1"]
    if "oracle_stage" in settings:
        smoke["oracle_stage"] = min(settings["oracle_stage"], _LEAST_STAGES)
    if "image_size" in settings:
        smoke["image_size"] = min(settings["image_size"], _MOST_PIXELS)
    return smoke | (
        _few_images(settings)
        if _is_prepared(settings["data"], smoke.get("image_size"))
        else _random_images(settings, smoke.get("image_size"), folder)
    )


def _is_prepared(name: str, image_size: int | None) -> bool:
    try:
        data.info(name, image_size=image_size)
    except FileNotFoundError:
        return False
    return True


def _few_images(settings: Mapping[str, Any]) -> dict[str, str]:
    """Returns splits of a few images of the row's own splits."""
    few = {}
    for name, start in (
        ("train_split", 0),
        ("eval_split", 16),
        ("test_split", 32),
    ):
        if name in settings:
            (whole,) = re.findall(r"^\w+", settings[name])
            few[name] = f"{whole}[{start}:{start + 16}]"
    return few


def _random_images(
    settings: Mapping[str, Any],
    image_size: int | None,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Returns settings of random images, written to a folder."""
    size = image_size or 32
    images = folder / f"images_{size}"
    class_names = write_random_images(
        images, size, several_sizes=image_size is not None
    )
    random: dict[str, Any] = {
        "data": f"folder:{images}",
        "image_size": size,
        "train_split": "train",
        "eval_split": "test",
    }
    if "test_split" in settings:
        random["test_split"] = "test"
    labels = settings.get("labels")
    if labels is not None:
        is_table = labels.endswith(".csv")
        label_sets = (
            ("species", "level2", "level3", "level4")
            if is_table
            else tuple(json.loads(labels))
        )
        table = folder / f"{'_'.join(label_sets)}.csv"
        write_taxonomy(table, label_sets, class_names)
        random["labels"] = str(table)
    return random
