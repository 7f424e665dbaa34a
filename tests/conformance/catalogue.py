"""Every network of the library, small, for tests that all must pass."""

import keras_anytime as ka
from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation.curve import CurvePoint


def _ensemble():
    """Two cascades, of which stages 1, 2 and 2, 3 give answers."""
    networks = [
        ka.nets.res_ann((8, 8, 1), 10, units=units, filters=(4, 8))
        for units in ((1, 1), (2, 1))
    ]
    errors = ((0.5, 0.4), (0.45, 0.3, 0.2))
    curves = [
        AnytimeCurve(
            points=tuple(
                CurvePoint(cost.stage, cost.macs, cost.parameters, error, 0.0)
                for cost, error in zip(
                    ka.evaluation.stage_costs(network),
                    stage_errors,
                    strict=True,
                )
            ),
            classes=10,
            examples=100,
        )
        for network, stage_errors in zip(networks, errors, strict=True)
    ]
    return ka.nets.ensemble(networks, curves)


# One of each family: every test.
NETWORKS = {
    "width_nested_resnet": lambda: ka.nets.width_nested_resnet(
        (8, 8, 1), 10, nesting="w1-w2-w4", units=(1, 1), filters=(8, 16)
    ),
    "sparse_resnet": lambda: ka.nets.sparse_resnet(
        (8, 8, 1),
        10,
        nesting="w1d1-w2d1-w2d2",
        units=(2, 2),
        filters=(4, 8),
    ),
    "cascade_sparse_resnet": lambda: ka.nets.cascade_sparse_resnet(
        (8, 8, 1), 10, num_stages=3, units=(2, 2), filters=(4, 8)
    ),
    "res_ann": lambda: ka.nets.res_ann(
        (32, 32, 3),
        5,
        units=(1, 2),
        filters=(16, 32),
        unit="bottleneck",
        stem="imagenet",
    ),
    "dense_ann": lambda: ka.nets.dense_ann(
        (32, 32, 3), 5, (2, 2), growth=4, first_head=1, head_every=2
    ),
    "msdnet": lambda: ka.nets.msdnet(
        (16, 16, 1), 10, 2, 1, 1, initial_filters=4, growth=2
    ),
    "inclusive_resnext": lambda: ka.nets.inclusive_resnext(
        (8, 8, 1),
        10,
        num_stages=2,
        units=(1, 1),
        filters=(8, 16),
        branches=4,
        branch_filters=2,
    ),
    "inclusive_sparse_resnext": lambda: ka.nets.inclusive_sparse_resnext(
        (8, 8, 1),
        10,
        num_stages=2,
        units=(1, 1),
        filters=(8, 16),
        branches=4,
        branch_filters=2,
    ),
    "shallow_resnext": lambda: ka.nets.shallow_resnext(
        (8, 8, 1),
        10,
        units=(2, 2),
        filters=(8, 16),
        branches=2,
        branch_filters=2,
    ),
    "hierarchical": lambda: ka.nets.sparse_resnet(
        (8, 8, 1),
        {"digit": 10, "parity": 2},
        nesting="d1-d2",
        units=(2, 2),
        filters=(4, 8),
    ),
    "ensemble": _ensemble,
}

# Other forms of the families: the tests of structure.
VARIANTS = {
    "sparse_resnet_alternating": lambda: ka.nets.sparse_resnet(
        (8, 8, 1),
        10,
        nesting="w1d1-w2d1-w2d2-w4d4",
        units=(4, 4),
        filters=(8, 16),
    ),
    "msdnet_of_three_stages": lambda: ka.nets.msdnet(
        (16, 16, 1), 10, 3, 1, 1, initial_filters=4, growth=2
    ),
    "inclusive_sparse_resnext_of_three_stages": (
        lambda: ka.nets.inclusive_sparse_resnext(
            (8, 8, 1),
            10,
            num_stages=3,
            units=(1, 1),
            filters=(12, 24),
            branches=6,
            branch_filters=2,
        )
    ),
    "width_nested_resnet_even": lambda: ka.nets.width_nested_resnet(
        (8, 8, 1), 10, nesting="w1-w2-w3-w4", units=(1, 1), filters=(8, 16)
    ),
    "width_nested_resnet_imagenet": lambda: ka.nets.width_nested_resnet(
        (32, 32, 3),
        5,
        nesting="w1-w2-w4",
        units=(2, 1),
        filters=(16, 32),
        unit="bottleneck",
        stem="imagenet",
    ),
    "sparse_resnet_depth": lambda: ka.nets.sparse_resnet(
        (8, 8, 1), 10, nesting="d1-d2-d4", units=(4, 4), filters=(4, 8)
    ),
    "sparse_resnet_imagenet": lambda: ka.nets.sparse_resnet(
        (32, 32, 3),
        5,
        nesting="w1d1-w2d2-w4d4",
        units=(4, 4),
        filters=(16, 32),
        unit="bottleneck",
        stem="imagenet",
    ),
    "res_ann_cifar": lambda: ka.nets.res_ann(
        (8, 8, 1), 10, units=(1, 2), filters=(4, 8)
    ),
    "res_ann_pyramid": lambda: ka.nets.res_ann(
        (8, 8, 1), 10, units=(1, 2), filters=(4, 8), unit="pyramid"
    ),
    "width_nested_resnet_pyramid": lambda: ka.nets.width_nested_resnet(
        (8, 8, 1), 10, "w1-w2", units=(1, 1), filters=(4, 8), unit="pyramid"
    ),
    "cascade_sparse_resnet_linear": lambda: ka.nets.cascade_sparse_resnet(
        (8, 8, 1), 10, 3, units=(2, 2), filters=(4, 8), head="linear"
    ),
    "dense_ann_normalization_first": lambda: ka.nets.dense_ann(
        (32, 32, 3),
        5,
        (2, 2),
        growth=4,
        first_head=1,
        head_every=2,
        transition="normalization_first",
    ),
    "msdnet_linear": lambda: ka.nets.msdnet(
        (16, 16, 1), 10, 2, 1, 1, initial_filters=4, growth=2, head="linear"
    ),
    "msdnet_imagenet": lambda: ka.nets.msdnet(
        (64, 64, 3),
        5,
        num_stages=2,
        first_head=2,
        head_every=1,
        head_spacing="lin_grow",
        initial_filters=4,
        growth=2,
        growth_factors=(1, 2, 4, 4),
        bottleneck_factors=(1, 2, 4, 4),
        stem="imagenet",
    ),
    "inclusive_resnext_shared": lambda: ka.nets.inclusive_resnext(
        (8, 8, 1),
        10,
        num_stages=2,
        units=(1, 1),
        filters=(8, 16),
        branches=4,
        branch_filters=2,
        normalization="shared",
    ),
    "inclusive_resnext_imagenet": lambda: ka.nets.inclusive_resnext(
        (64, 64, 3),
        {"fine": 5, "coarse": 2},
        num_stages=2,
        units=(1, 1, 1, 1),
        filters=(8, 16, 32, 32),
        branches=2,
        stem="imagenet",
    ),
    "inclusive_sparse_resnext_imagenet": (
        lambda: ka.nets.inclusive_sparse_resnext(
            (64, 64, 3),
            5,
            num_stages=2,
            units=(1, 1, 1, 1),
            filters=(8, 16, 32, 32),
            branches=2,
            stem="imagenet",
        )
    ),
}
