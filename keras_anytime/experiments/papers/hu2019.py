"""The experiments of Hu et al., 2019: AdaLoss and EANN."""

from typing import Any

from keras_anytime.experiments.papers.experiment import Experiment
from keras_anytime.experiments.papers.experiment import Row
from keras_anytime.experiments.papers.protocol import IMAGENET_SCHEDULE
from keras_anytime.experiments.papers.protocol import MILESTONES
from keras_anytime.experiments.papers.protocol import SUM
from keras_anytime.experiments.papers.protocol import arguments
from keras_anytime.experiments.papers.protocol import trained_on
from keras_anytime.experiments.papers.published import Published

_NOTES = (
    "Weighted losses are summed; the largest weight of AdaLoss, and every "
    "weight of CONST, is 1. The paper does not give the batch size: 128 on "
    "small images and 256 on ImageNet are our choice. Momentum is not "
    "Nesterov's. "
)
_NOTES_OPT = (
    "OPT is one network for each of the four milestones: the last stage within "
    "this share of the cost. "
)
_NOTES_FIGURE_1 = (
    "The paper names neither networks nor data of Figure 1: a pair of Figure "
    "5b is our choice. "
)
_NOTES_FIGURE_3 = (
    "The paper does not give the channels of its 15 residual units; ours are "
    "16. "
)
_NOTES_EANN = (
    "The paper uses an answer if it is better than those before it in "
    "validation. Here these rows train on all images and measure on the test "
    "images, which choose the answers, too: the errors of ensembles are a "
    "little too low. "
)
_NOTES_FIGURE_6B = (
    "The paper takes the errors of the plain networks from Huang et al., 2018, "
    "and does not name their depths; ours are common ones. "
)

_METHODS: dict[str, dict[str, Any]] = {
    "constant": {**SUM, "weighting": "constant"},
    "linear": {**SUM, "weighting": "linear"},
    "adaloss": {**SUM, "weighting": "adaloss"},
    "half_end": {
        **SUM,
        "weighting": "half_end",
        "weighting_arguments": arguments(total=2),
    },
}
_DATA = ("cifar10", "cifar100", "svhn")
_SMALL = [f"res_ann_{n}_{c}" for n in (7, 9, 13) for c in (16, 32)]
_LARGE = [f"res_ann_{n}_{c}" for n in (13, 17, 25) for c in (16, 32)]
# The 12 networks of Table 1, by their numbers of units and channels.
_NETS = [
    *(f"res_ann_{n}_{c}" for n in (7, 9, 13, 17, 25) for c in (16, 32)),
    "res_ann_9_64",
    "res_ann_9_128",
]
_EANN = [f"res_ann_{n}_32" for n in (7, 13, 25)]
_EANN_IMAGENET = [f"res_ann{n}_imagenet" for n in (26, 50, 101)]
# The plain networks of Figure 6b.
_RESNETS = [f"resnet{depth}_imagenet" for depth in (18, 34, 50, 101)]
_DENSENETS = [f"densenet{depth}_imagenet" for depth in (121, 169, 201)]


def _row(
    net: str,
    data: str,
    method: str,
    settings: dict[str, Any],
    published: dict[str, float] | None = None,
    **labels: str,
) -> Row:
    training = {
        "imagenet": {
            "epochs": 90,
            "batch_size": 256,
            **IMAGENET_SCHEDULE,
        },
        "svhn": {"epochs": 60, "batch_size": 128, "schedule": "tenths"},
    }.get(data, {"epochs": 300, "batch_size": 128, "schedule": "tenths"})
    if data == "svhn":
        training = {**training, "augmentation": ["crop", "blur"]}
    return Row(
        {
            "paper": "hu2019",
            "net": net,
            "data": data,
            "method": method,
            **labels,
        },
        trained_on(
            data,
            net=net,
            **settings,
            nesterov=False,
            learning_rate=0.1,
            **training,
        ),
        published or {},
    )


def _weighted(net: str, data: str, *methods: str) -> list[Row]:
    return [_row(net, data, method, _METHODS[method]) for method in methods]


