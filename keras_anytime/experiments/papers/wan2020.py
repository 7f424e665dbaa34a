"""The experiments of Wan et al., 2020: OSGD and nested networks."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from keras_anytime.experiments.papers.experiment import Experiment
from keras_anytime.experiments.papers.experiment import Row
from keras_anytime.experiments.papers.protocol import arguments
from keras_anytime.experiments.papers.protocol import trained_on
from keras_anytime.experiments.papers.protocol import validated_on
from keras_anytime.experiments.papers.published import Published

_NOTES = (
    "The paper reports validation errors, and names neither the split nor the "
    "batch size: the last 5,000 training images and batches of 128 are our "
    "choice, and so is Nesterov momentum. With momentum, NormSGD does not "
    "train with the paper's C = 1/2, and without it does: those rows have "
    "none. Three drops by 5 lead from 0.1 to the paper's 0.0008."
)
_NOTES_IMAGENET = (
    "The paper names neither the batch size nor the epochs of the drops: our "
    "choice is batches of 256, as He et al., 2016, and drops by 10 at epochs "
    "30, 60 and 80, which lead from 0.1 to the paper's 0.0001."
)
_NOTES_FIGURE_8 = (
    "The paper names neither the network nor the four orders of Figure 8: our "
    "choice is the width nest, with early, middle and late stages first. "
)
_NOTES_CASCADE = (
    "The cascade's early heads have convolutions, so that the cost of its "
    "answers is of all that has run; that of the nests is of the subnetwork. "
)
_NOTES_ORACLE = (
    "The oracle's networks are trained with SGD, the largest Sparse ResNet-98 "
    "with NormSGD, as in the paper. "
)

_STRATEGIES: dict[str, dict[str, Any]] = {
    "greedy": {"greedy": True},
    "sgd": {"gradients": "sum", "weighting": "constant"},
    "osgd": {"gradients": "orthogonal", "weighting": "constant"},
    "normsgd": {
        "gradients": "normalized",
        "weighting": "constant",
        "momentum": 0.0,
    },
    "osgdnorm": {
        "gradients": "orthogonal",
        "gradients_arguments": arguments(normalize=True),
        "weighting": "constant",
        "momentum": 0.0,
    },
}
# The strategies that the paper's claim is about come first.
_ORDER = (("sgd", "osgd"), ("greedy", "normsgd", "osgdnorm"))
_TABLE_1 = (
    "width_resnet42",
    "depth_sparse_resnet98",
    "alternating_sparse_resnet98",
    "simultaneous_sparse_resnet98",
)
_TABLE_2 = ("cascade_sparse_resnet98", "even_width_resnet42")


def _row(
    net: str,
    method: str,
    settings: dict[str, Any],
    table: Published | None = None,
    **labels: str,
) -> Row:
    """Returns a row on CIFAR-10."""
    described = {"net": net, "data": "cifar10", "method": method}
    return Row(
        {"paper": "wan2020", "net": net, "method": method, **labels},
        validated_on(
            "cifar10",
            net=net,
            **settings,
            epochs=200,
            batch_size=128,
            learning_rate=0.1,
            schedule="steps",
        ),
        table.values(**described) if table else {},
        table.deviations(**described) if table else {},
    )


def _strategies(table: str, nets: Iterable[str]) -> tuple[Row, ...]:
    """Returns the rows of Table 1 or 2, in the order of the queue."""
    published = Published(table)
    return tuple(
        _row(net, strategy, _STRATEGIES[strategy], published)
        for strategies in _ORDER
        for net in nets
        for strategy in strategies
    )


def _osgd(*nets: str) -> list[Row]:
    return [_row(net, "osgd", _STRATEGIES["osgd"]) for net in nets]


def _oracle(net: str, num_stages: int) -> list[Row]:
    """Returns the separate networks of a net's stages."""
    sparse = "sparse" in net
    return [
        _row(
            net,
            "opt",
            {
                **_STRATEGIES[
                    "normsgd" if sparse and stage == num_stages else "sgd"
                ],
                "oracle_stage": stage,
            },
            stage=str(stage),
        )
        for stage in range(1, num_stages + 1)
    ]


def _priorities(orders: Sequence[Sequence[int]]) -> list[Row]:
    return [
        _row(
            "width_resnet42",
            "osgd_" + "".join(map(str, order)),
            {
                **_STRATEGIES["osgd"],
                "gradients_arguments": arguments(priority=list(order)),
            },
        )
        for order in orders
    ]


def _imagenet() -> tuple[Row, ...]:
    published = Published("wan2020_table3")
    return tuple(
        Row(
            {"paper": "wan2020", "net": net, "method": method},
            trained_on(
                "imagenet",
                net=net,
                **_STRATEGIES[method],
                epochs=90,
                batch_size=256,
                learning_rate=0.1,
                schedule="epochs",
                drop_epochs=["30", "60", "80"],
                drop_factor=10.0,
            ),
            published.values(net=net, method=method),
        )
        for net in ("width_resnet50_imagenet", "depth_sparse_resnet66_imagenet")
        for method in ("sgd", "osgd")
    )


def experiments() -> list[Experiment]:
    """Returns the experiments of the paper."""
    figures = {
        "a": (
            "depth nest, cascade and oracle",
            [
                *_osgd("depth_sparse_resnet98", "cascade_sparse_resnet98"),
                *_oracle("depth_sparse_resnet98", 4),
            ],
        ),
        "b": (
            "width nest, even widths and oracle",
            [
                *_osgd("width_resnet42", "even_width_resnet42"),
                *_oracle("width_resnet42", 3),
            ],
        ),
        "c": (
            "width-depth nest and oracle",
            [
                *_osgd("alternating_sparse_resnet98"),
                *_oracle("alternating_sparse_resnet98", 5),
            ],
        ),
    }
    return [
        Experiment(
            "wan2020_table1",
            "Five strategies on nested networks, CIFAR-10",
            _strategies("wan2020_table1", _TABLE_1),
            "stages",
            seeds=3,
            notes=_NOTES,
        ),
        Experiment(
            "wan2020_table2",
            "Five strategies on earlier networks, CIFAR-10",
            _strategies("wan2020_table2", _TABLE_2),
            "stages",
            seeds=3,
            notes=_NOTES,
        ),
        Experiment(
            "wan2020_table3",
            "SGD and OSGD on ImageNet",
            _imagenet(),
            "stages",
            notes=_NOTES_IMAGENET,
        ),
        Experiment(
            "wan2020_figure8",
            "Four stage priorities of OSGD",
            (
                _row("width_resnet42", "sgd", _STRATEGIES["sgd"]),
                *_osgd("width_resnet42"),
                *_priorities([(2, 1, 3), (2, 3, 1), (3, 2, 1)]),
            ),
            "curves",
            seeds=3,
            notes=_NOTES_FIGURE_8 + _NOTES,
        ),
        *(
            Experiment(
                f"wan2020_figure9{letter}",
                f"Error against multiply-adds: {title}",
                tuple(rows),
                "curves",
                seeds=3,
                notes=(_NOTES_CASCADE if letter == "a" else "")
                + _NOTES_ORACLE
                + _NOTES,
            )
            for letter, (title, rows) in figures.items()
        ),
        *(
            Experiment(
                f"wan2020_figure10{letter}",
                f"Error under deadlines: {title}",
                tuple(rows),
                "deadlines",
                seeds=3,
                notes=(_NOTES_CASCADE if letter == "a" else "")
                + _NOTES_ORACLE
                + _NOTES,
            )
            for letter, (title, rows) in figures.items()
        ),
    ]
