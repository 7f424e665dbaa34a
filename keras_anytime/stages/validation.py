"""Checks of a graph when an anytime model is made from it."""

import itertools
import warnings

import keras

from keras_anytime.stages import graph
from keras_anytime.stages.cost import stage_costs

_PROBABILITIES = ("softmax", "sigmoid")


def check_graph(model: keras.Model) -> None:
    """Raises a `ValueError` if a graph cannot be an anytime network.

    Args:
        model: A functional `keras.Model` with at least one output per stage.

    Raises:
        ValueError: If the model calls a model as a layer, outputs
            probabilities, or has its stages in the wrong order.
    """
    for operation in model.operations:
        if isinstance(operation, keras.Model):
            raise ValueError(
                "A stage is a part of the graph, but a model called as a layer "
                "hides its own graph. Use the tensors of its layers, such as "
                "`inner.get_layer(name).output`, with `inner.input` as the "
                "input; or call its layers one by one. "
                f"Received: the model {operation.name!r} as a layer"
            )
    _check_logits(model)
    _check_order(model)


def _check_logits(model: keras.Model) -> None:
    """Raises a `ValueError` if an output is a softmax or sigmoid."""
    output_ids = {id(tensor) for tensor in model.outputs}
    for operation in model.operations:
        tensors = graph.tensors_made(model, operation)
        if output_ids.isdisjoint(map(id, tensors)):
            continue
        activation = getattr(operation, "activation", operation)
        name = getattr(activation, "__name__", type(activation).__name__)
        if name.lower() in _PROBABILITIES:
            advice = (
                "Remove the activation, and set `from_logits=True` in the loss"
            )
            if getattr(model.task, "name", None) == "regression":
                advice = (
                    "Remove the activation; or, if it bounds the values of "
                    "this regression, give it a name of its own and put "
                    "`Activation('linear', name='stage_1')` behind it"
                )
            raise ValueError(
                "The stages give logits, because losses, confidences and "
                f"exports expect them. {advice}. "
                f"Received: the output {operation.name!r} with {name.lower()}"
            )


def _check_order(model: keras.Model) -> None:
    """Raises a `ValueError` if a stage is part of the stage before it.

    Operations of a head serve one stage only, so the check compares the
    operations that several stages share. A stage is in the wrong place if all
    its shared operations are among those of the stage before it, and it has
    fewer layers with weights, and it does not cost more.
    """
    needed = graph.needed_operations(model)
    weighted = sum(
        1 << index
        for index, operation in enumerate(model.operations)
        if getattr(operation, "weights", None)
    )
    inputs = sum(
        1 << index
        for index, operation in enumerate(model.operations)
        if isinstance(operation, keras.layers.InputLayer)
    )
    seen = shared = 0
    for tensor in model.outputs:
        shared |= seen & needed[id(tensor)] & ~inputs
        seen |= needed[id(tensor)]
    outputs = list(zip(model.output_names, model.outputs, strict=True))
    pairs = itertools.pairwise(outputs)
    for index, ((first, earlier), (second, later)) in enumerate(pairs, 1):
        before, after = needed[id(earlier)], needed[id(later)]
        shared_after = after & shared
        is_part = shared_after and not shared_after & ~before
        fewer = (after & weighted).bit_count() < (before & weighted).bit_count()
        if is_part and fewer and not _costs_more(model, index):
            raise ValueError(
                "Stages must be ordered from the smallest subnetwork to the "
                "whole network. Pass the outputs in this order, and name their "
                f"layers accordingly. Received: {second!r} after {first!r}, "
                "although it needs only a part of the same layers"
            )


def _costs_more(model: keras.Model, index: int) -> bool:
    """Returns whether an output's stage costs more than the stage before it."""
    size = len(model.outputs) // model.num_stages
    with warnings.catch_warnings(action="ignore"):
        costs = [cost.macs for cost in stage_costs(model)]
    return costs[index // size] > costs[(index - 1) // size]
