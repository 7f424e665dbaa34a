"""A functional Keras model as an anytime network, with heads at its cuts."""

import re
import warnings
from collections.abc import Sequence

import keras

from keras_anytime.convert.choice import chosen_cuts
from keras_anytime.convert.cuts import CutGraph
from keras_anytime.convert.heads import Head
from keras_anytime.convert.heads import Heads
from keras_anytime.convert.inlining import flat_graph
from keras_anytime.convert.tops import Top
from keras_anytime.model import AnytimeModel
from keras_anytime.nets.arguments import check_counts
from keras_anytime.nets.arguments import check_tasks
from keras_anytime.nets.blocks import Classes
from keras_anytime.nets.blocks import task_of
from keras_anytime.stages.cost import head_costs
from keras_anytime.stages.cost import stage_costs


def add_heads(
    model: keras.Model,
    classes: Classes,
    at: Sequence[float | str] | float | str = (0.25, 0.5),
    head: Head | None = None,
    *,
    width: int | None = 128,
    max_head_share: float = 0.25,
    top: bool | None = None,
    name: str | None = None,
) -> AnytimeModel:
    """Makes an anytime network of a model, with a head at each cut.

    The network has one stage for each cut and the whole model as its last
    stage, on the model's own layers: weights, `trainable` and statistics of
    normalization are shared, so that training one trains the other. Nested
    models become part of the graph; `inlined` says how.

    A head is by default: pooling of all positions and a classifier. A tensor
    of fewer than `width` channels first gets a convolution of size 1, batch
    normalization and ReLU: the few channels of a thin layer, such as the
    linear bottlenecks of MobileNetV2, have more to tell than their means. The
    convolution is as wide as `max_head_share` allows, `width` at most. Heads
    of token models, which have layer normalization or attention, normalize
    the tokens and take their mean, a class token being one of them. Heads of
    vectors are classifiers. Heads of a segmentation classify each position and
    are resized to the size of the model's output, or of its input if the model
    has no top.

    A top is kept: of a softmax or sigmoid, the logits. A layer that computes
    probabilities itself is replaced by one with copies of its weights. A model
    without a top gets a classifier on its pooled output.

    ```python
    network = keras.applications.MobileNetV2(
        (32, 32, 3), weights=None, classes=10
    )
    anytime = ka.convert.add_heads(network, classes=10, at=(0.25, 0.5))
    for cost in ka.evaluation.stage_costs(anytime):
        print(cost.stage, cost.macs)
    ```

    Args:
        model: A functional or Sequential `keras.Model` of one output and
            inputs of fixed size. Its layers may be models.
        classes: Number of classes or a task of `ka.tasks`; for a model without
            a top also a dict from label sets to these.
        at: Where to cut: shares of the multiply-adds between 0 and 1, names of
            layers, or both. Of a share, the nearest of `cut_points` is taken,
            which must be within 0.2 of it; of equally near ones that with the
            fewest bytes.
        head: Function of the tensor at a cut and the number of its stage that
            returns what the classifier reads: a tensor `(batch, features)`,
            for a segmentation with positions. It is called for the last stage
            too, if the model has no top. `None` for the default.
        width: Integer, the channels to which a default head brings a thinner
            tensor; `None` for none.
        max_head_share: Float in (0, 1). Share of a step's multiply-adds that
            its head may have.
        top: Boolean, whether the model's output is the answer; `None` to tell
            by its last layers.
        name: String, the network's name; `None` for the model's.

    Returns:
        An `AnytimeModel` with outputs `stage_1` to `stage_K`.

    Raises:
        ValueError: If the model has no known graph, several outputs, or no cut
            where one is wanted; if its top does not fit the task; if a head
            costs more than `max_head_share`, or returns no features.

    Reference:
        [Kaya et al., 2019](https://arxiv.org/abs/1810.07052)
    """
    check_tasks(classes)
    if head is not None and not callable(head):
        raise ValueError(
            "`head` must be a function of a tensor and the number of its "
            f"stage, or None. Received: head={head!r}"
        )
    if width is not None:
        check_counts(width=width)
    if not 0 < max_head_share < 1:
        raise ValueError(
            "`max_head_share` must be between 0 and 1. "
            f"Received: max_head_share={max_head_share}"
        )
    network, tensors = flat_graph(model)
    if len(network.outputs) != 1:
        raise ValueError(
            "A model of one output is converted; choose one by "
            "`keras.Model(model.inputs, model.outputs[0])`. "
            f"Received: {network.name!r} with {len(network.outputs)} outputs"
        )
    for operation in network.operations:
        if re.fullmatch(r"stage_\d+(_\w+)?", operation.name):
            raise ValueError(
                "The outputs of an anytime network are called stage_1, "
                "stage_2, ..., so that no other layer can be. "
                f"Received: a layer {operation.name!r}"
            )
    cuts = CutGraph(network)
    points = chosen_cuts(cuts, at)
    heads = Heads(network, classes, head, width)
    last, size = _last_stage(network, Top(network, tensors), heads, top, points)
    outputs = []
    before = 0
    for stage, point in enumerate(points, start=1):
        operation, index = cuts.places[point.layer]
        # The head's share of its step, which it is part of itself. A default
        # head must not cost more than what it goes before.
        ratio = max_head_share / (1 - max_head_share)
        rest = cuts.total - point.macs
        most = min(ratio * (point.macs - before), rest / 2)
        x = tensors[operation][index]
        outputs += heads.outputs_of(x, stage, most, size)
        before = point.macs
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        result = AnytimeModel(
            network.input,
            [*outputs, *last],
            name=name or model.name,
            task=task_of(classes),
        )
        _check_heads(result, max_head_share)
        _check_steps(result, [point.layer for point in points])
    return result


