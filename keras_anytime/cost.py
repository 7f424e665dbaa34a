"""What each stage costs: multiply-adds and parameters, from the graph."""

import dataclasses
import functools
import math

import keras

from keras_anytime import graph
from keras_anytime.checks import check_anytime_model
from keras_anytime.layers import SharedConv2D
from keras_anytime.layers import SharedKernel


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

    Multiply-adds (MACs) are those of convolutions and dense layers, for one
    image; additions of biases, normalisation and activations are not counted,
    as is usual. They are computed from the shapes in the graph.

    A subnetwork's cost is that of its answer alone, without what only the
    answers before it need. Running all stages up to k, one after another,
    takes the sum of their `step_macs`: more by the heads, and in MSDNet by
    convolutions that are part of them.

    Args:
        model: An `AnytimeModel` whose input has a fixed size.

    Returns:
        List of K `StageCost`, the first stage first.

    Raises:
        ValueError: If the input's size is not fixed.
    """
    check_anytime_model(model)
    if None in model.input_shape[1:]:
        raise ValueError(
            "Costs depend on the image size: build the network with a fixed "
            f"one. Received: input_shape={model.input_shape}"
        )
    macs_of = functools.cache(macs)  # Stages have operations in common.
    costs = []
    seen = set()
    for k in range(1, model.num_stages + 1):
        operations = model.stage_operations(k)
        added = [one for one in operations if id(one) not in seen]
        seen.update(id(one) for one in added)
        costs.append(
            StageCost(
                stage=k,
                macs=sum(macs_of(one) for one in operations),
                parameters=_count(operations),
                step_macs=sum(
                    macs_of(one)
                    for one in (added if model.interruptible else operations)
                ),
                step_parameters=_count(added),
            )
        )
    return costs


def macs(operation):
    """Returns the multiply-adds of one operation for one image.

    Args:
        operation: A Keras operation of a functional graph.

    Returns:
        Integer; 0 for what has no kernel.

    Raises:
        ValueError: If the operation has a kernel, but is no convolution or
            dense layer that is known here.
    """
    if isinstance(operation, keras.Model):
        return sum(macs(one) for one in operation.layers)
    kind = type(operation)
    if issubclass(kind, SharedConv2D):
        kernels = graph.input_tensors(operation)[1:]
        (output,) = graph.output_tensors(operation)
        weights = sum(math.prod(kernel.shape) for kernel in kernels)
        return math.prod(output.shape[1:-1]) * weights
    if issubclass(kind, SharedKernel):
        return 0
    if issubclass(kind, (keras.layers.Conv2D, keras.layers.Dense)):
        # Each output value takes one multiply-add per weight that it reads.
        (output,) = graph.output_tensors(operation)
        weights_per_output = math.prod(operation.kernel.shape[:-1])
        return math.prod(output.shape[1:]) * weights_per_output
    if issubclass(kind, keras.layers.DepthwiseConv2D):
        (output,) = graph.output_tensors(operation)
        return math.prod(output.shape[1:]) * math.prod(operation.kernel_size)
    if any(len(v.shape) > 1 for v in getattr(operation, "weights", ())):
        raise ValueError(
            "The multiply-adds of this layer are not known. "
            f"Received: {operation.name!r}, a {kind.__name__}"
        )
    return 0


def _count(operations):
    return sum(
        math.prod(variable.shape)
        for operation in operations
        if isinstance(operation, keras.Layer)
        for variable in operation.trainable_variables
    )