def _optimal(net: str, data: str) -> list[Row]:
    """Returns OPT: a separate network for each milestone."""
    return [
        _row(
            net,
            data,
            "opt",
            {**_METHODS["constant"], "oracle_share": share},
            stage=f"at_{int(100 * share)}",
        )
        for share in MILESTONES.values()
    ]


def _imagenet(net: str, *methods: str) -> list[Row]:
    published = Published("hu2019_table2")
    return [
        _row(
            net,
            "imagenet",
            method,
            _METHODS[method],
            published.values(net=net, method=method),
        )
        for method in methods
    ]


def _ablation() -> tuple[Row, ...]:
    """Returns the 72 trainings of Tables 3, 4 and 5."""
    return tuple(
        _row(
            f"res_ann_{n}_32",
            data,
            f"adaloss_{gamma}_{momentum}_{every}",
            {
                **_METHODS["adaloss"],
                "weighting_arguments": arguments(
                    gamma=gamma, momentum=momentum, update_every=every
                ),
            },
        )
        for n in (9, 17, 25)
        for data in ("cifar10", "cifar100")
        for gamma in (0.0, 0.05, 0.15)
        for momentum in (0.9, 0.99)
        for every in (1, 100)
    )


def _small_and_large(data: str) -> tuple[Row, ...]:
    """Returns small networks with AdaLoss, and large ones with CONST."""
    return (
        *(row for net in _SMALL for row in _weighted(net, data, "adaloss")),
        *(row for net in _LARGE for row in _weighted(net, data, "constant")),
    )


def _figure5(letter: str, data: str) -> Experiment:
    return Experiment(
        f"hu2019_figure5{letter}",
        f"Small networks with AdaLoss against large ones with CONST, {data}",
        _small_and_large(data),
        "pivoted_curves",
        {
            "pivot": "adaloss",
            "pairs": [list(pair) for pair in zip(_SMALL, _LARGE, strict=True)],
        },
        notes=_NOTES,
    )


def _ablation_table(number: int, parameter: int, reference: str) -> Experiment:
    name = ("gamma", "momentum", "update_every")[parameter]
    return Experiment(
        f"hu2019_table{number}",
        f"AdaLoss: change of the error with {name}, in %",
        _ablation(),
        "relative_change",
        # Of a method such as adaloss_0.05_0.9_1, the part that is compared.
        {"part": parameter + 1, "reference": reference},
        Published(f"hu2019_table{number}").by_method(),
        notes=_NOTES,
    )