def _last_stage(
    network: keras.Model,
    top: Top,
    heads: Heads,
    is_answer: bool | None,
    points: Sequence,
) -> tuple[list[keras.KerasTensor], tuple[int, ...]]:
    """Returns the last outputs, and the positions of labels."""
    stage = len(points) + 1
    task, *others = heads.tasks.values()
    if is_answer is None:
        is_answer = not others and top.is_answer(task)
    if is_answer:
        (label_set, *more) = heads.tasks
        if more or label_set:
            raise ValueError(
                "A top answers for one set of labels: build the network "
                "without its top (include_top=False in keras.applications), "
                "and it gets one for each. "
                f"Received: the label sets {list(heads.tasks)}"
            )
        size = tuple(top.tensor.shape[1:-1])
        return [top.logits(task, f"stage_{stage}")], size
    size = tuple(network.inputs[0].shape[1:-1])
    return heads.outputs_of(top.tensor, stage, None, size), size


def _check_heads(model: AnytimeModel, most: float) -> None:
    """Raises a `ValueError` if a head costs more than a share of its step."""
    costs = stage_costs(model)
    for cost, (macs, _) in zip(costs[:-1], head_costs(costs), strict=False):
        if macs > most * cost.step_macs:
            raise ValueError(
                f"The head of stage {cost.stage} has {macs:,} multiply-adds, "
                f"{macs / cost.step_macs:.0%} of its step: cut later, or use a "
                "smaller `head`. "
                f"Received: max_head_share={most}"
            )


def _check_steps(model: AnytimeModel, layers: Sequence[str]) -> None:
    """Raises a `ValueError` if a step reads more than the cut before it.

    Heads may read other tensors of the network: an own head may, and pooling
    reads the mask that comes with tokens.
    """
    for k, layer in enumerate(layers, start=2):
        others = set(model.step(k).input) - {layer, *model.feature_inputs}
        if others:
            raise ValueError(
                "A step reads the tensor at the cut before it and nothing else "
                "of earlier steps. A head must not read other tensors; the "
                "mask of tokens is one, so build the model without masks "
                "(mask_zero=False). "
                f"Received: {sorted(others)} beside {layer!r}"
            )
