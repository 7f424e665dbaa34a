"""Configurations of parts of networks, to make new networks of."""


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
