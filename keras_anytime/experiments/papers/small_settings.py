"""Networks, strategies and learning rates of the small experiments."""

from typing import Any

from keras_anytime.experiments.papers.protocol import SUM
from keras_anytime.experiments.papers.protocol import arguments

IMAGES: dict[str, Any] = {"image_size": 16, "augmentation": ["crop=2", "flip"]}
WAN: dict[str, Any] = {"epochs": 10, "schedule": "steps", "nesterov": False}
HU: dict[str, Any] = {"epochs": 6, "schedule": "tenths", "nesterov": False}
LEE: dict[str, Any] = {"epochs": 6, "schedule": "tenths", "nesterov": False}
# The part of the training images on which rates are tuned.
TUNING: dict[str, Any] = {
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
THIN: dict[str, Any] = {**_RESNEXT, "num_stages": 4, "units": [1, 1, 1]}

NETS: dict[str, dict[str, Any]] = {
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
        "net_arguments": arguments(**THIN),
    },
    "inclusive_sparse": {
        "net": "inclusive_sparse_resnext47",
        "net_arguments": arguments(**THIN),
    },
    "shallow": {
        "net": "shallow_resnext29",
        "net_arguments": arguments(**_RESNEXT, units=[2, 2, 1]),
    },
}
STRATEGIES: dict[str, dict[str, Any]] = {
    "sgd": {"gradients": "sum"},
    "osgd": {"gradients": "orthogonal"},
    "greedy": {"greedy": True},
    "normsgd": {
        "gradients": "normalized",
        "gradients_arguments": arguments(scale=0.03),
    },
}
# The best of small_rates; below, of small_rates_weightings, where AANN has the
# rate of the sieve.
RATES = {"sgd": 0.8, "osgd": 0.2, "greedy": 0.2, "normsgd": 0.025}
WEIGHTINGS: dict[str, dict[str, Any]] = {
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
WEIGHTING_RATES = {
    "constant": 0.025,
    "linear": 0.05,
    "adaloss": 0.05,
    "sieve": 0.1,
    "aann": 0.1,
}
