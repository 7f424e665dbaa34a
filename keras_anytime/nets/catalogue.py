"""The networks of the papers by name."""

import dataclasses
import inspect

from keras_anytime import naming
from keras_anytime.nets.cascade_sparse_resnet import cascade_sparse_resnet
from keras_anytime.nets.dense_ann import dense_ann
from keras_anytime.nets.inclusive_resnext import inclusive_resnext
from keras_anytime.nets.inclusive_sparse_resnext import inclusive_sparse_resnext
from keras_anytime.nets.msdnet import msdnet
from keras_anytime.nets.res_ann import res_ann
from keras_anytime.nets.shallow_resnext import shallow_resnext
from keras_anytime.nets.sparse_resnet import sparse_resnet
from keras_anytime.nets.width_nested_resnet import width_nested_resnet
from keras_anytime.stages.cost import stage_costs


@dataclasses.dataclass(frozen=True)
class Configuration:
    """One network of a paper.

    Args:
        builder: The function that builds the family.
        description: String. One line: what it is and where it is from.
        arguments: Dict of arguments other than the builder's defaults.
        imagenet: Boolean. Whether it is for ImageNet, not CIFAR.
    """

    builder: object
    description: str
    arguments: dict = dataclasses.field(default_factory=dict)
    imagenet: bool = False

    @property
    def defaults(self):
        """All arguments of the builder that make the paper's network."""
        shape = (224, 224, 3) if self.imagenet else (32, 32, 3)
        stem = "imagenet" if self.imagenet else "cifar"
        return {
            "input_shape": shape,
            "classes": 1000 if self.imagenet else 10,
            "stem": stem,
            **self.arguments,
        }


def _res_anns():
    pairs = [(n, c) for n in (7, 9, 13, 17, 25) for c in (16, 32)]
    for n, c in (*pairs, (9, 64), (9, 128), (13, 64)):
        s = 3 if n == 25 else 1
        yield (
            f"res_ann_{n}_{c}",
            Configuration(
                res_ann,
                f"ResANN of {3 * n} units from {c} channels, a head every "
                f"{'third ' if s == 3 else ''}unit (Hu 2017, 2019)",
                {"n": n, "c": c, "s": s},
            ),
        )
    for depth, n, s in (
        (26, (2, 2, 2, 2), 2),
        (50, (3, 4, 6, 3), 2),
        (101, (3, 4, 23, 3), 3),
    ):
        yield (
            f"res_ann{depth}_imagenet",
            Configuration(
                res_ann,
                f"ResANN{depth}, a head every {s} units (Hu 2019)",
                {"n": n, "c": 64, "s": s, "unit": "bottleneck"},
                imagenet=True,
            ),
        )


_RESNET_50 = {
    "units": (3, 4, 6, 3),
    "filters": (256, 512, 1024, 2048),
    "unit": "bottleneck",
}
_MSDNET_IMAGENET = {
    "stages": 5,
    "step": 7,
    "initial_filters": 32,
    "growth": 16,
    "growth_factors": (1, 2, 4, 4),
    "bottleneck_factors": (1, 2, 4, 4),
}

_CONFIGURATIONS = {
    "width_resnet42": Configuration(
        width_nested_resnet,
        "ResNet-42 nested in width, w1-w2-w4 (Wan 2020)",
    ),
    "even_width_resnet42": Configuration(
        width_nested_resnet,
        "ResNet-42 in stripes of even width, w1-w2-w3-w4 (Wan 2020, Lee 2018)",
        {"nesting": "w1-w2-w3-w4"},
    ),
    "width_resnet50_imagenet": Configuration(
        width_nested_resnet,
        "ResNet-50 nested in width, w1-w2-w4 (Wan 2020)",
        _RESNET_50,
        imagenet=True,
    ),
    "depth_sparse_resnet98": Configuration(
        sparse_resnet,
        "Sparse ResNet-98 nested in depth, d1-d2-d4-d8 (Wan 2020)",
    ),
    "alternating_sparse_resnet98": Configuration(
        sparse_resnet,
        "Sparse ResNet-98 nested in width and depth in turn (Wan 2020)",
        {"nesting": "w1d1-w2d1-w2d2-w4d2-w4d4"},
    ),
    "simultaneous_sparse_resnet98": Configuration(
        sparse_resnet,
        "Sparse ResNet-98 nested in width and depth at once (Wan 2020)",
        {"nesting": "w1d1-w2d2-w4d4"},
    ),
    "depth_sparse_resnet66_imagenet": Configuration(
        sparse_resnet,
        "Sparse ResNet-66 nested in depth, d1-d2-d4 (Wan 2020)",
        {
            "nesting": "d1-d2-d4",
            "units": (8, 8, 8, 8),
            "filters": (64, 128, 256, 512),
        },
        imagenet=True,
    ),
    "cascade_sparse_resnet98": Configuration(
        cascade_sparse_resnet,
        "Sparse ResNet-98, heads after doubling depths: EANN of Wan 2020",
    ),
    **dict(_res_anns()),
    "dense_ann169_imagenet": Configuration(
        dense_ann,
        "DenseNet-169, a head every 14 dense layers (Hu 2019)",
        imagenet=True,
    ),
    "msdnet_7": Configuration(
        msdnet,
        "MSDNet of three scales and 7 stages (Huang 2018)",
        {"stages": 7},
    ),
    "msdnet_10": Configuration(
        msdnet,
        "MSDNet of three scales and 10 stages (Huang 2018)",
    ),
    "msdnet33_imagenet": Configuration(
        msdnet,
        "MSDNet of four scales, 33 layers in blocks of 8-8-8-9 (Hu 2019)",
        {**_MSDNET_IMAGENET, "base": 5, "layers_per_block": (8, 8, 8, 9)},
        imagenet=True,
    ),
    "msdnet38_imagenet": Configuration(
        msdnet,
        "MSDNet of four scales, 38 layers in blocks of 10-9-10-9 (Hu 2019)",
        {**_MSDNET_IMAGENET, "base": 10, "layers_per_block": (10, 9, 10, 9)},
        imagenet=True,
    ),
    "inclusive_resnext29": Configuration(
        inclusive_resnext,
        "I-ResNeXt of 29 layers and 8 thin stages, in 8 passes (Lee 2018)",
        {"blocks": 9},
    ),
    "inclusive_resnext65": Configuration(
        inclusive_resnext,
        "I-ResNeXt of 65 layers and 8 thin stages, in 8 passes (Lee 2018)",
    ),
    "inclusive_sparse_resnext47": Configuration(
        inclusive_sparse_resnext,
        "IS-ResNeXt of 47 layers and 6 thin stages (Lee 2018)",
    ),
    "inclusive_sparse_resnext62_imagenet": Configuration(
        inclusive_sparse_resnext,
        "IS-ResNeXt of 62 layers and 5 thin stages (Lee 2018)",
        {"blocks": 20, "width": 160, "stages": 5, "factors": (1, 2, 4, 4)},
        imagenet=True,
    ),
    "inclusive_sparse_resnext50_cub": Configuration(
        inclusive_sparse_resnext,
        "IS-ResNeXt of 50 layers and 6 thin stages, for CUB-200 (Lee 2018)",
        {
            "classes": 200,
            "blocks": 16,
            "width": 192,
            "factors": (1, 2, 4, 4),
        },
        imagenet=True,
    ),
    "shallow_resnext29": Configuration(
        shallow_resnext,
        "ResNeXt of 29 layers, heads on all blocks but the first (Lee 2018)",
    ),
}


