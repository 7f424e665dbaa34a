"""Baselines for a nested network: separate networks, alone or in ensembles."""

import dataclasses
import math
from collections.abc import Sequence

from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.metrics import MILESTONES
from keras_anytime.evaluation.points import Point
from keras_anytime.stages.cost import CUMULATIVE
from keras_anytime.stages.cost import StageCost
from keras_anytime.stages.sequence import check_rule
from keras_anytime.stages.sequence import sequence_costs
from keras_anytime.stages.sequence import used_stages


def oracle_curve(
    curves: Sequence[AnytimeCurve],
    best_so_far: bool = False,
    name: str = "oracle",
) -> AnytimeCurve:
    """Joins the curves of separate networks into the curve of an oracle.

    The oracle knows the budget beforehand, and runs the largest network that
    is within the budget. Its stage k is the last answer of network k, at the
    cost of that network alone. Train the networks of `ka.nets.independent`:
    plain networks give the oracle of Wan 2020; networks with the graph of each
    stage give OPT of Hu 2017.

    ```python
    networks = ka.nets.independent(model)  # train each of them
    curves = [
        ka.evaluation.anytime_curve(network, (images, labels))
        for network in networks
    ]
    optimal = ka.evaluation.oracle_curve(curves)
    ```

    Args:
        curves: One `AnytimeCurve` for each network, measured on the same
            examples.
        best_so_far: If True, a network that is worse than a cheaper network
            has the error of the cheaper one: OPT+ of Hu 2017, Section 4.6.
        name: Name of the curve.

    Returns:
        An `AnytimeCurve`, the cheapest network first.

    Raises:
        ValueError: If there is no curve, or the curves are of different data.

    Reference:
        [Wan et al., 2020, Section 5.3](https://arxiv.org/abs/2008.06635);
        [Hu et al., 2017, Section 4.1](https://arxiv.org/abs/1708.06832v1)
    """
    check_same_data(curves)
    points = sorted(
        (curve.points[-1] for curve in curves), key=lambda point: point.macs
    )
    if best_so_far:
        for k in range(1, len(points)):
            if points[k - 1].error <= points[k].error:
                points[k] = dataclasses.replace(
                    points[k - 1],
                    macs=points[k].macs,
                    parameters=points[k].parameters,
                )
    return _joined(points, curves, name)


def ensemble_curve(
    curves: Sequence[AnytimeCurve],
    growth: float | None = None,
    name: str | None = None,
    rule: str = "validation",
) -> AnytimeCurve:
    """Computes the curve of networks that run one after another.

    A network starts when the network before it has given its last used answer,
    and costs add up. Networks whose costs grow by equal steps form the linear
    ensemble of Huang 2018; those whose costs grow by equal factors form the
    exponential one. With anytime networks this is EANN, which
    `ka.nets.ensemble` builds.

    The costs are those of the model that `ka.nets.ensemble` builds from the
    same curves, which `stage_costs` computes from its graph. It runs what a
    used answer needs. Hu 2019 finishes each network before it starts the next,
    used or not. The difference is what no answer reads: heads of unused
    answers, which cost next to nothing, layers after the last used answer of a
    network, and networks without a used answer. With `rule="depth"`, the last
    answer of each network is used, so that only such heads differ.

    ```python
    curve = ka.evaluation.anytime_curve(model, (images, labels))
    print(ka.evaluation.ensemble_curve([curve]))
    ```

    Args:
        curves: One `AnytimeCurve` for each network in the order in which they
            run, measured on the same examples.
        growth: Float above 1. A network runs only if its cost is at least
            `growth` times that of the network that ran before it. `None` runs
            all.
        name: Name of the curve; `None` for a name that states the growth.
        rule: Which answers are used. `"validation"` uses an answer if its error
            on these examples is below that of all answers before it (Hu 2019).
            `"depth"` uses it if it is deeper than the whole network before its
            own (Hu 2017), without a look at errors. Depth is measured in
            multiply-adds of the subnetwork.

    Returns:
        An `AnytimeCurve` of the used answers, with cumulative costs. Batch
        normalization that the head of a used stage shares with that of an
        unused one is left out of the parameters. Of curves without
        `stage_costs`, as in files of earlier versions, the heads of earlier
        stages are not known and count as 0.

    Raises:
        ValueError: If there is no curve, the curves are of different data,
            `growth` is not above 1, there is no such rule, or by depth a
            network does not cost more than the network before it.

    Reference:
        [Hu et al., 2019, Sections 4 and 5.3](https://arxiv.org/abs/1708.06832);
        [Hu et al., 2017, Section 3.3](https://arxiv.org/abs/1708.06832v1)
    """
    check_same_data(curves)
    check_rule(rule)
    if growth is not None and not 1 < growth < math.inf:
        raise ValueError(
            f"`growth` must be above 1, or None. Received: growth={growth}"
        )
    members: list[AnytimeCurve] = []
    costs: list[Sequence[StageCost]] = []
    for curve in curves:
        curve_costs = curve.known_costs()
        if (
            growth is None
            or not costs
            or curve_costs[-1].macs >= growth * costs[-1][-1].macs
        ):
            members.append(curve)
            costs.append(curve_costs)
    errors = [[point.error for point in c.points] for c in members]
    used = used_stages(errors, costs, rule)
    answers = [
        curve.points[k - 1]
        for curve, stages in zip(members, used, strict=True)
        for k in stages
    ]
    answer_costs = sequence_costs(costs, used)
    joined = _joined(
        [
            dataclasses.replace(
                point, macs=cost.macs, parameters=cost.parameters
            )
            for point, cost in zip(answers, answer_costs, strict=True)
        ],
        curves,
        name or ("ensemble" if growth is None else f"ensemble x{growth:g}"),
    )
    return dataclasses.replace(
        joined, cost=CUMULATIVE, stage_costs=tuple(answer_costs)
    )


