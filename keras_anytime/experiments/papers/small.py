"""Small experiments: the papers' claims, tried on two CPU cores.

Real CIFAR-10 images, reduced to 16 x 16 pixels, train networks of a few units
for a few epochs. Each experiment asks what one table or figure of a paper
claims, with as few trainings as can answer it.
"""

from collections.abc import Iterable
from typing import Any

from keras_anytime.experiments.papers.experiment import Experiment
from keras_anytime.experiments.papers.experiment import Row
from keras_anytime.experiments.papers.protocol import MILESTONES
from keras_anytime.experiments.papers.protocol import SUM
from keras_anytime.experiments.papers.protocol import arguments
from keras_anytime.experiments.papers.protocol import validated_on

_NOTES = (
    "CIFAR-10 reduced to 16 x 16 pixels, 45,000 images to train on and the "
    "5,000 others to measure on; batches of 64, plain momentum. "
)
_NOTES_TUNING = (
    "CIFAR-10 reduced to 16 x 16 pixels, 20,000 training images to train on "
    "and 5,000 others of the training split to measure on; 5 epochs, batches "
    "of 64, plain momentum. The best rate has the least mean error of all "
    "stages. "
)
_NOTES_RATES = (
    "Rates are tuned for each strategy on the width nest, on 20,000 training "
    "images and 5,000 others of the training split, with one seed "
    "(small_rates). "
)
_NOTES_HU = (
    "Rates are tuned for each weighting as for the width nest "
    "(small_rates_weightings); that of OPT is the paper's, 0.1. "
)
_NOTES_LABELS = (
    "CIFAR-100 is not complete here: two label sets of CIFAR-10, the classes, "
    "and animals and vehicles. "
)

_IMAGES: dict[str, Any] = {"image_size": 16, "augmentation": ["crop=2", "flip"]}
_WAN: dict[str, Any] = {"epochs": 10, "schedule": "steps", "nesterov": False}
_HU: dict[str, Any] = {"epochs": 6, "schedule": "tenths", "nesterov": False}
_LEE: dict[str, Any] = {"epochs": 6, "schedule": "tenths", "nesterov": False}
# The part of the training images on which rates are tuned.
_TUNING: dict[str, Any] = {
    "train_split": "train[:20000]",
    "eval_split": "train[40000:45000]",
    "epochs": 5,
}
_WIDE: dict[str, Any] = {
    "filters": ["32", "64", "128"],
    "units": ["1", "1", "1"],
}
_RESNEXT: dict[str, Any] = {
    "filters": [32, 64, 128],
    "branches": 4,
    "branch_filters": 8,
}
_THIN: dict[str, Any] = {**_RESNEXT, "num_stages": 4, "units": [1, 1, 1]}

_NETS: dict[str, dict[str, Any]] = {
    "width": {"net": "width_resnet42", **_WIDE},
    "even": {"net": "even_width_resnet42", **_WIDE},
    "depth": {
        "net": "depth_sparse_resnet98",
        "nesting": "d1-d2-d4",
        "units": ["4", "4", "4"],
        "filters": ["16", "32", "64"],
    },
    **{
        f"res_ann_{n}": {
            "net": "res_ann_5_16",
            "units": [str(n)] * 3,
        }
        for n in (1, 2, 4)
    },
    "inclusive": {
        "net": "inclusive_resnext29",
        "net_arguments": arguments(**_THIN),
    },
    "inclusive_sparse": {
        "net": "inclusive_sparse_resnext47",
        "net_arguments": arguments(**_THIN),
    },
    "shallow": {
        "net": "shallow_resnext29",
        "net_arguments": arguments(**_RESNEXT, units=[2, 2, 1]),
    },
}
_STRATEGIES: dict[str, dict[str, Any]] = {
    "sgd": {"gradients": "sum"},
    "osgd": {"gradients": "orthogonal"},
    "greedy": {"greedy": True},
    "normsgd": {
        "gradients": "normalized",
        "gradients_arguments": arguments(scale=0.03),
    },
}
# The best of small_rates; below, of small_rates_weightings. AANN has the rate of
# the sieve.
_RATES = {"sgd": 0.8, "osgd": 0.2, "greedy": 0.2, "normsgd": 0.025}
_WEIGHTINGS: dict[str, dict[str, Any]] = {
    "constant": {**SUM, "weighting": "constant"},
    "linear": {**SUM, "weighting": "linear"},
    "adaloss": {**SUM, "weighting": "adaloss"},
    "sieve": {
        **SUM,
        "weighting": "sieve",
        "weighting_arguments": arguments(total=2),
    },
    "aann": {
        **SUM,
        "weighting": "alternating",
        "weighting_arguments": arguments(base={"name": "sieve", "total": 2}),
    },
}
_WEIGHTING_RATES = {
    "constant": 0.025,
    "linear": 0.05,
    "adaloss": 0.05,
    "sieve": 0.1,
    "aann": 0.1,
}


