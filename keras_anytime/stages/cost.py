"""What each stage costs: multiply-adds and parameters, from the graph."""

import dataclasses
import math
import warnings

import keras

from keras_anytime.stages.calls import graph_calls
from keras_anytime.stages.calls import needed
from keras_anytime.stages.checks import check_anytime_model
from keras_anytime.stages.multiply_adds import multiply_adds

# Of more layers, a warning names the first only.
_MOST_NAMES = 5


@dataclasses.dataclass(frozen=True)
class StageCost:
    """The cost of one stage.

    Args:
        stage: Integer, counted from 1.
        macs: Integer. Multiply-adds of the subnetwork, for one image.
        parameters: Integer. Trainable parameters of the subnetwork.
        step_macs: Integer. Multiply-adds of the stage's step alone; of its
            whole pass where the network has no steps.
        step_parameters: Integer. Trainable parameters that the stage adds.
    """

    stage: int
    macs: int
    parameters: int
    step_macs: int
    step_parameters: int


def stage_costs(model):
    """Returns the cost of each stage of an anytime model.

    Multiply-adds (MACs) are those of sums of products, for one image:
    convolutions, dense layers, attention, recurrences and matrix products.
    Additions of biases, normalization and activations are not counted, as is
    usual. They are computed from the shapes in the graph, for each call of a
    layer. Those of layers that are not known, and of sizes that the graph
    leaves open, count as 0, with a warning.

    A subnetwork's cost is that of its answer alone, without what only the
    answers before it need. Running all stages up to k, one after another,
    takes the sum of their `step_macs`: more by the heads, and in MSDNet by
    convolutions that are part of them.

    Args:
        model: An `AnytimeModel`.

    Returns:
        List of K `StageCost`, the first stage first.
    """
    check_anytime_model(model)
    calls, makers = graph_calls(model.inputs, model.outputs)
    unknown = {}
    macs = {call: multiply_adds(call, unknown) for call in calls}
    if unknown:
        warnings.warn(_uncounted(model.name, unknown), stacklevel=1)
    costs = []
    ran, seen = set(), set()
    size = len(makers) // model.num_stages
    for k in range(1, model.num_stages + 1):
        operations = model.stage_operations(k)
        answers = makers[(k - 1) * size : k * size]
        found = _calls_of_stage(calls, answers, operations)
        added = [
            operation for operation in operations if id(operation) not in seen
        ]
        runs = found - ran if model.interruptible else found
        costs.append(
            StageCost(
                stage=k,
                macs=sum(macs[call] for call in found),
                parameters=_count(operations),
                step_macs=sum(macs[call] for call in runs),
                step_parameters=_count(added),
            )
        )
        ran |= found
        seen.update(id(operation) for operation in operations)
    return costs


def _calls_of_stage(calls, answers, operations):
    """Returns the set of calls that have run when a stage answers."""
    found = needed(answers)
    # A layer may be called for another answer too. Other operations run
    # because the network says so: in an ensemble all that came before.
    own = {id(call.operation) for call in found}
    others = {id(operation) for operation in operations} - own
    return found | {call for call in calls if id(call.operation) in others}


def _uncounted(name, unknown):
    named = [f"{layer!r} ({why})" for layer, why in unknown.items()]
    more = len(named) - _MOST_NAMES
    return (
        f"Multiply-adds of {name!r} that are not known count as 0: those of "
        + ", ".join(named[:_MOST_NAMES])
        + (f" and of {more} other layers" if more > 0 else "")
    )


def _count(operations):
    return sum(
        math.prod(variable.shape)
        for operation in operations
        if isinstance(operation, keras.Layer)
        for variable in operation.trainable_variables
    )