def relative_increase(
    curve: AnytimeCurve,
    optimal: AnytimeCurve,
    by: str = "cost",
    measure: str = "error",
) -> dict[float, float]:
    """Computes by how many percent a network errs more than the optimum.

    ```python
    curve = ka.evaluation.anytime_curve(model, (images, labels))
    optimal = ka.evaluation.oracle_curve([curve])
    ka.evaluation.relative_increase(curve, optimal)
    ```

    Args:
        curve: An `AnytimeCurve`.
        optimal: The `AnytimeCurve` of the oracle; see `oracle_curve`.
        by: `"cost"` compares both within 1/4, 1/2, 3/4 and 1 of the network's
            cost (Hu 2019, Table 1). `"stage"` compares stage k with network k
            of the oracle (Hu 2019, Figure 3). The plain networks of Wan 2020
            cost more than the stages that they stand for, so that only a
            smaller one is within a stage's cost: compare these by stage.
        measure: `"error"`; of the choice of one class also `"top5_error"` or
            `"loss"`.

    Returns:
        Dict from the shares, or from the stage numbers, to percentages: 20 if
        the optimum errs in 10% and the network in 12%. A percentage is
        infinite if only the optimum makes no error, and 0 if neither does.

    Raises:
        ValueError: If `curve` or `optimal` is not an `AnytimeCurve`, if they
            have different tasks or classes or, compared by stage, different
            numbers of stages, or if a curve lacks the measure.

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
            "`optimal` must be the curve of the oracle: train the networks of "
            "`ka.nets.independent`, and join their curves with `oracle_curve`. "
            f"Received: optimal={optimal!r}"
        )
    check_same_task([curve, optimal])
    if curve.classes != optimal.classes:
        raise ValueError(
            "Both curves must be of the same classes. Received: a curve of "
            f"{curve.classes} classes and an oracle of {optimal.classes}"
        )
    curve.value_at_budget(0, measure)  # Raises the error for other measures.
    for measured in (curve, optimal):
        if None in (getattr(point, measure) for point in measured.points):
            raise ValueError(
                f"The measure {measure!r} was not measured on every curve. "
                f"Received: the curve of {measured.name!r}, which lacks it"
            )
    if by == "stage":
        if len(curve.points) != len(optimal.points):
            raise ValueError(
                "Compared by stage, the oracle must have one network for each "
                f"stage. Received: {len(curve.points)} stages of "
                f"{curve.name!r} and {len(optimal.points)} networks"
            )
        return {
            point.stage: _percent_more(
                getattr(point, measure), getattr(optimal_point, measure)
            )
            for point, optimal_point in zip(
                curve.points, optimal.points, strict=True
            )
        }
    if by != "cost":
        raise ValueError(f"`by` must be 'cost' or 'stage'. Received: by={by!r}")
    budgets = {share: share * curve.points[-1].macs for share in MILESTONES}
    return {
        share: _percent_more(
            curve.value_at_budget(budget, measure),
            optimal.value_at_budget(budget, measure),
        )
        for share, budget in budgets.items()
    }


def check_same_data(curves: Sequence[AnytimeCurve]) -> None:
    """Raises an error if curves cannot be of the same examples.

    Args:
        curves: Sequence of `AnytimeCurve`s.

    Raises:
        ValueError: If there is no curve, one is not an `AnytimeCurve`, or they
            have different tasks or numbers of classes or examples.
    """
    if not curves:
        raise ValueError("There is no curve to join. Received: no curves")
    for curve in curves:
        if not isinstance(curve, AnytimeCurve):
            raise ValueError(
                "All curves must be `AnytimeCurve`s. "
                f"Received: {type(curve).__name__}"
            )
    check_same_task(curves)
    sizes = sorted({(curve.classes, curve.examples) for curve in curves})
    if len(sizes) > 1:
        raise ValueError(
            "The curves must be measured on the same examples. Received: "
            "curves of "
            + " and ".join(f"{c} classes, {n} examples" for c, n in sizes)
        )


def check_same_task(curves: Sequence[AnytimeCurve]) -> None:
    """Raises an error if curves are of different tasks.

    Args:
        curves: Sequence of `AnytimeCurve`s.

    Raises:
        ValueError: If the errors of one are not those of another.
    """
    first = curves[0].task
    for curve in curves[1:]:
        if curve.task != first:
            raise ValueError(
                "Only curves of the same task can be compared. Received: "
                f"curves of {first or 'classes'} and of "
                f"{curve.task or 'classes'}"
            )


def _joined(
    points: Sequence[Point], curves: Sequence[AnytimeCurve], name: str
) -> AnytimeCurve:
    return AnytimeCurve(
        points=tuple(
            dataclasses.replace(point, stage=k)
            for k, point in enumerate(points, start=1)
        ),
        classes=curves[0].classes,
        examples=curves[0].examples,
        name=name,
        confidence_level=curves[0].confidence_level,
        guess_error=curves[0].guess_error,
        product_answers=curves[0].product_answers,
        label_set=curves[0].label_set,
        task=curves[0].task,
    )


def _percent_more(value: float | None, optimal: float | None) -> float:
    if not optimal:
        return math.inf if value else 0.0
    return 100 * ((value or 0.0) / optimal - 1)
