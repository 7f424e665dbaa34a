"""The cost of each stage: multiply-adds and parameters, from the graph."""

import dataclasses
import math
import warnings
from collections.abc import Iterable

import keras

from keras_anytime.stages.calls import Call
from keras_anytime.stages.calls import calls_of_stage
from keras_anytime.stages.calls import graph_calls
from keras_anytime.stages.checks import check_anytime_model
from keras_anytime.stages.multiply_adds import multiply_adds

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
    unknown: dict[str, str] = {}
    macs = {call: multiply_adds(call, unknown) for call in calls}
    if unknown:
        warnings.warn(_unknown_message(model.name, unknown), stacklevel=1)
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
