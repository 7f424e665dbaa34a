"""The experiments of Hu et al., 2017: weight schemes, samplers, EANN."""

from collections.abc import Iterable
from typing import Any

from keras_anytime.experiments.papers.experiment import Experiment
from keras_anytime.experiments.papers.experiment import Row
from keras_anytime.experiments.papers.protocol import MILESTONES
from keras_anytime.experiments.papers.protocol import SUM
from keras_anytime.experiments.papers.protocol import arguments
from keras_anytime.experiments.papers.protocol import trained_on
from keras_anytime.experiments.papers.protocol import validated_on
from keras_anytime.experiments.papers.published import Published

_NOTES = (
    "The paper does not give the scale of its weights. Ours have the sum 2, so "
    "that the last weight of the sieve is 1, which schedules of learning rates "
    "assume (Hu 2019, Appendix C.1). The schedule is that of He et al., 2016: "
    "64,000 training steps of 128 images, 164 epochs of CIFAR; SVHN, for which "
    "the paper gives none, has the 60 epochs of Hu 2019. Momentum is not "
    "Nesterov's. "
    "Units are those of Han et al., 2017, without their growth in width. "
)
_NOTES_TABLE_1 = (
    "The last 5,000 training images are the validation split, as in the paper. "
)
_NOTES_OPT = (
    "OPT is one network for each of the four milestones: the last stage within "
    "this share of the cost. "
)
_NOTES_TABLE_4 = (
    "The paper does not give the channels; its errors for s = 1 are those of "
    "c = 16 in Table 6. "
)
_NOTES_FIGURE_4 = (
    "The paper does not name the data set of Figure 4; ours is CIFAR-100. "
)

_UNIT = {"unit": "pyramid"}
# The sum of the weights.
_TOTAL = {"total": 2}
_SIEVE = {"name": "sieve", **_TOTAL}
_OPTIMAL = {**SUM, "weighting": "constant"}


def _scheme(name: str, **values: Any) -> dict[str, Any]:
    return {
        **SUM,
        "weighting": name,
        "weighting_arguments": arguments(**values),
    }


_SCHEMES: dict[str, dict[str, Any]] = {
    "constant": _scheme("constant", **_TOTAL),
    "expb0.5": _scheme("exponential", base=0.5, **_TOTAL),
    "expb2": _scheme("exponential", base=2.0, **_TOTAL),
    "half_end": _scheme("half_end", **_TOTAL),
    "linear": _scheme("linear", **_TOTAL),
    "sieve": _scheme("sieve", **_TOTAL),
    "midfeat": {"midfeat": True},
    "no_grad": {"greedy": True},
}
# Those of Table 1 on CIFAR-100.
_CIFAR100_SCHEMES = [
    scheme for scheme in _SCHEMES if scheme not in ("midfeat", "no_grad")
]
# The paper's names in Tables 3 and 6; ANN has the weights of the sieve.
_SAMPLERS: dict[str, dict[str, Any]] = {
    "ann": _SCHEMES["sieve"],
    "aann": _scheme("alternating", base=_SIEVE),
    "milestone": _scheme("milestone", base=_SIEVE),
    "exp3": _scheme("exp3", base=_SIEVE),
    "rwm": _scheme("random_weighted_majority", base=_SIEVE),
    "avgl": _scheme("average_loss", base=_SIEVE),
}
_DATA = ("svhn", "cifar10", "cifar100")
_EANN = tuple(f"res_ann_{n}_32" for n in (1, 3, 7, 13, 25))


def _training(data: str, **net_arguments: Any) -> dict[str, Any]:
    return {
        "net_arguments": arguments(**_UNIT, **net_arguments),
        "nesterov": False,
        "epochs": 60 if data == "svhn" else 164,
        "batch_size": 128,
        "learning_rate": 0.1,
        "schedule": "tenths",
    }


def _labels(net: str, data: str, method: str, **others: str) -> dict[str, str]:
    return {
        "paper": "hu2017",
        "net": net,
        "data": data,
        "method": method,
        **others,
    }


def _table1(data: str, methods: Iterable[str] = _SCHEMES) -> list[Row]:
    """Returns the rows of Table 1 on one data set, and the 15 nets of OPT."""
    published = Published("hu2017_table1")
    net = "res_ann_5_16"

    def row(method: str, settings: dict[str, Any], **others: str) -> Row:
        return Row(
            _labels(net, data, method, **others),
            validated_on(data, net=net, **settings, **_training(data)),
            published.values(net=net, data=data, method=method),
        )

    return [
        *(row(method, _SCHEMES[method]) for method in methods),
        *(
            row("opt", {**_OPTIMAL, "oracle_stage": stage}, stage=str(stage))
            for stage in range(1, 16)
        ),
    ]


def _optimal(net: str, data: str, published: Published) -> list[Row]:
    """Returns OPT: a separate network for each milestone."""
    numbers = published.values(net=net, data=data, method="opt")
    return [
        Row(
            _labels(net, data, "opt", stage=f"at_{int(100 * share)}"),
            trained_on(
                data, net=net, **_OPTIMAL, oracle_share=share, **_training(data)
            ),
            {column: numbers[column]} if column in numbers else {},
        )
        for column, share in MILESTONES.items()
    ]


