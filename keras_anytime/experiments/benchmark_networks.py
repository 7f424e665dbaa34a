"""The networks of a benchmark of training steps, by the rows of its table."""

from collections.abc import Callable
from collections.abc import Collection
from typing import Any

import keras

from keras_anytime.experiments.benchmark_settings import (
    TrainingBenchmarkSettings,
)
from keras_anytime.gradients import Combiner
from keras_anytime.gradients import Orthogonal
from keras_anytime.layers import BatchNormalization
from keras_anytime.layers import MaskedConv2D
from keras_anytime.layers import SlicedConv2D
from keras_anytime.model import AnytimeModel
from keras_anytime.nesting import Nesting
from keras_anytime.nets import catalogue

Builder = Callable[..., AnytimeModel]


def find_network(
    settings: TrainingBenchmarkSettings,
) -> tuple[Builder, dict[str, Any]]:
    """Returns the builder that the settings name, and all its arguments.

    Args:
        settings: The settings of the benchmark.

    Raises:
        ValueError: If there is no such network, or an argument is wrong.
    """
    configuration = catalogue.find(settings.net)
    chosen = settings.network_arguments()
    arguments = {
        **configuration.defaults,
        **settings.default_sizes(),
        **chosen,
    }
    if settings.image_size is not None:
        size = settings.image_size
        arguments["input_shape"] = (size, size, *arguments["input_shape"][2:])
    if isinstance(arguments["classes"], dict):
        raise ValueError(
            "--net_arguments must give one number of classes. "
            f"Received: {settings.net_arguments}"
        )
    builder = configuration.builder
    return builder, catalogue.complete_arguments(builder, arguments)


def make_networks(
    builder: Builder,
    arguments: dict[str, Any],
    refresh_every: int,
    extra_rows: Collection[str] = (),
    extra_combiners: Collection[str] = (),
) -> dict[str, keras.Model]:
    """Returns compiled networks by the names of their rows.

    Args:
        builder: A function that builds a network.
        arguments: All its arguments.
        refresh_every: Integer. Training steps that share coefficients in the
            row `refreshed`.
        extra_rows: Collection that may have `"masked"` and `"batch_norm"`.
        extra_combiners: Names of other combiners, each for a row.
    """
    combiners: dict[str, str | Combiner] = {
        "sum": "sum",
        "normalized": "normalized",
        "orthogonal": "orthogonal",
        "orthogonal, normalized": Orthogonal(normalize=True),
        f"orthogonal, refreshed every {refresh_every}": Orthogonal(
            refresh_every=refresh_every
        ),
        **{name: name for name in extra_combiners},
    }

    def build() -> AnytimeModel:
        keras.utils.set_random_seed(0)
        return builder(**arguments)

    single = build()
    networks = {"single": compiled(single.stage(single.num_stages))}
    for name, combiner in combiners.items():
        networks[name] = compiled(build(), combiner)
    if "masked" in extra_rows:
        networks["orthogonal, masked"] = compiled(
            masked_network(builder, arguments), "orthogonal"
        )
    if "batch_norm" in extra_rows:
        networks["orthogonal, Keras' norm"] = compiled(
            with_stock_batch_norm(build()), "orthogonal"
        )
    return networks


def compiled(
    model: keras.Model, gradients: str | Combiner | None = None
) -> keras.Model:
    """Compiles a network for integer labels, and returns it.

    Args:
        model: An `AnytimeModel`, or without `gradients` any Keras model.
        gradients: The combiner of stage gradients.
    """
    model.compile(
        # The rate is so small that the losses stay finite in any benchmark.
        keras.optimizers.SGD(1e-4, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        **({} if gradients is None else {"gradients": gradients}),
    )
    return model


def masked_network(builder: Builder, arguments: dict[str, Any]) -> AnytimeModel:
    """Returns a width-nested ResNet with one masked kernel in each layer.

    Args:
        builder: `ka.nets.width_nested_resnet`.
        arguments: All its arguments.
    """
    nesting = Nesting(str(arguments["nesting"]))

    def masked_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if not isinstance(layer, SlicedConv2D):
            return type(layer).from_config(config)
        channels = layer.kernel.shape[-2]
        if layer.name.startswith("stem"):
            # Every stage reads the whole image.
            inputs = (channels, *[0] * (nesting.num_stages - 1))
        else:
            inputs = nesting.slices(channels)
        outputs = nesting.slices(config.pop("filters"))
        del config["groups"]
        return MaskedConv2D(inputs, outputs, **config)

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, MaskedConv2D):
            # A sliced layer takes a list, which has one tensor here.
            return layer(*keras.tree.flatten(args))
        return layer(*args, **kwargs)

    keras.utils.set_random_seed(0)
    trunk = keras.models.clone_model(
        builder(**{**arguments, "nesting": "w1"}),
        clone_function=masked_layer,
        call_function=call,
    )
    pooled = trunk.get_layer("stage_1").input
    outputs = [
        keras.layers.Dense(
            arguments["classes"],
            kernel_regularizer=keras.regularizers.L2(arguments["l2"]),
            name=f"stage_{stage}",
        )(pooled[:, :width])
        for stage, width in enumerate(
            nesting.channels(pooled.shape[-1]), start=1
        )
    ]
    return AnytimeModel(trunk.input, outputs)


def with_stock_batch_norm(model: AnytimeModel) -> AnytimeModel:
    """Returns the same network with `keras.layers.BatchNormalization`.

    Args:
        model: An `AnytimeModel`.
    """

    def stock_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
        layer_class = type(layer)
        if isinstance(layer, BatchNormalization):
            layer_class = keras.layers.BatchNormalization
        return layer_class.from_config(layer.get_config())

    clone = keras.models.clone_model(model, clone_function=stock_layer)
    clone.set_weights(model.get_weights())
    return clone
