"""Functions that list, build and describe networks by name."""

import inspect
from collections.abc import Callable
from typing import Any

from keras_anytime import naming
from keras_anytime.model import AnytimeModel
from keras_anytime.nesting import Nesting
from keras_anytime.nets import weight_files
from keras_anytime.nets.arguments import Classes
from keras_anytime.nets.arguments import ImageShape
from keras_anytime.nets.configurations import CONFIGURATIONS
from keras_anytime.nets.configurations import Configuration
from keras_anytime.stages.cost import stage_costs


def _family(builder: Callable[..., AnytimeModel]) -> Configuration:
    """Returns the configuration of a builder with its own defaults."""
    stem = inspect.signature(builder).parameters["stem"].default
    first_line = (builder.__doc__ or "").partition("\n")[0]
    return Configuration(builder, first_line, imagenet=stem == "imagenet")


_FAMILIES = {
    configuration.builder.__name__: _family(configuration.builder)
    for configuration in CONFIGURATIONS.values()
}


# Arguments of builders that do not change the answers of a network.
_SAME_ANSWERS = ("l2", "synchronized")


def names() -> list[str]:
    """Returns the names of networks, for `get` and `describe`.

    They are the papers' networks, and `width_resnet10` and `res_ann12` of this
    library.

    ```python
    ka.nets.names()  # ["width_resnet42", "even_width_resnet42", ...]
    ```

    Returns:
        List of strings. Networks whose names end in `_imagenet` or `_cub` take
        images of 224x224 pixels, the others of 32x32.
    """
    return list(CONFIGURATIONS)


def get(
    name: str,
    input_shape: ImageShape | None = None,
    classes: Classes | None = None,
    weights: str | None = None,
    **arguments: Any,
) -> AnytimeModel:
    """Builds a network of a paper, or a family's default network, by name.

    With `weights`, the network is trained, and knows the names of its classes
    and how images are prepared, as after `fit`.

    ```python
    net = ka.nets.get(
        "width_resnet42", (8, 8, 1), classes=10, units=(1, 1), filters=(8, 16)
    )
    ```

    Args:
        name: String, one of `names()`, or the name of a builder in `ka.nets`,
            such as `"width_nested_resnet"`. Case, dashes and underscores are
            ignored.
        input_shape: Tuple `(height, width, channels)`, or `None` for the
            paper's.
        classes: Integer, dict from label sets to integers, or `None` for
            CIFAR-10's 10, ImageNet's 1000 or CUB's 200.
        weights: String, the weights to load, such as `"cifar10"`;
            `pretrained()` lists them. `None` for new weights.
        **arguments: Arguments of the family's builder that replace the
            paper's. With `weights`, none may change the network.

    Returns:
        An `AnytimeModel` of that name.

    Raises:
        ValueError: If there is no such network, an argument is invalid, there
            are no such weights, they are for another network, or their file is
            damaged.
    """
    data = {"input_shape": input_shape, "classes": classes}
    data = {key: value for key, value in data.items() if value is not None}
    name = canonical_name(name)
    configuration = find(name)
    builder = configuration.builder
    own = {"name": name, **configuration.defaults}
    complete = complete_arguments(builder, {**own, **data, **arguments})
    if weights is None:
        return builder(**complete)
    facts = weight_files.facts(name, weights)
    _check_same_network(facts, complete, complete_arguments(builder, own))
    model = builder(**complete)
    weight_files.load(model, facts)
    return model


def describe(name: str) -> str:
    """Returns a description of a network and the cost of its stages.

    It builds the network, which takes seconds.

    ```python
    print(ka.nets.describe("shallow_resnext29"))
    ```

    Args:
        name: As in `get`.

    Returns:
        String of two lines: the description, and the million multiply-adds
        (MACs) of each stage for one image.

    Raises:
        ValueError: If there is no such network.
    """
    name = canonical_name(name)
    costs = stage_costs(get(name))
    macs = " ".join(f"{cost.macs / 1e6:.4g}" for cost in costs)
    return (
        f"{name}: {find(name).description}\n"
        f"million MACs of stages 1 to {len(costs)}: {macs}"
    )


def find(name: str) -> Configuration:
    """Returns the `Configuration` of a name.

    Args:
        name: As in `get`.

    Raises:
        ValueError: If there is no such network.
    """
    return {**CONFIGURATIONS, **_FAMILIES}[canonical_name(name)]


def canonical_name(name: str) -> str:
    """Returns a network's name as `names()` spells it.

    Args:
        name: As in `get`.

    Raises:
        ValueError: If there is no such network.
    """
    known = [*CONFIGURATIONS, *_FAMILIES]
    match = naming.match_name(name, known) if isinstance(name, str) else None
    if match is None:
        raise ValueError(
            "There is no network of this name. `ka.nets.names()` and "
            "tools/list_networks.py list the papers' networks; builders are "
            f"found by their names: {naming.quote_names(_FAMILIES)}."
            f"{naming.did_you_mean(name, known)} Received: name={name!r}"
        )
    return match


def complete_arguments(
    builder: Callable[..., AnytimeModel], arguments: dict[str, Any]
) -> dict[str, Any]:
    """Returns all arguments of a builder, defaults included.

    Args:
        builder: A function that builds a network.
        arguments: Dict of arguments.

    Returns:
        Dict.

    Raises:
        ValueError: If an argument is unknown, or a required one is missing.
    """
    try:
        bound = inspect.signature(builder).bind(**arguments)
    except TypeError as error:
        known = ", ".join(inspect.signature(builder).parameters)
        raise ValueError(
            f"The arguments of {builder.__name__} are {known}. "
            f"Received: {error}"
        ) from error
    bound.apply_defaults()
    return bound.arguments


def _check_same_network(
    facts: dict[str, Any], given: dict[str, Any], own: dict[str, Any]
) -> None:
    """Raises a `ValueError` if weights are for another network.

    Args:
        facts: Dict, the facts of the weights.
        given: Dict of all arguments of the network's builder.
        own: The same of the network that was trained.
    """
    shape, classes = tuple(facts["input_shape"]), facts["classes"]
    weights = f"weights={facts['weights']!r}"
    if (_plain(given["input_shape"]), given["classes"]) != (shape, classes):
        raise ValueError(
            f"These weights are for images of shape {shape} and {classes} "
            "classes. Received: "
            f"{weights} with input_shape={given['input_shape']} and "
            f"classes={given['classes']}"
        )
    changed = {
        name: value
        for name, value in given.items()
        if name not in (*_SAME_ANSWERS, "input_shape", "classes")
        and _plain(value) != _plain(own[name])
    }
    if changed:
        arguments = ", ".join(
            f"{key}={value}" for key, value in changed.items()
        )
        raise ValueError(
            "These weights are for the network as its name gives it: leave out "
            f"arguments that change it. Received: {weights} with {arguments}"
        )


def _plain(value: Any) -> Any:
    """Returns an argument in one form, whichever of its forms was given."""
    if isinstance(value, Nesting):
        return str(value)
    return tuple(value) if isinstance(value, list) else value
