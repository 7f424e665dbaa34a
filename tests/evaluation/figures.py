"""Figures of made-up results, for the tests of all pictures."""

import dataclasses
import math

from keras_anytime.evaluation import BudgetCurve
from keras_anytime.evaluation import DeadlineSimulation
from keras_anytime.evaluation import HierarchicalCurve
from keras_anytime.evaluation import aggregate
from keras_anytime.evaluation.plots.budget import draw_budget
from keras_anytime.evaluation.plots.curves import draw_curve
from keras_anytime.evaluation.plots.curves import draw_curves
from keras_anytime.evaluation.plots.deadlines import draw_deadlines
from keras_anytime.evaluation.plots.label_sets import draw_label_sets
from keras_anytime.evaluation.plots.priorities import draw_priorities
from keras_anytime.evaluation.plots.relative_increase import (
    draw_relative_increase,
)
from keras_anytime.evaluation.spread import Spread
from keras_anytime.evaluation.thresholds import BudgetPoint
from tests.evaluation.examples import curve

LONG = "sparse_resnet98_w1d1-w2d1-w2d2-w4d2-w4d4_osgd_adaloss_seed3_" * 2


def with_intervals(measured, half=0.02):
    points = tuple(
        dataclasses.replace(
            point,
            top1_low=point.top1_error - half,
            top1_high=point.top1_error + half,
        )
        for point in measured.points
    )
    return dataclasses.replace(measured, points=points, confidence_level=0.95)


def named(name, **kwargs):
    return dataclasses.replace(curve(**kwargs), name=name)


def long_curve(count, name="net"):
    macs = [10 + k for k in range(count)]
    errors = [0.5 - 0.01 * k for k in range(count)]
    return with_intervals(named(name, macs=macs, errors=errors))


def budget(name="net"):
    points = tuple(
        BudgetPoint(macs, error, (0.9, 0.8), (0.5, 0.3, 0.2))
        for macs, error in ((12.0, 0.45), (40.0, 0.2), (90.0, 0.12))
    )
    return BudgetCurve(points, (12.0, 40.0, 90.0), 200, name)


def simulation():
    errors = {
        "nested": (0.5, 0.3, 0.1),
        "baseline": (0.9, 0.4, 0.2),
        "oracle_all": (0.9, 0.9, 0.1),
        "oracle_each": (0.45, 0.25, 0.1),
    }
    return DeadlineSimulation(
        deadlines_ms=(4.0, 8.0, math.inf),
        errors=errors,
        intervals={
            scheme: tuple((error - 0.04, error + 0.03) for error in found)
            for scheme, found in errors.items()
        },
        largest_ms=8.0,
        examples=1000,
        confidence_level=0.95,
        names={"nested": "w1-w2-w4", "baseline": "even", "oracle": "w1, w2"},
    )


def hierarchical():
    return HierarchicalCurve(
        {
            "fine": with_intervals(curve(errors=(0.6, 0.4, 0.2))),
            "coarse": curve(errors=(0.35, 0.25, 0.1)),
        }
    )


# What is drawn, with what the axes must say, and what the legend.
FIGURES = {
    "curve": (
        lambda: draw_curve(with_intervals(named(LONG))),
        ("multiply-adds per image)", "top-1 error"),
        None,
    ),
    "curve of many stages": (
        lambda: draw_curve(long_curve(25)),
        ("cost (multiply-adds per image)", "top-1 error"),
        None,
    ),
    "curves": (
        lambda: draw_curves(
            [
                named("a"),
                named(LONG),
                long_curve(25, "_c"),
                long_curve(9, "$d$"),
            ],
            oracle=with_intervals(named("oracle")),
            budget={"a": budget()},
        ),
        ("mean cost (multiply-adds per image)", "top-1 error"),
        ("a", "a, stopping early", LONG, "_c", "$d$", "oracle"),
    ),
    "deadlines": (
        lambda: draw_deadlines(simulation()),
        ("mean latency, 8 ms)", "top-1 error"),
        (
            "Baseline: even",
            "Nested: w1-w2-w4",
            "Oracle (all)",
            "Oracle (each)",
        ),
    ),
    "relative increase by stage": (
        lambda: draw_relative_increase(
            {"AdaLoss": {1: 20.0, 2: 3.0, 3: -1.0}, LONG: {1: 5, 2: 4, 3: 9}}
        ),
        ("stage", "(%)"),
        ("optimal", "AdaLoss", LONG),
    ),
    "relative increase by share": (
        lambda: draw_relative_increase(
            {"AdaLoss": {0.25: Spread(9, 1, 7, 11), 1: Spread(2, 1, 1, 3)}}
        ),
        ("share of the network's whole cost", "(%)"),
        ("optimal", "AdaLoss"),
    ),
    "priorities": (
        lambda: draw_priorities(
            {
                (2, 1, 3): aggregate([curve(), curve(errors=(0.4, 0.3, 0))]),
                "SGD": curve(errors=(0.6, 0.4, 0.2)),
            }
        ),
        ("stage", "top-1 error"),
        ("2, 1, 3", "SGD"),
    ),
    "label sets": (
        lambda: draw_label_sets(hierarchical(), 0.4),
        ("multiply-adds per image)", "top-1 error"),
        (
            "fine (10 classes)",
            "coarse (10 classes)",
            "wanted error: 40% at most",
            "finest labels within it",
        ),
    ),
    "budget": (
        lambda: draw_budget(budget(), with_intervals(curve())),
        ("mean cost (multiply-adds per image)", "top-1 error"),
        (
            "each image stops when the network is confident",
            "all images stop at the same stage",
        ),
    ),
}
