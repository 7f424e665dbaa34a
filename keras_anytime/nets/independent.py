"""Separate networks with the size of each stage: what nesting is up against."""

import inspect

from keras_anytime.model import AnytimeModel
from keras_anytime.nets import catalogue
from keras_anytime.nets.arguments import as_nesting
from keras_anytime.stages.subset import subset_config


def independent(network, *arguments, **settings):
    """Builds one network of one stage for each stage of an anytime network.

    With a model: each stage's own graph with fresh weights, to be trained for
    that stage alone. This is OPT of Hu 2017, and the oracle of a cascade.

    ```python
    model = ka.nets.res_ann((32, 32, 3), classes=10)
    optimal = ka.nets.independent(model)
    ```

    With a name that `ka.nets.get` takes, or a builder, and its arguments: where
    it nests, plain networks of each stage's width and depth, with the edges
    that nesting cuts. This is the oracle of Wan 2020. Elsewhere it is the
    same as with the model.

    ```python
    oracle = ka.nets.independent("width_resnet42", classes=10)
    oracle = ka.nets.independent(
        ka.nets.sparse_resnet, (32, 32, 3), 10, nesting="w1d1-w2d2-w4d4"
    )
    ```

    Args:
        network: An `AnytimeModel`, a name, or a builder.
        *arguments: Arguments of the builder.
        **settings: Likewise.

    Returns:
        List of K `AnytimeModel`s of one stage each.

    Raises:
        ValueError: If the network or an argument is wrong.

    Reference:
        [Wan et al., 2020, Section 5.3](https://arxiv.org/abs/2008.06635);
        [Hu et al., 2017, Section 4.1](https://arxiv.org/abs/1708.06832v1)
    """
    if isinstance(network, AnytimeModel):
        if arguments or settings:
            raise ValueError(
                "A model takes no further arguments. "
                f"Received: {arguments or settings}"
            )
        return [_alone(network, k) for k in range(1, network.num_stages + 1)]
    defaults = {}
    builder = network
    if isinstance(network, str):
        found = catalogue.find(network)
        builder = found.builder
        defaults = {"name": catalogue.canonical(network), **found.defaults}
    if not inspect.isfunction(builder):
        raise ValueError(
            "`network` must be an `AnytimeModel`, a name that "
            f"`ka.nets.get` takes, or a builder. Received: network={network!r}"
        )
    named = inspect.signature(builder).parameters
    given = dict(zip(named, arguments, strict=False))
    settings = catalogue.complete(builder, {**defaults, **given, **settings})
    if "nesting" not in settings:
        return independent(builder(**settings))
    nesting = as_nesting(settings["nesting"])
    builder(**settings)  # Its errors tell of the whole network.
    return [
        builder(
            **{
                **settings,
                "nesting": "w1",
                "units": [one // stride for one in settings["units"]],
                "filters": [
                    nesting.channels(one)[k] for one in settings["filters"]
                ],
                "name": f"{settings['name']}_{label}",
            }
        )
        for k, (stride, label) in enumerate(
            zip(nesting.strides, nesting.stage_labels, strict=True)
        )
    ]


def _alone(model, k):
    """The graph of stage k with fresh weights, as a network of one stage."""
    config, _ = subset_config(model, [k])
    return AnytimeModel.from_config(
        {**config, "name": f"{model.name}_stage_{k}_alone"}
    )
