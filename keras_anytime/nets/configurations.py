"""Networks by name: a builder and its arguments for each."""

import dataclasses
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

from keras_anytime.model import AnytimeModel
from keras_anytime.nets.blocks import EXPANSION
from keras_anytime.nets.cascade_sparse_resnet import cascade_sparse_resnet
from keras_anytime.nets.dense_ann import dense_ann
from keras_anytime.nets.inclusive_resnext import inclusive_resnext
from keras_anytime.nets.inclusive_sparse_resnext import inclusive_sparse_resnext
from keras_anytime.nets.msdnet import msdnet
from keras_anytime.nets.res_ann import res_ann
from keras_anytime.nets.shallow_resnext import shallow_resnext
from keras_anytime.nets.sparse_resnet import sparse_resnet
from keras_anytime.nets.width_nested_resnet import width_nested_resnet


@dataclasses.dataclass(frozen=True)
class Configuration:
    """One network of a paper, or of this library.

    Args:
        builder: The function that builds the family.
        description: String. One line with the network and its paper.
        arguments: Dict of the arguments that differ from the builder's
            defaults.
        imagenet: Boolean. Whether the network is for ImageNet instead of
            CIFAR.
    """

    builder: Callable[..., AnytimeModel]
    description: str
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    imagenet: bool = False

    @property
    def defaults(self) -> dict[str, Any]:
        """Dict of the builder's arguments that make the paper's network."""
        return {
            "input_shape": (224, 224, 3) if self.imagenet else (32, 32, 3),
            "classes": 1000 if self.imagenet else 10,
            "stem": "imagenet" if self.imagenet else "cifar",
            **self.arguments,
        }


def _res_anns() -> Iterator[tuple[str, Configuration]]:
    pairs = [(n, c) for n in (1, 3, 7, 9, 13, 17, 25) for c in (16, 32)]
    for n, c in (*pairs, (5, 16), (9, 64), (9, 128), (13, 64)):
        s = 3 if n == 25 else 1
        yield (
            f"res_ann_{n}_{c}",
            Configuration(
                res_ann,
                f"ResANN of {3 * n} units and {c}-{2 * c}-{4 * c} channels, a "
                f"head every {'third ' if s == 3 else ''}unit (Hu 2017, 2019)",
                {
                    "units": (n, n, n),
                    "filters": (c, 2 * c, 4 * c),
                    "head_every": s,
                },
            ),
        )
    for depth, units, head_every in (
        (26, (2, 2, 2, 2), 2),
        (50, (3, 4, 6, 3), 2),
        (101, (3, 4, 23, 3), 3),
    ):
        yield (
            f"res_ann{depth}_imagenet",
            Configuration(
                res_ann,
                f"ResANN{depth}, a head every {head_every} units (Hu 2019)",
                {
                    **_RESNET_50,
                    "units": units,
                    "head_every": head_every,
                },
                imagenet=True,
            ),
        )


def _resnets() -> Iterator[tuple[str, Configuration]]:
    for n in (3, 5, 7, 9, 18):
        depth = 6 * n + 2
        yield (
            f"resnet_{depth}",
            Configuration(
                width_nested_resnet,
                f"ResNet-{depth} of one stage, pre-activation (He 2016)",
                {
                    "nesting": "w1",
                    "units": (n, n, n),
                    "filters": (16, 32, 64),
                },
            ),
        )
    for depth, unit, units in (
        (18, "basic", (2, 2, 2, 2)),
        (34, "basic", (3, 4, 6, 3)),
        (50, "bottleneck", (3, 4, 6, 3)),
        (101, "bottleneck", (3, 4, 23, 3)),
    ):
        width = 64 * EXPANSION[unit]
        yield (
            f"resnet{depth}_imagenet",
            Configuration(
                width_nested_resnet,
                f"ResNet-{depth} of one stage, pre-activation (He 2016)",
                {
                    "nesting": "w1",
                    "units": units,
                    "filters": tuple(width * 2**block for block in range(4)),
                    "unit": unit,
                },
                imagenet=True,
            ),
        )


def _resnexts() -> Iterator[tuple[str, Configuration]]:
    for count in (3, 5, 7):
        depth = 9 * count + 2
        yield (
            f"resnext{depth}",
            Configuration(
                inclusive_sparse_resnext,
                f"ResNeXt-{depth} of one stage, 8 branches (Lee 2018)",
                {
                    "num_stages": 1,
                    "units": (count, count, count),
                    "filters": (64, 128, 256),
                    "branches": 8,
                },
            ),
        )


