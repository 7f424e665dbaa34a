"""What a graph must be to be an anytime network, checked when it is made."""

import itertools
import warnings

import keras

from keras_anytime.stages import graph
from keras_anytime.stages.cost import stage_costs

_PROBABILITIES = ("softmax", "sigmoid")


def check_graph(model):
    """Raises a `ValueError` if a graph cannot be an anytime network.

    Args:
        model: A functional `keras.Model` with one output or more per stage.
    """
    if len(model.inputs) != 1:
        raise ValueError(
            "An anytime network takes one input; join several ones in a layer "
            "before it, such as the channels of one image. "
            f"Received: {len(model.inputs)} inputs, "
            f"{[one.name for one in model.inputs]}"
        )
    for operation in model.operations:
        if isinstance(operation, keras.Model):
            raise ValueError(
                "A stage is a part of the graph, and a model that is called as "
                "a layer hides its own: take the tensors of its layers, such "
                "as `inner.get_layer(name).output`, with `inner.input` as the "
                "input; or call its layers one by one. "
                f"Received: the model {operation.name!r} as a layer"
            )
    _check_logits(model)
    _check_order(model)


def _check_logits(model):
    answers = {id(tensor) for tensor in model.outputs}
    for operation in model.operations:
        made = graph.output_tensors(operation)
        if answers.isdisjoint(map(id, made)):
            continue
        activation = getattr(operation, "activation", operation)
        name = getattr(activation, "__name__", type(activation).__name__)
        if name.lower() in _PROBABILITIES:
            raise ValueError(
                "The stages give logits: losses, confidences and exports take "
                "their outputs so. Leave the activation out, and give the loss "
                "`from_logits=True`. "
                f"Received: the output {operation.name!r} with {name.lower()}"
            )


def _check_order(model):
    """Refuses a stage that needs only a part of what the one before needs.

    What a head adds, no other stage needs. A later stage is in the wrong place
    if it has a part, or the same, of what the stages have in common, and fewer
    layers with weights; unless they cost more than the many of the other.
    """
    needed = graph.needed_operations(model)
    weighted = sum(
        1 << index
        for index, operation in enumerate(model.operations)
        if getattr(operation, "weights", None)
    )
    image = 1  # The first operation; all stages need it.
    once = common = 0
    for tensor in model.outputs:
        common |= once & needed[id(tensor)] & ~image
        once |= needed[id(tensor)]
    stages = list(zip(model.output_names, model.outputs, strict=True))
    pairs = itertools.pairwise(stages)
    for index, ((first, earlier), (second, later)) in enumerate(pairs, 1):
        before, after = needed[id(earlier)], needed[id(later)]
        part = after & common
        fewer = (after & weighted).bit_count() < (before & weighted).bit_count()
        if (
            part
            and not part & ~before
            and fewer
            and not _costs_more(model, index)
        ):
            raise ValueError(
                "Stages are ordered from the smallest subnetwork to the whole "
                "network: give the outputs in this order, and name their "
                f"layers so. Received: {second!r} after {first!r}, of which it "
                "needs a part"
            )


def _costs_more(model, index):
    """Whether the stage of an output costs more than the one before it."""
    size = len(model.outputs) // model.num_stages
    with warnings.catch_warnings(action="ignore"):
        costs = [cost.macs for cost in stage_costs(model)]
    return costs[index // size] > costs[(index - 1) // size]
