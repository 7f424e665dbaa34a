"""Networks that run one after another: the used answers, and their costs.

`ka.nets.ensemble` builds such a sequence, and `ka.evaluation.ensemble_curve`
computes its curve. Both ask this module.
"""

from collections.abc import Sequence

from keras_anytime.stages.cost import StageCost
from keras_anytime.stages.cost import head_costs

RULES = ("validation", "depth")


def check_rule(rule: str) -> None:
    """Raises a `ValueError` if there is no such rule."""
    if rule not in RULES:
        raise ValueError(
            f"`rule` must be one of {RULES}. Received: rule={rule!r}"
        )


def used_stages(
    errors: Sequence[Sequence[float]],
    costs: Sequence[Sequence[StageCost]],
    rule: str,
) -> list[list[int]]:
    """Returns the stages of each network whose answers are used.

    Args:
        errors: The top-1 errors of the stages of each network, in the order in
            which the networks run.
        costs: The `StageCost`s of each network, likewise.
        rule: `"validation"`: an answer is used if its error is below that of
            every answer before it. `"depth"`: it is used if its subnetwork
            costs more than the whole network before its own.

    Returns:
        List of one list of stages, counted from 1, for each network.

    Raises:
        ValueError: If there is no such rule, or by depth a network does not
            cost more than the network before it.
    """
    check_rule(rule)
    if rule == "depth":
        return _deeper_stages(costs)
    used: list[list[int]] = []
    lowest = float("inf")
    for network_errors in errors:
        used.append([])
        for k, error in enumerate(network_errors, start=1):
            if error < lowest:
                lowest = error
                used[-1].append(k)
    return used


def sequence_costs(
    costs: Sequence[Sequence[StageCost]], used: Sequence[Sequence[int]]
) -> list[StageCost]:
    """Computes the costs of the used answers of networks that run in turn.

    Everything that a used answer needs runs, and nothing else: neither the
    heads of other answers, nor layers after the last used answer of a network,
    nor a network without a used answer.

    Args:
        costs: The `StageCost`s of each network, in the order of running.
        used: The used stages of each network, as from `used_stages`.

    Returns:
        List of one `StageCost` for each used answer, numbered from 1. Its
        `macs` and `parameters` are of all that has run.
    """
    result: list[StageCost] = []
    macs = parameters = 0
    for network, stages in zip(costs, used, strict=True):
        heads = head_costs(network)
        earlier_macs, earlier_parameters = macs, parameters
        for k in stages:
            cost, (head_macs, head_parameters) = network[k - 1], heads[k - 1]
            answer_macs = earlier_macs + cost.macs
            answer_parameters = earlier_parameters + cost.parameters
            result.append(
                StageCost(
                    stage=len(result) + 1,
                    macs=answer_macs,
                    parameters=answer_parameters,
                    step_macs=answer_macs - macs,
                    step_parameters=answer_parameters - parameters,
                )
            )
            macs, parameters = answer_macs, answer_parameters
            # The subnetworks of the later stages do not hold this head.
            earlier_macs += head_macs
            earlier_parameters += head_parameters
    return result


def _deeper_stages(costs: Sequence[Sequence[StageCost]]) -> list[list[int]]:
    """Returns the stages that cost more than the whole network before."""
    wholes = [network[-1].macs for network in costs]
    for index in range(1, len(wholes)):
        if wholes[index] <= wholes[index - 1]:
            raise ValueError(
                "By depth, each network must cost more than the network before "
                "it: order the networks by size, or use rule='validation'. "
                f"Received: networks of {wholes} multiply-adds"
            )
    return [
        [k for k, cost in enumerate(network, start=1) if cost.macs > before]
        for network, before in zip(costs, [-1, *wholes], strict=False)
    ]