def _family(builder):
    """Returns a builder with its own defaults as a network to be named."""
    stem = inspect.signature(builder).parameters["stem"].default
    first_line = inspect.getdoc(builder).partition("\n")[0]
    return Configuration(builder, first_line, imagenet=stem == "imagenet")


_FAMILIES = {
    one.builder.__name__: _family(one.builder)
    for one in _CONFIGURATIONS.values()
}


def names():
    """Returns the names of the papers' networks, for `get` and `describe`.

    Returns:
        List of strings. Those that end in `_imagenet` or `_cub` are for
        224x224 pixels, the others for 32x32.
    """
    return list(_CONFIGURATIONS)


def get(name, input_shape=None, classes=None, **arguments):
    """Builds a network of a paper, or of a family with its own defaults.

    ```python
    model = ka.nets.get("depth_sparse_resnet98", (32, 32, 3), classes=100)
    ```

    Args:
        name: String, one of `names()`, or the name of a builder of
            `ka.nets`, such as `"width_nested_resnet"`. Case, dashes and
            underscores do not count.
        input_shape: Tuple `(height, width, channels)`, or `None` for the
            paper's.
        classes: Integer, dict from label sets to integers, or `None` for
            CIFAR-10's 10, ImageNet's 1000 or CUB's 200.
        **arguments: Arguments of the family's builder, instead of the paper's.

    Returns:
        An `AnytimeModel` of that name.

    Raises:
        ValueError: If there is no such network, or an argument is wrong.
    """
    given = {"input_shape": input_shape, "classes": classes}
    given = {key: value for key, value in given.items() if value is not None}
    name = canonical(name)
    configuration = find(name)
    return configuration.builder(
        **complete(
            configuration.builder,
            {"name": name, **configuration.defaults, **given, **arguments},
        )
    )


def complete(builder, arguments):
    """Returns all arguments of a builder, those not given by its defaults.

    Args:
        builder: A function that builds a network.
        arguments: Dict of arguments.

    Returns:
        Dict.

    Raises:
        ValueError: If one is unknown, or the builder needs another.
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


def canonical(name):
    """Returns the name of a network as it is registered.

    Args:
        name: As in `get`.

    Raises:
        ValueError: If there is no such network.
    """
    known = [*_CONFIGURATIONS, *_FAMILIES]
    found = naming.match_name(name, known) if isinstance(name, str) else None
    if found is None:
        raise ValueError(
            "There is no network of this name; `ka.nets.names()` and "
            "tools/list_networks.py list them, and builders go by their "
            f"names: {naming.quote_names(_FAMILIES)}."
            f"{naming.did_you_mean(name, known)} Received: name={name!r}"
        )
    return found


def find(name):
    """Returns the `Configuration` of a name.

    Args:
        name: As in `get`.

    Raises:
        ValueError: If there is no such network.
    """
    return {**_CONFIGURATIONS, **_FAMILIES}[canonical(name)]


def describe(name):
    """Returns what a network of a paper is and what its stages cost.

    It builds the network, which takes seconds.

    Args:
        name: As in `get`.

    Returns:
        String: a line with the description, and one with the million
        multiply-adds (MACs) of each stage.

    Raises:
        ValueError: If there is no such network.
    """
    name = canonical(name)
    costs = stage_costs(get(name))
    macs = " ".join(f"{cost.macs / 1e6:.4g}" for cost in costs)
    return (
        f"{name}: {find(name).description}\n"
        f"million MACs of stages 1 to {len(costs)}: {macs}"
    )