def _row(net: str, method: str, settings: dict[str, Any], **labels: str) -> Row:
    return Row(
        {"paper": "small", "net": net, "method": method, **labels},
        validated_on(
            "cifar10",
            **{
                **_NETS[net],
                **_IMAGES,
                "batch_size": 64,
                **settings,
            },
        ),
    )


def _wan(net: str, method: str, **settings: Any) -> Row:
    """Returns a row with a strategy, whose name begins the method's."""
    strategy = method.partition("_")[0]
    return _row(
        net,
        method,
        {
            **_STRATEGIES[strategy],
            "learning_rate": _RATES[strategy],
            **_WAN,
            **settings,
        },
    )


def _rates() -> Iterable[Row]:
    grid = {
        "sgd": (0.1, 0.2, 0.4, 0.8, 1.6),
        "osgd": (0.05, 0.1, 0.2, 0.4),
        "greedy": (0.05, 0.1, 0.2, 0.4),
        "normsgd": (0.0125, 0.025, 0.05, 0.1),
    }
    for strategy, rates in grid.items():
        for rate in rates:
            yield _wan(
                "width", f"{strategy}_{rate}", learning_rate=rate, **_TUNING
            )


def _oracle() -> list[Row]:
    """Returns the separate networks of the width nest's stages.

    Each has one loss, as in greedy training, and the rate of that.
    """
    settings = {**_STRATEGIES["sgd"], "learning_rate": _RATES["greedy"], **_WAN}
    return [
        _row(
            "width",
            "opt",
            {**settings, "oracle_stage": stage},
            stage=str(stage),
        )
        for stage in (1, 2, 3)
    ]


def _weighted(net: str, *methods: str) -> list[Row]:
    return [
        _row(
            net,
            method,
            {
                **_WEIGHTINGS[method],
                "learning_rate": _WEIGHTING_RATES[method],
                **_HU,
            },
        )
        for method in methods
    ]


def _weighting_rates() -> Iterable[Row]:
    grid = (0.025, 0.05, 0.1, 0.2)
    grids = {
        "constant": (0.0125, *grid),
        "linear": grid,
        "sieve": grid,
        "adaloss": grid,
    }
    for method, rates in grids.items():
        for rate in rates:
            settings = {**_WEIGHTINGS[method], **_HU, **_TUNING}
            yield _row(
                "res_ann_2",
                f"{method}_{rate}",
                {**settings, "learning_rate": rate},
            )


def _optimal(
    net: str, shares: Iterable[float] = tuple(MILESTONES.values())
) -> list[Row]:
    """Returns OPT: a separate network for each milestone."""
    return [
        _row(
            net,
            "opt",
            {**_WEIGHTINGS["constant"], **_HU, "oracle_share": share},
            stage=f"at_{int(100 * share)}",
        )
        for share in shares
    ]


def _lee(net: str, method: str = "joint", **settings: Any) -> Row:
    return _row(net, method, {**SUM, **_LEE, **settings})


