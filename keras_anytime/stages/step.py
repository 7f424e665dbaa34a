"""Steps: the programs that compute what one stage adds."""

from typing import Any

import keras
import numpy as np

from keras_anytime.manifest.manifest import SINGLE_INPUT
from keras_anytime.stages import graph
from keras_anytime.stages import outputs as outputs_lib


@keras.saving.register_keras_serializable(package="keras_anytime")
class Step(keras.Model):
    """Computes the logits and features that one stage adds.

    Call arguments:
        features: Dict of tensors or arrays with at least the names in `input`.
            Other entries are ignored.

    Returns:
        Dict of tensors: `"logits"`, or `"logits_<label set>"` for each label
        set, and the features that later steps need.

    Raises:
        ValueError: If a feature is missing.
    """

    def __call__(
        self, features: dict[str, Any], **kwargs: Any
    ) -> dict[str, Any]:
        missing = sorted(set(self.input) - set(features))
        if missing:
            raise ValueError(
                f"{self.name} needs the features {missing} of earlier steps. "
                f"Received: features={sorted(features)}"
            )
        chosen = {name: features[name] for name in self.input}
        if any(isinstance(value, np.ndarray) for value in chosen.values()):
            chosen = keras.tree.map_structure(
                keras.ops.convert_to_tensor, chosen
            )
        return super().__call__(chosen, **kwargs)


def build_step(model: keras.Model, k: int) -> Step:
    """Returns the step of one stage; see `AnytimeModel.step`.

    Args:
        model: An interruptible `AnytimeModel`.
        k: Integer from 1 to the number of stages.

    Returns:
        A `Step`.
    """
    answers = model.by_stage(model.outputs)
    earlier: list[keras.Operation] = list(model.input_layers)
    if k > 1:
        earlier += graph.subnetwork_operations(model.inputs, answers[: k - 1])
    done = {id(operation) for operation in earlier}
    added = [op for op in model.stage_operations(k) if id(op) not in done]
    reads, leaves = graph.boundary(model, earlier, added)
    names = feature_names(model)
    tensors = {
        id(tensor): keras.Input(
            batch_shape=tensor.shape,
            dtype=tensor.dtype,
            name=names[id(tensor)],
        )
        for tensor in reads
    }
    inputs = {names[id(tensor)]: tensors[id(tensor)] for tensor in reads}
    graph.call_again(model, added, tensors)
    outputs = {names[id(tensor)]: tensors[id(tensor)] for tensor in leaves}
    logits = outputs_lib.named_logits(answers[k - 1])
    outputs |= {name: tensors[id(tensor)] for name, tensor in logits.items()}
    return Step(inputs, outputs, name=f"{model.name}_step_{k}")


def feature_names(model: keras.Model) -> dict[int, str]:
    """Returns the names by which steps hand features to later steps.

    Args:
        model: An `AnytimeModel`.

    Returns:
        Dict from the `id` of each symbolic tensor in the graph to the name of
        the operation that makes it, with `_` behind it if the logits have that
        name. Inputs have the names of `feature_inputs`.

    Raises:
        ValueError: If an input has the name of an operation or of logits.
    """
    names = graph.tensor_names(model)
    inputs = feature_inputs(model)
    for tensor in inputs.values():
        del names[id(tensor)]
    logits = outputs_lib.named_logits(model.by_stage(model.outputs)[0])
    taken = set(inputs) & {*logits, *names.values()}
    if taken:
        raise ValueError(
            f"Steps call their inputs {list(inputs)} and their answers "
            f"{list(logits)}: no other input or layer can be named so. "
            f"Received: {min(taken)!r}"
        )
    used = {*logits, *names.values()}
    for key, name in names.items():
        if name in logits:
            while name in used:
                name += "_"
            used.add(name)
            names[key] = name
    return {**names, **{id(tensor): name for name, tensor in inputs.items()}}


def feature_inputs(model: keras.Model) -> dict[str, keras.KerasTensor]:
    """Returns the inputs by the names that steps, exports and data use.

    Args:
        model: An `AnytimeModel`.

    Returns:
        Dict from names to symbolic tensors, in the order of the inputs. A
        single input is `"image"`; several go by the names of their layers.
    """
    if len(model.inputs) == 1:
        return {SINGLE_INPUT: model.inputs[0]}
    return {layer.name: layer.output for layer in model.input_layers}


def why_no_steps(model: keras.Model) -> str | None:
    """Returns why a network cannot run step by step.

    A step reads the features of each image from earlier steps. Anything else
    that a later step would read, such as a kernel, is a tensor in the graph
    that lacks the batch axis of the image.

    Args:
        model: An `AnytimeModel`.

    Returns:
        A sentence, or `None` if the network can.

    Reference:
        [Lee and Shin, 2018, Section 3.1](https://arxiv.org/abs/1807.02609)
    """
    repeated = graph.repeated(model)
    if repeated:
        return (
            "A network has steps only if each of its layers is called once. "
            f"{sorted(repeated)} are called more often. Call `stage(k)`."
        )
    batch = model.inputs[0].shape[:1]
    step_of = {id(layer): 1 for layer in model.input_layers}
    for k in range(1, model.num_stages + 1):
        for operation in model.stage_operations(k):
            step_of.setdefault(id(operation), k)
    maker = {
        id(tensor): step_of[id(operation)]
        for operation in model.operations
        for tensor in graph.tensors_made(model, operation)
        if tensor.shape[:1] != batch
    }
    crossing = any(
        maker.get(id(tensor), step_of[id(operation)]) != step_of[id(operation)]
        for operation in model.operations
        for tensor in graph.tensors_read(model, operation)
    )
    if crossing:
        return (
            "The subnetworks of this network share weights but no features, "
            "so each answer takes a forward pass of its own. Call `stage(k)`."
        )
    return None