def _table6(methods: Iterable[str], optimal: bool = True) -> tuple[Row, ...]:
    """Returns the rows of Table 6 with these methods, and OPT."""
    published = Published("hu2017_table6")
    rows: list[Row] = []
    nets = dict.fromkeys(line["net"] for line in published.labels())
    for net in nets:
        for data in _DATA:
            rows.extend(_sampled(net, data, methods, published))
            if optimal:
                rows.extend(_optimal(net, data, published))
    return tuple(rows)


def _sampled(
    net: str, data: str, methods: Iterable[str], published: Published
) -> list[Row]:
    return [
        Row(
            _labels(net, data, method),
            trained_on(data, net=net, **_SAMPLERS[method], **_training(data)),
            published.values(net=net, data=data, method=method),
        )
        for method in methods
    ]


def _table4() -> tuple[Row, ...]:
    """Returns rows of networks with a head every s units."""
    published = Published("hu2017_table4")
    return tuple(
        Row(
            _labels(line["net"], line["data"], line["method"]),
            trained_on(
                line["data"],
                net=line["net"],
                **_SAMPLERS["ann"],
                **_training(line["data"], head_every=int(line["method"][1:])),
            ),
            published.values(**line),
        )
        for line in published.labels()
    )


def _eann() -> tuple[Row, ...]:
    """Returns the members of the ensembles, and OPT+'s networks."""
    published = Published("hu2017_table6")
    optimal = [row for row in _table6(()) if row.labels["net"].endswith("_32")]
    return (
        *(
            row
            for data in _DATA
            for net in _EANN
            for row in _sampled(net, data, ("aann",), published)
        ),
        *optimal,
    )


def experiments() -> list[Experiment]:
    """Returns the experiments of the paper."""
    samplers = ("exp3", "milestone", "rwm", "avgl", "aann")
    return [
        Experiment(
            "hu2017_table1",
            "Nine weight schemes at four milestones, CIFAR-10 and CIFAR-100",
            (
                *_table1("cifar10"),
                *_table1("cifar100", _CIFAR100_SCHEMES),
            ),
            "milestones",
            notes=_NOTES_TABLE_1 + _NOTES,
        ),
        Experiment(
            "hu2017_table2a",
            "How often two samplers err less than ANN, in % of 39 experiments",
            _table6(("ann", "milestone", "aann"), optimal=False),
            "wins",
            {"reference": "ann"},
            Published("hu2017_table2a").by_method(),
            notes=_NOTES,
        ),
        Experiment(
            "hu2017_table2b",
            "Mean relative increase of the error over OPT, in %",
            _table6(("ann", "aann")),
            "relative_increase",
            {"reference": "opt"},
            Published("hu2017_table2b").by_method(),
            notes=_NOTES_OPT + _NOTES,
        ),
        Experiment(
            "hu2017_table3",
            "ANN and AANN at four milestones, 13 networks and three data sets",
            _table6(("ann", "aann")),
            "milestones",
            notes=_NOTES_OPT + _NOTES,
        ),
        Experiment(
            "hu2017_table4",
            "A head every s units, CIFAR-100",
            _table4(),
            "milestones",
            notes=_NOTES_TABLE_4 + _NOTES,
        ),
        Experiment(
            "hu2017_table5",
            "How often five samplers err less than ANN, in %",
            _table6(("ann", *samplers), optimal=False),
            "wins",
            {"reference": "ann"},
            Published("hu2017_table5").by_method(),
            notes=_NOTES,
        ),
        Experiment(
            "hu2017_table6",
            "Six samplers at four milestones, 13 networks and three data sets",
            _table6(("ann", *samplers)),
            "milestones",
            notes=_NOTES_OPT + _NOTES,
        ),
        Experiment(
            "hu2017_figure2ab",
            "Weight schemes: error against depth, CIFAR-10",
            tuple(_table1("cifar10")),
            "curves",
            notes=_NOTES_TABLE_1 + _NOTES,
        ),
        Experiment(
            "hu2017_figure2c",
            "Weight schemes: error against cost, CIFAR-100",
            tuple(_table1("cifar100", _CIFAR100_SCHEMES)),
            "curves",
            notes=_NOTES_TABLE_1 + _NOTES,
        ),
        Experiment(
            "hu2017_figure2d",
            "Weight schemes: training loss by stage, CIFAR-100",
            tuple(_table1("cifar100", _CIFAR100_SCHEMES)),
            "training_loss",
            {"reference": "opt"},
            notes=_NOTES_TABLE_1 + _NOTES,
        ),
        Experiment(
            "hu2017_figure2e",
            "EANN of five networks against OPT+",
            _eann(),
            "ensemble",
            {"members": list(_EANN), "base": 2, "rule": "depth"},
            _published_ensembles(),
            notes=_NOTES_OPT + _NOTES,
        ),
        Experiment(
            "hu2017_figure3",
            "A head every s units: error against cost, CIFAR-100",
            _table4(),
            "curves",
            notes=_NOTES_TABLE_4 + _NOTES,
        ),
        Experiment(
            "hu2017_figure4",
            "How likely samplers draw each stage, over the epochs",
            tuple(
                _sampled(
                    "res_ann_7_32",
                    "cifar100",
                    ("exp3", "rwm", "avgl", "aann"),
                    Published("hu2017_table6"),
                )
            ),
            "probabilities",
            notes=_NOTES_FIGURE_4 + _NOTES,
        ),
    ]


def _published_ensembles() -> dict[str, dict[str, float]]:
    """Returns the numbers of EANN and OPT+, from the last rows of Table 3."""
    published = Published("hu2017_figure2e")
    return {
        f"{line['data']} {line['method']}": published.values(**line)
        for line in published.labels()
    }