def experiments() -> list[Experiment]:
    """Returns the experiments of the paper."""
    return [
        Experiment(
            "hu2019_table1",
            "Mean relative increase of the error over OPT, 12 networks and "
            "three data sets, in %",
            tuple(
                row
                for net in _NETS
                for data in _DATA
                for row in (
                    *_weighted(net, data, "constant", "linear", "adaloss"),
                    *_optimal(net, data),
                )
            ),
            "relative_increase",
            {"reference": "opt"},
            Published("hu2019_table1").by_method(),
            notes=_NOTES_OPT + _NOTES,
        ),
        Experiment(
            "hu2019_table2",
            "CONST and AdaLoss at four milestones, ImageNet",
            tuple(
                row
                for net in (
                    "res_ann50_imagenet",
                    "dense_ann169_imagenet",
                    "msdnet38_imagenet",
                )
                for row in _imagenet(net, "constant", "adaloss")
            ),
            "milestones",
            notes=_NOTES,
        ),
        _ablation_table(3, 0, "0.0"),
        _ablation_table(4, 1, "0.9"),
        _ablation_table(5, 2, "1"),
        Experiment(
            "hu2019_figure1",
            "A small network with AdaLoss, a large one with CONST, and OPT",
            (
                *_weighted("res_ann_13_32", "cifar100", "adaloss"),
                *_weighted("res_ann_25_32", "cifar100", "constant"),
                *_optimal("res_ann_25_32", "cifar100"),
            ),
            "curves",
            notes=_NOTES_FIGURE_1 + _NOTES_OPT + _NOTES,
        ),
        Experiment(
            "hu2019_figure3",
            "Relative increase of the training loss over OPT, CIFAR-100",
            (
                *_weighted(
                    "res_ann_5_16",
                    "cifar100",
                    "constant",
                    "half_end",
                    "adaloss",
                ),
                *(
                    _row(
                        "res_ann_5_16",
                        "cifar100",
                        "opt",
                        {**_METHODS["constant"], "oracle_stage": stage},
                        stage=str(stage),
                    )
                    for stage in range(1, 16)
                ),
            ),
            "training_loss",
            {"reference": "opt"},
            notes=_NOTES_FIGURE_3 + _NOTES,
        ),
        _figure5("a", "cifar10"),
        _figure5("b", "cifar100"),
        _figure5("c", "svhn"),
        Experiment(
            "hu2019_figure5d",
            "ResANN50 with AdaLoss against ResANN101 with CONST, ImageNet",
            (
                *_imagenet("res_ann50_imagenet", "adaloss"),
                *_imagenet("res_ann101_imagenet", "constant"),
            ),
            "pivoted_curves",
            {
                "pivot": "adaloss",
                "pairs": [["res_ann50_imagenet", "res_ann101_imagenet"]],
            },
            notes=_NOTES,
        ),
        Experiment(
            "hu2019_figure5e",
            "MSDNet33 with AdaLoss against MSDNet38 with CONST, ImageNet",
            (
                *_imagenet("msdnet33_imagenet", "adaloss"),
                *_imagenet("msdnet38_imagenet", "constant"),
            ),
            "pivoted_curves",
            {
                "pivot": "adaloss",
                "pairs": [["msdnet33_imagenet", "msdnet38_imagenet"]],
            },
            notes=_NOTES,
        ),
        Experiment(
            "hu2019_figure5f",
            "Networks with CONST and AdaLoss: error against cost, ImageNet",
            (
                *_imagenet("res_ann50_imagenet", "constant", "adaloss"),
                *_imagenet("dense_ann169_imagenet", "constant", "adaloss"),
                *_imagenet("msdnet33_imagenet", "adaloss"),
                *_imagenet("msdnet38_imagenet", "constant", "adaloss"),
            ),
            "curves",
            notes=_NOTES,
        ),
        Experiment(
            "hu2019_figure6a",
            "EANN with AdaLoss and with CONST, CIFAR-100",
            tuple(
                row
                for net in _EANN
                for row in (
                    *_weighted(net, "cifar100", "adaloss", "constant"),
                    *_optimal(net, "cifar100"),
                )
            ),
            "ensemble",
            {"members": _EANN, "base": 2, "rule": "validation"},
            notes=_NOTES_EANN + _NOTES_OPT + _NOTES,
        ),
        Experiment(
            "hu2019_figure6b",
            "EANN against ensembles of plain networks, ImageNet",
            (
                *(
                    row
                    for net in _EANN_IMAGENET
                    for row in _imagenet(net, "adaloss")
                ),
                *_imagenet("msdnet38_imagenet", "constant"),
                *(
                    _row(net, "imagenet", "plain", _METHODS["constant"])
                    for net in (*_RESNETS, *_DENSENETS)
                ),
            ),
            "ensemble",
            {
                "members": {
                    "EANN": _EANN_IMAGENET,
                    "ensemble of ResNets": _RESNETS,
                    "ensemble of DenseNets": _DENSENETS,
                },
                "base": 2,
                "rule": "validation",
            },
            notes=_NOTES_EANN + _NOTES_FIGURE_6B + _NOTES,
        ),
        Experiment(
            "hu2019_figure6c",
            "Weights of AdaLoss at the end of training, three data sets",
            tuple(
                row
                for data in _DATA
                for row in _weighted("res_ann_25_32", data, "adaloss")
            ),
            "weights",
            notes=_NOTES,
        ),
    ]