def experiments() -> list[Experiment]:
    """Returns the small experiments, in the order in which to train them."""
    osgd = _wan("width", "osgd")
    eann = ["res_ann_1", "res_ann_2", "res_ann_4"]
    shared = {"net_arguments": arguments(**_THIN, normalization="shared")}
    return [
        Experiment(
            "small_rates",
            "Learning rates of four strategies",
            tuple(_rates()),
            "stages",
            notes=_NOTES_TUNING,
        ),
        Experiment(
            "small_strategies",
            "SGD, OSGD, greedy training and NormSGD on three nests",
            (
                _wan("width", "sgd"),
                osgd,
                _wan("width", "normsgd"),
                _wan("width", "greedy"),
                *(
                    _wan(net, strategy)
                    for net in ("depth", "even")
                    for strategy in ("sgd", "osgd")
                ),
            ),
            "stages",
            {"paired": "sgd"},
            seeds=3,
            notes=_NOTES_RATES + _NOTES,
        ),
        Experiment(
            "small_one_rate",
            "SGD and OSGD at the one rate of the paper, 0.1",
            tuple(
                _wan("width", f"{strategy}_one_rate", learning_rate=0.1)
                for strategy in ("sgd", "osgd")
            ),
            "stages",
            {"paired": "sgd_one_rate"},
            seeds=3,
            notes=_NOTES,
        ),
        Experiment(
            "small_priorities",
            "Four stage priorities of OSGD",
            (
                osgd,
                *(
                    _wan(
                        "width",
                        "osgd_" + "".join(map(str, order)),
                        gradients_arguments=arguments(priority=order),
                    )
                    for order in ([2, 1, 3], [2, 3, 1], [3, 2, 1])
                ),
            ),
            "stages",
            {"paired": "osgd"},
            seeds=3,
            notes=_NOTES_RATES + _NOTES,
        ),
        Experiment(
            "small_deadlines",
            "Error under deadlines: width nest, even widths and oracle",
            (osgd, _wan("even", "osgd"), *_oracle()),
            "deadlines",
            seeds=3,
            notes=_NOTES_RATES + _NOTES,
        ),
        Experiment(
            "small_rates_weightings",
            "Learning rates of four weightings",
            tuple(_weighting_rates()),
            "milestones",
            notes=_NOTES_TUNING,
        ),
        Experiment(
            "small_weightings",
            "Four weightings at four milestones, beside OPT",
            (
                *_weighted(
                    "res_ann_2", "constant", "linear", "sieve", "adaloss"
                ),
                *_optimal("res_ann_2"),
            ),
            "milestones",
            {"paired": "constant"},
            seeds=3,
            notes=_NOTES_HU + _NOTES,
        ),
        Experiment(
            "small_sampling",
            "Alternating sampling against none",
            tuple(_weighted("res_ann_2", "sieve", "aann")),
            "milestones",
            {"paired": "sieve"},
            seeds=3,
            notes=_NOTES_HU + _NOTES,
        ),
        Experiment(
            "small_ensemble",
            "EANN with AdaLoss and with CONST, beside OPT+",
            tuple(
                row
                for net in eann
                for row in (
                    *_weighted(net, "adaloss", "constant"),
                    *_optimal(net, (0.5, 1.0)),
                )
            ),
            "ensemble",
            {"members": eann, "base": 2, "rule": "validation"},
            seeds=3,
            notes=_NOTES_HU + _NOTES,
        ),
        Experiment(
            "small_normalization",
            "Independent and shared batch normalization of thin stages",
            (_lee("inclusive"), _lee("inclusive", "shared", **shared)),
            "stages",
            {"paired": "joint"},
            seeds=3,
            notes=_NOTES,
        ),
        Experiment(
            "small_thin",
            "Thin and shallow stages, and one pass for all thin ones",
            (_lee("inclusive"), _lee("shallow"), _lee("inclusive_sparse")),
            "curves",
            seeds=3,
            notes=_NOTES,
        ),
        Experiment(
            "small_label_sets",
            "Classes, and animals or vehicles, at each stage",
            (
                _lee(
                    "inclusive_sparse",
                    "label_sets",
                    labels="recipes/flags/small/cifar10_kinds.csv",
                ),
            ),
            "label_sets",
            {"wanted_error": 0.3},
            seeds=3,
            notes=_NOTES_LABELS + _NOTES,
        ),
        Experiment(
            "small_refresh",
            "Coefficients of OSGD computed at each step, each 4th, each 16th",
            (
                osgd,
                *(
                    _wan(
                        "width",
                        f"osgd_every_{every}",
                        gradients_arguments=arguments(refresh_every=every),
                    )
                    for every in (4, 16)
                ),
            ),
            "stages",
            {"paired": "osgd"},
            seeds=3,
            notes=_NOTES_RATES + _NOTES,
        ),
    ]