def _densenets() -> Iterator[tuple[str, Configuration]]:
    for depth, growth in ((40, 12), (100, 12)):
        count = (depth - 4) // 6
        yield (
            f"densenet_bc_{depth}_{growth}",
            Configuration(
                dense_ann,
                f"DenseNet-BC of {depth} layers and growth {growth}, of one "
                "stage (Huang 2017)",
                {
                    "layers_per_block": (count, count, count),
                    "growth": growth,
                    "first_head": 3 * count,
                    "transition": "normalization_first",
                },
            ),
        )
    for depth, layers in (
        (121, (6, 12, 24, 16)),
        (169, (6, 12, 32, 32)),
        (201, (6, 12, 48, 32)),
    ):
        yield (
            f"densenet{depth}_imagenet",
            Configuration(
                dense_ann,
                f"DenseNet-BC of {depth} layers, of one stage (Huang 2017)",
                {
                    "layers_per_block": layers,
                    "first_head": sum(layers),
                    "transition": "normalization_first",
                },
                imagenet=True,
            ),
        )


_RESNET_50 = {
    "units": (3, 4, 6, 3),
    "filters": (256, 512, 1024, 2048),
    "unit": "bottleneck",
}
_MSDNET_IMAGENET = {
    "num_stages": 5,
    "head_every": 7,
    "initial_filters": 32,
    "growth": 16,
    "growth_factors": (1, 2, 4, 4),
    "bottleneck_factors": (1, 2, 4, 4),
}

CONFIGURATIONS = {
    "width_resnet42": Configuration(
        width_nested_resnet,
        "ResNet-42 nested in width, w1-w2-w4 (Wan 2020)",
    ),
    "even_width_resnet42": Configuration(
        width_nested_resnet,
        "ResNet-42 nested in even widths, w1-w2-w3-w4 (Wan 2020, Lee 2018)",
        {"nesting": "w1-w2-w3-w4"},
    ),
    "width_resnet10": Configuration(
        width_nested_resnet,
        "ResNet-10 nested in width, w1-w2-w4, this library's own small network",
        {"units": (1, 1, 2), "filters": (32, 64, 128)},
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
        "Sparse ResNet-98 nested alternately in width and depth (Wan 2020)",
        {"nesting": "w1d1-w2d1-w2d2-w4d2-w4d4"},
    ),
    "simultaneous_sparse_resnet98": Configuration(
        sparse_resnet,
        "Sparse ResNet-98 nested simultaneously in width and depth (Wan 2020)",
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
        "Sparse ResNet-98 with heads at doubling depths, EANN of Wan 2020",
    ),
    **dict(_res_anns()),
    "res_ann12": Configuration(
        res_ann,
        "ResANN of 5 units, a head every unit, this library's small network",
        {"units": (2, 2, 1), "filters": (16, 32, 64)},
    ),
    "dense_ann169_imagenet": Configuration(
        dense_ann,
        "DenseNet-169, a head every 14 dense layers (Hu 2019)",
        imagenet=True,
    ),
    "msdnet_7": Configuration(
        msdnet,
        "MSDNet of three scales and 7 stages (Huang 2018)",
        {"num_stages": 7},
    ),
    "msdnet_10": Configuration(
        msdnet,
        "MSDNet of three scales and 10 stages (Huang 2018)",
    ),
    "msdnet33_imagenet": Configuration(
        msdnet,
        "MSDNet of four scales, 33 layers in blocks of 8-8-8-9 (Hu 2019)",
        {
            **_MSDNET_IMAGENET,
            "first_head": 5,
            "layers_per_block": (8, 8, 8, 9),
        },
        imagenet=True,
    ),
    "msdnet38_imagenet": Configuration(
        msdnet,
        "MSDNet of four scales, 38 layers in blocks of 10-9-10-9 (Hu 2019)",
        {
            **_MSDNET_IMAGENET,
            "first_head": 10,
            "layers_per_block": (10, 9, 10, 9),
        },
        imagenet=True,
    ),
    "inclusive_resnext29": Configuration(
        inclusive_resnext,
        "I-ResNeXt of 29 layers and 8 thin stages, in 8 passes (Lee 2018)",
        {"units": (3, 3, 3)},
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
        {
            "num_stages": 5,
            "units": (5, 5, 5, 5),
            "filters": (160, 320, 640, 640),
        },
        imagenet=True,
    ),
    "inclusive_sparse_resnext50_cub": Configuration(
        inclusive_sparse_resnext,
        "IS-ResNeXt of 50 layers and 6 thin stages, for CUB-200 (Lee 2018)",
        {
            "classes": 200,
            "units": (4, 4, 4, 4),
            "filters": (192, 384, 768, 768),
        },
        imagenet=True,
    ),
    "shallow_resnext29": Configuration(
        shallow_resnext,
        "ResNeXt of 29 layers, heads after all units but the first (Lee 2018)",
    ),
    # Networks of one stage, to compare with.
    **dict(_resnets()),
    **dict(_resnexts()),
    **dict(_densenets()),
}
