"""What an anytime network is held against: separate networks, and ensembles."""

import dataclasses
import math

from keras_anytime.evaluation.curve import MILESTONES
from keras_anytime.evaluation.curve import AnytimeCurve


def oracle_curve(curves, best_so_far=False, name="oracle"):
    """Joins the curves of separate networks to that of the oracle.

    Its stage k is the last answer of network k, at the cost of that network
    alone: it needs to know beforehand how much time there will be. Within a
    budget it runs the largest network that fits. Train the
    networks of `ka.nets.independent`: plain ones are the oracle of Wan 2020,
    those with each stage's own graph OPT of Hu 2017.

    Args:
        curves: Sequence of `AnytimeCurve`s, one for each network, measured on
            the same examples.
        best_so_far: Boolean. Whether a network that is worse than a cheaper
            one has the error of that one: OPT+ of Hu 2017, Section 4.6.
        name: String.

    Returns:
        An `AnytimeCurve`, the cheapest network first.

    Raises:
        ValueError: If there is no curve, or they are of different data.

    Reference:
        [Wan et al., 2020, Section 5.3](https://arxiv.org/abs/2008.06635);
        [Hu et al., 2017, Section 4.1](https://arxiv.org/abs/1708.06832v1)
    """
    check_same_data(curves)
    points = sorted(
        (curve.points[-1] for curve in curves), key=lambda one: one.macs
    )
    if best_so_far:
        for k in range(1, len(points)):
            if points[k - 1].top1_error <= points[k].top1_error:
                points[k] = dataclasses.replace(
                    points[k - 1],
                    macs=points[k].macs,
                    parameters=points[k].parameters,
                )
    return _joined(points, curves, name)


def ensemble_curve(curves, growth=None, name=None):
    """Returns the curve of networks that run one after another.

    Costs add up, and an answer counts if it is better than all before it on
    these examples; others only cost. Networks whose cost grows by equal steps
    make the linear ensemble of Huang 2018, and by equal factors the
    exponential one. With anytime networks this is EANN, which
    `ka.nets.ensemble` builds.

    Args:
        curves: Sequence of `AnytimeCurve`s, one for each network in the order
            in which they run, measured on the same examples.
        growth: Float above 1. Only networks at least so many times as costly
            as the one that ran before them run; `None` for all.
        name: String; `None` for one that tells of the growth.

    Returns:
        An `AnytimeCurve` of the answers that count.

    Raises:
        ValueError: If there is no curve, they are of different data, or
            `growth` is not above 1.

    Reference:
        [Hu et al., 2019, Sections 4 and 5.3](https://arxiv.org/abs/1708.06832)
    """
    check_same_data(curves)
    if growth is not None and not 1 < growth < math.inf:
        raise ValueError(
            f"`growth` must be above 1, or None. Received: growth={growth}"
        )
    points = []
    spent = parameters = last = 0
    for curve in curves:
        total = curve.points[-1]
        if growth is not None and total.macs < growth * last:
            continue
        for point in curve.points:
            if not points or point.top1_error < points[-1].top1_error:
                points.append(
                    dataclasses.replace(
                        point,
                        macs=spent + point.macs,
                        parameters=parameters + point.parameters,
                    )
                )
        spent += total.macs
        parameters += total.parameters
        last = total.macs
    return _joined(
        points,
        curves,
        name or ("ensemble" if growth is None else f"ensemble x{growth:g}"),
    )


def relative_increase(curve, optimal, by="cost", measure="top1_error"):
    """Returns by how many percent a network errs more than the optimal.

    Args:
        curve: An `AnytimeCurve`.
        optimal: The `AnytimeCurve` of the oracle; see `oracle_curve`.
        by: `"cost"` compares what both achieve within 1/4, 1/2, 3/4 and 1 of
            the network's cost (Hu 2019, Table 1); `"stage"` compares stage k
            with network k of the oracle (Hu 2019, Figure 3). The plain
            networks of Wan 2020 cost more than the stages they stand for, so
            that within a stage's cost is a smaller one only: compare these by
            stage.
        measure: String. `"top1_error"`, `"top5_error"` or `"loss"`.

    Returns:
        Dict from the shares, or from the numbers of the stages, to floats: 20
        where the optimal errs in 10% and the network in 12%. Infinite where
        only the optimal makes no error, and 0 where neither does.

    Raises:
        ValueError: If there is no oracle, it has other classes or, compared by
            stage, another number of stages, or a curve lacks the measure.

    Reference:
        [Hu et al., 2019, Sections 3 and 5.2](https://arxiv.org/abs/1708.06832)
    """
    if not isinstance(curve, AnytimeCurve):
        raise ValueError(
            "`curve` must be an `AnytimeCurve`; an aggregate of several has a "
            f"method `relative_increase`. Received: {type(curve).__name__}"
        )
    if not isinstance(optimal, AnytimeCurve):
        raise ValueError(
            "An increase needs the curve of the oracle to be relative to: "
            "train the networks of `ka.nets.independent`, and join their "
            f"curves with `oracle_curve`. Received: optimal={optimal!r}"
        )
    if curve.classes != optimal.classes:
        raise ValueError(
            "Both curves must be of the same classes. Received: "
            f"{curve.classes} classes and, of the oracle, {optimal.classes}"
        )
    curve.within(0, measure)  # Its error, if there is no such measure.
    for one in (curve, optimal):
        if None in (getattr(point, measure) for point in one.points):
            raise ValueError(
                f"The measure {measure!r} was not measured on every curve. "
                f"Received: the curve of {one.name!r}, which lacks it"
            )
    if by == "stage":
        if len(curve.points) != len(optimal.points):
            raise ValueError(
                "Compared by stage, the oracle has one network for each. "
                f"Received: {len(curve.points)} stages of {curve.name!r} and "
                f"{len(optimal.points)} networks"
            )
        return {
            point.stage: _percent_more(
                getattr(point, measure), getattr(other, measure)
            )
            for point, other in zip(curve.points, optimal.points, strict=True)
        }
    if by != "cost":
        raise ValueError(f"`by` must be 'cost' or 'stage'. Received: by={by!r}")
    budgets = {share: share * curve.points[-1].macs for share in MILESTONES}
    return {
        share: _percent_more(
            curve.within(budget, measure), optimal.within(budget, measure)
        )
        for share, budget in budgets.items()
    }


def check_same_data(curves):
    """Raises a `ValueError` if curves cannot be of the same examples."""
    if not curves:
        raise ValueError("There is no curve to join. Received: no curves")
    for one in curves:
        if not isinstance(one, AnytimeCurve):
            raise ValueError(
                f"Curves are `AnytimeCurve`s. Received: {type(one).__name__}"
            )
    found = sorted({(curve.classes, curve.examples) for curve in curves})
    if len(found) > 1:
        raise ValueError(
            "The curves must be measured on the same examples. Received: "
            "curves of "
            + " and ".join(f"{c} classes, {n} examples" for c, n in found)
        )


def _joined(points, curves, name):
    return AnytimeCurve(
        points=tuple(
            dataclasses.replace(point, stage=k)
            for k, point in enumerate(points, start=1)
        ),
        classes=curves[0].classes,
        examples=curves[0].examples,
        name=name,
        level=curves[0].level,
    )


def _percent_more(value, optimal):
    if not optimal:
        return math.inf if value else 0.0
    return 100 * (value / optimal - 1)
