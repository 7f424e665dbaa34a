"""The cost of each stage: multiply-adds and parameters, from the graph."""

import dataclasses
import itertools
import math
import warnings
from collections.abc import Iterable
from collections.abc import Sequence

import keras

from keras_anytime.stages.calls import Call
from keras_anytime.stages.calls import calls_of_stage
from keras_anytime.stages.calls import graph_calls
from keras_anytime.stages.checks import check_anytime_model
from keras_anytime.stages.multiply_adds import multiply_adds

# What the cost of an answer counts.
SUBNETWORK = "subnetwork"
CUMULATIVE = "cumulative"

# A warning names at most this many layers.
_MAX_NAMED_LAYERS = 5


@dataclasses.dataclass(frozen=True)
class StageCost:
    """The cost of one stage.

    Args:
        stage: Integer, counted from 1.
        macs: Integer. Multiply-adds of the subnetwork, for one image.
        parameters: Integer. Trainable parameters of the subnetwork.
        step_macs: Integer. Multiply-adds of the stage's step alone, for one
            image; of its whole pass if the network has no steps.
        step_parameters: Integer. Trainable parameters that the stage adds.
    """

    stage: int
    macs: int
    parameters: int
    step_macs: int
    step_parameters: int


def stage_costs(model: keras.Model) -> list[StageCost]:
    """Returns the cost of each stage of an anytime model.

    Multiply-adds (MACs) are those of sums of products, for one image:
    convolutions, dense layers, attention, recurrences and matrix products. As
    is usual, additions of biases, normalization and activations are not
    counted. MACs are computed from the shapes in the graph, for each call of a
    layer. Unknown layers, and layers whose input has no fixed size, count as 0
    with a warning.

    A subnetwork's cost excludes what only earlier answers need. Running all
    stages up to k in sequence costs the sum of their `step_macs`. This sum
    also includes the heads of the earlier stages, and for MSDNet the
    convolutions in these heads.

    ```python
    for cost in ka.evaluation.stage_costs(model):
        print(cost.stage, cost.macs, cost.parameters)
    ```

    Args:
        model: An `AnytimeModel`.

    Returns:
        List of K `StageCost`s, the first stage first.

    Raises:
        ValueError: If the model is no `AnytimeModel`.
    """
    check_anytime_model(model)
    calls, output_calls = graph_calls(model.inputs, model.outputs)
    macs = call_costs(model.name, calls)
    costs = []
    earlier_calls: set[Call] = set()
    earlier_operations: set[int] = set()
    size = len(output_calls) // model.num_stages
    for k in range(1, model.num_stages + 1):
        operations = model.stage_operations(k)
        answers = output_calls[(k - 1) * size : k * size]
        stage_calls = calls_of_stage(calls, answers, operations)
        step_calls = stage_calls
        if model.interruptible:
            step_calls = stage_calls - earlier_calls
        costs.append(
            StageCost(
                stage=k,
                macs=sum(macs[call] for call in stage_calls),
                parameters=_count_parameters(operations),
                step_macs=sum(macs[call] for call in step_calls),
                step_parameters=_count_parameters(
                    operation
                    for operation in operations
                    if id(operation) not in earlier_operations
                ),
            )
        )
        earlier_calls |= stage_calls
        earlier_operations.update(map(id, operations))
    return costs


def call_costs(name: str, calls: Iterable[Call]) -> dict[Call, int]:
    """Counts the multiply-adds of calls; warns of those that are unknown.

    Args:
        name: String. The name of the network, for the warning.
        calls: Calls on tensors of one image, as from `graph_calls`.

    Returns:
        Dict from each call to an integer.
    """
    unknown: dict[str, str] = {}
    macs = {call: multiply_adds(call, unknown) for call in calls}
    if unknown:
        warnings.warn(_unknown_message(name, unknown), stacklevel=1)
    return macs


def head_costs(costs: Sequence[StageCost]) -> list[tuple[int, int]]:
    """Computes what only the answer of each stage needs: its head.

    Stage k + 1 needs all of stage k but this head, so that the two subnetworks
    and the step of stage k + 1 give it. Without steps, it is the whole pass.

    Args:
        costs: The K `StageCost`s of a network.

    Returns:
        List of K pairs of multiply-adds and parameters. That of the last stage
        is (0, 0): no later stage does without its head.
    """
    return [
        *(
            (
                cost.macs + after.step_macs - after.macs,
                cost.parameters + after.step_parameters - after.parameters,
            )
            for cost, after in itertools.pairwise(costs)
        ),
        (0, 0),
    ]


def default_cost(costs: Sequence[StageCost]) -> str:
    """Returns what the cost of an answer counts, unless the user says it.

    The heads of most networks are a classifier on pooled features, which costs
    almost nothing beside the features: the papers count the subnetwork of the
    answer alone. The heads of MSDNet are small convolutional networks. Its
    authors count all that has run, earlier heads included. The costs tell these
    heads: a classifier uses each weight once for an image, a convolution uses
    it at many places, so that it has more multiply-adds than parameters. An
    ensemble has run all networks before the answer's own. A network without
    steps runs one pass for an answer, which does not need the earlier passes.

    Args:
        costs: The K `StageCost`s of a network.

    Returns:
        `"cumulative"` if the network has steps, and the head of a stage but the
        last has more multiply-adds than parameters, or all subnetworks hold all
        that ran before; else `"subnetwork"`.
    """
    heads = head_costs(costs)[:-1]
    if not heads:
        return SUBNETWORK
    passes = any(cost.step_macs == cost.macs for cost in costs[1:])
    convolutional = any(macs > parameters for macs, parameters in heads)
    in_sequence = not any(macs for macs, _ in heads)
    if not passes and (convolutional or in_sequence):
        return CUMULATIVE
    return SUBNETWORK


def counted_costs(
    costs: Sequence[StageCost], cost: str
) -> list[tuple[int, int]]:
    """Returns the multiply-adds and parameters of each stage's answer.

    Args:
        costs: The K `StageCost`s of a network.
        cost: `"subnetwork"` counts what the answer needs. `"cumulative"` counts
            what has run when the stages are computed in turn, which includes
            the heads of earlier stages.

    Returns:
        List of K pairs of multiply-adds and parameters.

    Raises:
        ValueError: If `cost` is another one.
    """
    check_cost(cost)
    if cost == SUBNETWORK:
        return [(entry.macs, entry.parameters) for entry in costs]
    return list(
        zip(
            itertools.accumulate(entry.step_macs for entry in costs),
            itertools.accumulate(entry.step_parameters for entry in costs),
            strict=True,
        )
    )


def check_cost(cost: str | None) -> None:
    """Raises a `ValueError` if costs cannot be counted in such a way."""
    if cost not in (None, SUBNETWORK, CUMULATIVE):
        raise ValueError(
            f"`cost` must be {SUBNETWORK!r}, {CUMULATIVE!r} or None. "
            f"Received: cost={cost!r}"
        )


def _unknown_message(name: str, unknown: dict[str, str]) -> str:
    reasons = [f"{layer!r} ({reason})" for layer, reason in unknown.items()]
    more = len(reasons) - _MAX_NAMED_LAYERS
    return (
        f"Multiply-adds of {name!r} are incomplete. These layers count as 0, "
        "because their cost is unknown: "
        + ", ".join(reasons[:_MAX_NAMED_LAYERS])
        + (f" and {more} other layers" if more > 0 else "")
    )


def _count_parameters(operations: Iterable[keras.Operation]) -> int:
    return sum(
        math.prod(variable.shape)
        for operation in operations
        if isinstance(operation, keras.Layer)
        for variable in operation.trainable_variables
    )
