"""The inputs of a model: data by name, and in the structure of the model."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_anytime.manifest import named_inputs as by_name
from keras_anytime.stages.step import feature_inputs


def named_inputs(
    model: keras.Model, x: Any, argument: str = "x"
) -> dict[str, Any]:
    """Returns data by the names of the model's inputs.

    Args:
        model: An `AnytimeModel`.
        x: The data of a single input, also as a dict or a list of it alone. Of
            several inputs a dict by the names of the input layers, or a tuple
            or list in the order of the inputs.
        argument: String. Name of the data in errors.

    Returns:
        Dict from the names of `feature_inputs` to data, in the order of the
        model's inputs.

    Raises:
        ValueError: If a name is missing or unknown, or there are more or fewer
            data than inputs.
    """
    names = list(feature_inputs(model))
    if len(names) == 1:
        known = {*names, model.input_layers[0].name}
        if isinstance(x, Mapping) and len(x) == 1 and set(x) <= known:
            return {names[0]: next(iter(x.values()))}
        if isinstance(x, (list, tuple)) and len(x) == 1 and _is_data(x[0]):
            return {names[0]: x[0]}
        if isinstance(x, (Mapping, tuple)) or (
            isinstance(x, list) and any(map(_is_data, x))
        ):
            raise ValueError(
                f"The network has one input, {model.input_layers[0].name!r}: "
                "give one array. "
                f"Received: {argument} as {by_name.described(x)}"
            )
        return {names[0]: x}
    return by_name.named_inputs(x, names, argument)


def arranged_inputs(model: keras.Model, x: Any) -> Any:
    """Returns data in the structure in which the model was given its inputs.

    Keras takes other structures only in part, and orders dicts by name.

    Args:
        model: An `AnytimeModel`.
        x: Data as of `named_inputs`.

    Raises:
        ValueError: As `named_inputs`.
    """
    data = named_inputs(model, x)
    by_tensor = {
        id(tensor): data[name] for name, tensor in feature_inputs(model).items()
    }
    return keras.tree.map_structure(
        lambda tensor: by_tensor[id(tensor)], model.input
    )


def _is_data(value: Any) -> bool:
    return hasattr(value, "shape")
