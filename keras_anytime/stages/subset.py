"""Networks of some stages of a network.

All of the library makes them here: with shared variables (`subset`,
`single_stage`), or as a configuration for a network with new weights
(`subset_config`).
"""

from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime.stages import outputs as outputs_lib


def subset(
    model: keras.Model,
    stages: Sequence[int] | None,
    name: str | None = None,
) -> tuple[keras.Model, list[int]]:
    """Returns a network of some stages, which shares the model's variables.

    Args:
        model: An `AnytimeModel` of K stages.
        stages: Sequence of integers from 1 to K in rising order, or `None` for
            all.
        name: Optional string, the network's name; `None` for the model's.

    Returns:
        Pair of an `AnytimeModel`, which is the model itself if all stages are
        kept under its name, and the list of the kept stages' numbers.

    Raises:
        ValueError: If the stages are not such, or the outputs are not named
            after their stages.
    """
    outputs_lib.check_names(model.output_names)
    every = list(range(1, model.num_stages + 1))
    numbers = every if stages is None else list(stages)
    if not numbers or numbers != sorted(set(numbers) & set(every)):
        raise ValueError(
            f"`stages` must be some of {every} in rising order. "
            f"Received: stages={stages}"
        )
    name = name or model.name
    if numbers == every and name == model.name:
        return model, numbers
    kept = stage_outputs(model, numbers)
    part = type(model)(model.input, kept, name=name, task=model.task)
    return part, numbers


def single_stage(model: keras.Model, k: int, name: str) -> keras.Model:
    """Returns one stage as a plain model, which shares the model's variables.

    Args:
        model: An `AnytimeModel`.
        k: Integer from 1 to the number of stages.
        name: String, the name of the result.

    Returns:
        A `keras.Model` from the image to the logits of stage k; with label
        sets to a dict from them to logits.
    """
    answer = model.by_stage(model.outputs)[k - 1]
    return keras.Model(model.input, answer, name=name)


def subset_config(
    model: keras.Model,
    stages: Sequence[int],
    first: int = 1,
    prefix: str = "",
) -> tuple[dict[str, Any], dict[str, str]]:
    """Returns the configuration of a network of some stages.

    `AnytimeModel.from_config` makes the network, with new weights.

    Args:
        model: An `AnytimeModel`.
        stages: Sequence of the stages to keep, in order.
        first: Integer, the number that the first kept stage gets. The others
            count on from it.
        prefix: String that is put before the names of all layers but the heads
            and the input layers.

    Returns:
        Pair of the configuration and a dict from the names of the operations
        in the model to those in the configuration.
    """
    kept = stage_outputs(model, stages)
    config = type(model)(model.input, kept, task=model.task).get_config()
    names = {
        layer["name"]: f"{prefix}{layer['name']}" for layer in config["layers"]
    }
    for layer, name in zip(
        model.input_layers, model.feature_inputs, strict=True
    ):
        names[layer.name] = name
    size = len(model.label_sets) or 1
    for number, k in enumerate(stages, start=first):
        for head in model.output_names[(k - 1) * size : k * size]:
            ending = head.removeprefix(f"stage_{k}")
            names[head] = f"stage_{number}{ending}"
    for layer in config["layers"]:
        layer["config"] = {
            **layer["config"],
            "name": names[layer["name"]],
        }
    return _renamed(config, names), names


def stage_outputs(
    model: keras.Model, stages: Sequence[int]
) -> list[keras.KerasTensor]:
    """Returns the symbolic outputs of some stages, in the model's order.

    Args:
        model: An `AnytimeModel`.
        stages: Sequence of integers from 1 to the number of stages.

    Returns:
        List of one tensor for each stage, or with label sets for each stage and
        label set.
    """
    size = len(model.label_sets) or 1
    return [
        output
        for k in stages
        for output in model.outputs[(k - 1) * size : k * size]
    ]


def _renamed(value, names):
    """Renames the operations that a configuration refers to."""
    if isinstance(value, dict):
        return {
            key: names[entry]
            if key == "name" and "inbound_nodes" in value
            else _renamed(entry, names)
            for key, entry in value.items()
        }
    if isinstance(value, (list, tuple)):
        if _is_reference(value, names):
            return [names[value[0]], *value[1:]]
        return [_renamed(entry, names) for entry in value]
    return value


def _is_reference(value, names):
    """Whether it is Keras' form of a tensor: operation, call, output."""
    return (
        len(value) == 3
        and isinstance(value[0], str)
        and value[0] in names
        and all(type(entry) is int for entry in value[1:])
    )
