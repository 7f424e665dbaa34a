"""Baselines: one separate network per stage (oracle, OPT)."""

import inspect
from collections.abc import Callable
from typing import Any

from keras_anytime.model import AnytimeModel
from keras_anytime.nets import catalogue
from keras_anytime.nets.arguments import as_nesting
from keras_anytime.stages.subset import subset_config


def independent(
    network: AnytimeModel | str | Callable[..., AnytimeModel],
    *args: Any,
    **kwargs: Any,
) -> list[AnytimeModel]:
    """Builds one separate network of one stage for each stage of a network.

    Given a model, it builds each stage's own graph with new weights, to be
    trained for that stage alone. This is OPT of Hu 2017, and the oracle of a
    cascade.

    ```python
    optimal = ka.nets.independent(model)  # 3 networks of 1 stage each
    ```

    Given a builder, or a name that `ka.nets.get` takes, and its arguments, it
    builds for a nested network the plain networks of each stage's width and
    depth, which include the connections that nesting removes. This is the
    oracle of Wan 2020. For other builders the result is that for a model.

    ```python
    oracle = ka.nets.independent(
        "width_resnet42", (8, 8, 1), 10, units=(1, 1), filters=(8, 16)
    )
    oracle = ka.nets.independent(
        ka.nets.sparse_resnet,
        (8, 8, 1), 10, nesting="w1d1-w2d2", units=(2,), filters=(8,),
    )
    ```

    Args:
        network: An `AnytimeModel`, a name, or a builder.
        *args: Arguments of the builder.
        **kwargs: Arguments of the builder.

    Returns:
        List of K `AnytimeModel`s of one stage each.

    Raises:
        ValueError: If the network or an argument is invalid.

    Reference:
        [Wan et al., 2020, Section 5.3](https://arxiv.org/abs/2008.06635);
        [Hu et al., 2017, Section 4.1](https://arxiv.org/abs/1708.06832v1)
    """
    if isinstance(network, AnytimeModel):
        if args or kwargs:
            raise ValueError(
                "Further arguments are those of a builder; a model takes none. "
                f"Received: {args or kwargs}"
            )
        return [
            _one_stage_model(network, k)
            for k in range(1, network.num_stages + 1)
        ]
    defaults: dict[str, Any] = {}
    builder = network
    if isinstance(network, str):
        configuration = catalogue.find(network)
        builder = configuration.builder
        defaults = {
            "name": catalogue.canonical_name(network),
            **configuration.defaults,
        }
    if not inspect.isfunction(builder):
        raise ValueError(
            "`network` must be an `AnytimeModel`, a name that "
            f"`ka.nets.get` takes, or a builder. Received: network={network!r}"
        )
    parameters = inspect.signature(builder).parameters
    positional = dict(zip(parameters, args, strict=False))
    settings = catalogue.complete_arguments(
        builder, {**defaults, **positional, **kwargs}
    )
    if "nesting" not in settings:
        return independent(builder(**settings))
    nesting = as_nesting(settings["nesting"])
    builder(**settings)  # Raises the errors that concern the whole network.
    return [
        builder(
            **{
                **settings,
                "nesting": "w1",
                "units": [count // stride for count in settings["units"]],
                "filters": [
                    nesting.channels(width)[k] for width in settings["filters"]
                ],
                "name": f"{settings['name']}_{label}",
            }
        )
        for k, (stride, label) in enumerate(
            zip(nesting.strides, nesting.stage_labels, strict=True)
        )
    ]


def _one_stage_model(model: AnytimeModel, k: int) -> AnytimeModel:
    """Returns the graph of stage k as a network of one stage, new weights."""
    config, _ = subset_config(model, [k])
    return AnytimeModel.from_config(
        {**config, "name": f"{model.name}_stage_{k}_alone"}
    )
