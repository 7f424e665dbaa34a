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
from keras_anytime.experiments.papers.small_settings import HU
from keras_anytime.experiments.papers.small_settings import IMAGES
from keras_anytime.experiments.papers.small_settings import LEE
from keras_anytime.experiments.papers.small_settings import NETS
from keras_anytime.experiments.papers.small_settings import RATES
from keras_anytime.experiments.papers.small_settings import STRATEGIES
from keras_anytime.experiments.papers.small_settings import THIN
from keras_anytime.experiments.papers.small_settings import TUNING
from keras_anytime.experiments.papers.small_settings import WAN
from keras_anytime.experiments.papers.small_settings import WEIGHTING_RATES
from keras_anytime.experiments.papers.small_settings import WEIGHTINGS

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


def _row(net: str, method: str, settings: dict[str, Any], **labels: str) -> Row:
    return Row(
        {"paper": "small", "net": net, "method": method, **labels},
        validated_on(
            "cifar10",
            **{
                **NETS[net],
                **IMAGES,
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
            **STRATEGIES[strategy],
            "learning_rate": RATES[strategy],
            **WAN,
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
                "width", f"{strategy}_{rate}", learning_rate=rate, **TUNING
            )


def _oracle() -> list[Row]:
    """Returns the separate networks of the width nest's stages.

    Each has one loss, as in greedy training, and the rate of that.
    """
    settings = {**STRATEGIES["sgd"], "learning_rate": RATES["greedy"], **WAN}
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
                **WEIGHTINGS[method],
                "learning_rate": WEIGHTING_RATES[method],
                **HU,
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
            settings = {**WEIGHTINGS[method], **HU, **TUNING}
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
            {**WEIGHTINGS["constant"], **HU, "oracle_share": share},
            stage=f"at_{int(100 * share)}",
        )
        for share in shares
    ]


def _lee(net: str, method: str = "joint", **settings: Any) -> Row:
    return _row(net, method, {**SUM, **LEE, **settings})


def experiments() -> list[Experiment]:
    """Returns the small experiments, in the order in which to train them."""
    osgd = _wan("width", "osgd")
    eann = ["res_ann_1", "res_ann_2", "res_ann_4"]
    shared = {"net_arguments": arguments(**THIN, normalization="shared")}
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
