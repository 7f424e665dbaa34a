"""The experiments of Lee and Shin, 2018: thin stages and label sets."""

from typing import Any

from keras_anytime.experiments.papers.experiment import Experiment
from keras_anytime.experiments.papers.experiment import Row
from keras_anytime.experiments.papers.protocol import DATA
from keras_anytime.experiments.papers.protocol import IMAGENET_SCHEDULE
from keras_anytime.experiments.papers.protocol import SUM
from keras_anytime.experiments.papers.protocol import arguments

_NOTES = (
    "As in the paper, 5,000 training images of CIFAR, 50,000 of ImageNet and "
    "1,000 of CUB are the validation split: here the last ones. The errors are "
    "those on the test split, for ImageNet the original validation split. "
)
_NOTES_FIGURE_3A = (
    "The errors with shared normalization follow from the text: those with "
    "independent normalization are 81.7% and 19.6% smaller. "
)
_NOTES_FIGURE_5A = "The wanted error of 30% is our choice. "
_NOTES_FIGURE_4 = (
    "The paper does not give the depths of its fixed networks; ours are common "
    "ones. MSDNet has linear heads, as in the paper. "
)
_NOTES_CUB = (
    "The taxonomy of CUB is not in the paper: cub_taxonomy.csv is a table with "
    "the columns species, level2, level3 and level4, and a line for each of "
    "the 200 species. "
)

_SPLITS = {
    "cifar10": ("train[:45000]", "train[45000:]", "test"),
    "cifar100": ("train[:45000]", "train[45000:]", "test"),
    "imagenet": ("train[:1231167]", "train[1231167:]", "validation"),
    "cub": ("train[:4994]", "train[4994:]", "test"),
}
# Figure 3c: separate networks of these stages.
_NUM_STAGES = 8
_CIFAR100_LABELS = {"fine": "label", "coarse": "coarse_label"}


def _row(
    net: str,
    data: str,
    method: str,
    settings: dict[str, Any] | None = None,
    published: dict[str, float] | None = None,
    **labels: str,
) -> Row:
    training = {
        "imagenet": {
            "epochs": 90,
            "batch_size": 96,
            **IMAGENET_SCHEDULE,
        },
        "cub": {"epochs": 150, "batch_size": 64, "schedule": "tenths"},
    }.get(data, {"epochs": 300, "batch_size": 64, "schedule": "tenths"})
    train, evaluation, test = _SPLITS[data]
    return Row(
        {
            "paper": "lee2018",
            "net": net,
            "data": data,
            "method": method,
            **labels,
        },
        {
            **DATA[data],
            "train_split": train,
            "eval_split": evaluation,
            "test_split": test,
            "net": net,
            **SUM,
            "weighting": "constant",
            **(settings or {}),
            "learning_rate": 0.1,
            **training,
        },
        published or {},
    )


def _separate(net: str, method: str) -> list[Row]:
    """Returns a separate network for each stage of a network."""
    return [
        _row(
            net,
            "cifar10",
            method,
            {"oracle_stage": stage},
            stage=str(stage),
        )
        for stage in range(1, _NUM_STAGES + 1)
    ]


def _figure4(data: str) -> tuple[Row, ...]:
    """Returns anytime networks, and networks of one stage beside them."""
    return (
        _row("inclusive_resnext65", data, "joint"),
        _row("inclusive_sparse_resnext47", data, "joint"),
        _row(
            "msdnet_10",
            data,
            "joint",
            {"net_arguments": arguments(head="linear")},
        ),
        *(
            _row(net, data, "fixed")
            for net in (
                "resnet_20",
                "resnet_56",
                "resnet_110",
                "resnext29",
                "resnext65",
                "densenet_bc_40_12",
                "densenet_bc_100_12",
            )
        ),
    )


def experiments() -> list[Experiment]:
    """Returns the experiments of the paper."""
    shared = {"net_arguments": arguments(normalization="shared")}
    thin = _row(
        "inclusive_resnext29",
        "cifar10",
        "joint",
        published={"stage 1": 12.9, "stage 8": 7.2},
    )
    return [
        Experiment(
            "lee2018_figure3a",
            "Independent and shared batch normalization of thin stages",
            (
                thin,
                _row(
                    "inclusive_resnext29",
                    "cifar10",
                    "shared",
                    shared,
                    published={"stage 1": 70.5, "stage 8": 9.0},
                ),
            ),
            "stages",
            seeds=5,
            notes=_NOTES_FIGURE_3A + _NOTES,
        ),
        Experiment(
            "lee2018_figure3b",
            "The l1 norm of the weights of branches, fifth block",
            (thin, _row("resnext29", "cifar10", "fixed")),
            "branch_norms",
            {"block": 5},
            seeds=5,
            notes=_NOTES,
        ),
        Experiment(
            "lee2018_figure3c",
            "Thin and shallow stages, trained together and separately",
            (
                thin,
                _row("shallow_resnext29", "cifar10", "joint"),
                *_separate("inclusive_resnext29", "opt"),
                *_separate("shallow_resnext29", "opt"),
            ),
            "curves",
            seeds=5,
            notes=_NOTES,
        ),
        Experiment(
            "lee2018_figure4a",
            "Anytime and fixed networks: error against cost, CIFAR-10",
            _figure4("cifar10"),
            "curves",
            seeds=5,
            notes=_NOTES_FIGURE_4 + _NOTES,
        ),
        Experiment(
            "lee2018_figure4b",
            "Anytime and fixed networks: error against cost, CIFAR-100",
            _figure4("cifar100"),
            "curves",
            seeds=5,
            notes=_NOTES_FIGURE_4 + _NOTES,
        ),
        Experiment(
            "lee2018_figure4c",
            "IS-ResNeXt and MSDNet: error against cost, ImageNet",
            (
                _row(
                    "inclusive_sparse_resnext62_imagenet", "imagenet", "joint"
                ),
                _row(
                    "msdnet38_imagenet",
                    "imagenet",
                    "joint",
                    {"net_arguments": arguments(head="linear")},
                ),
            ),
            "curves",
            seeds=5,
            notes=_NOTES_FIGURE_4 + _NOTES,
        ),
        Experiment(
            "lee2018_figure5a",
            "Fine and coarse labels of IS-ResNeXt, CIFAR-100",
            (
                _row(
                    "inclusive_sparse_resnext47",
                    "cifar100",
                    "label_sets",
                    {"labels": arguments(**_CIFAR100_LABELS)},
                ),
            ),
            "label_sets",
            {"wanted_error": 0.3},
            seeds=5,
            notes=_NOTES_FIGURE_5A + _NOTES,
        ),
        Experiment(
            "lee2018_figure5b",
            "Four label sets of IS-ResNeXt, CUB-200",
            (
                _row(
                    "inclusive_sparse_resnext50_cub",
                    "cub",
                    "label_sets",
                    {"labels": "cub_taxonomy.csv"},
                ),
            ),
            "label_sets",
            {"wanted_error": 0.525},
            seeds=5,
            notes=_NOTES_CUB + _NOTES,
        ),
    ]
