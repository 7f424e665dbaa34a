"""Networks of some stages of a network.

All of the library makes them here: with shared variables (`subset`), or as a
configuration for a network with new weights (`part_config`).
"""

from collections.abc import Sequence

import keras

from keras_anytime.stages import outputs as outputs_lib


def subset(
    model: keras.Model, stages: Sequence[int] | None
) -> tuple[keras.Model, list[int]]:
    """Returns a network of some stages, which shares the model's variables.

    Args:
        model: An `AnytimeModel` of K stages.
        stages: Sequence of integers from 1 to K in rising order, or `None` for
            all.

    Returns:
        Pair of an `AnytimeModel`, which is the model itself if all stages are
        kept, and the list of the kept stages' numbers.

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
    if numbers == every:
        return model, numbers
    size = len(model.label_sets) or 1
    kept = [
        output
        for k in numbers
        for output in model.outputs[(k - 1) * size : k * size]
    ]
    return type(model)(model.input, kept, name=model.name), numbers


def part_config(model, stages, first=1, prefix=""):
    """Returns the configuration of some stages of a network.

    `AnytimeModel.from_config` makes a network of it, with fresh weights.

    Args:
        model: An `AnytimeModel`.
        stages: List of the stages to keep, in order.
        first: Integer. The number that the first of them gets; the others
            count on.
        prefix: String put before the names of all other layers than the heads
            and the image.

    Returns:
        Pair of the configuration and a dict from the names of the operations
        in the model to those in the part.
    """
    size = len(model.label_sets) or 1
    heads = {
        k: slice((k - 1) * size, k * size)
        for k in range(1, model.num_stages + 1)
    }
    kept = [one for k in stages for one in model.outputs[heads[k]]]
    config = type(model)(model.input, kept).get_config()
    names = {
        layer["name"]: f"{prefix}{layer['name']}" for layer in config["layers"]
    }
    names[model.image_layer.name] = "image"
    for number, k in enumerate(stages, start=first):
        for head in model.output_names[heads[k]]:
            ending = head.removeprefix(f"stage_{k}")
            names[head] = f"stage_{number}{ending}"
    for layer in config["layers"]:
        layer["config"] = {
            **layer["config"],
            "name": names[layer["name"]],
        }
    return _renamed(config, names), names


def _renamed(value, names):
    """Renames the operations that a configuration refers to."""
    if isinstance(value, dict):
        return {
            key: names[one]
            if key == "name" and "inbound_nodes" in value
            else _renamed(one, names)
            for key, one in value.items()
        }
    if isinstance(value, (list, tuple)):
        if _is_reference(value, names):
            return [names[value[0]], *value[1:]]
        return [_renamed(one, names) for one in value]
    return value


def _is_reference(value, names):
    """Whether it is Keras' form of a tensor: operation, call, output."""
    return (
        len(value) == 3
        and isinstance(value[0], str)
        and value[0] in names
        and all(type(one) is int for one in value[1:])
    )
