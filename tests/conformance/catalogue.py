"""Every network of the library, small, for tests that all must pass."""

import keras_anytime as ka

NETWORKS = {
    "width_nested_resnet": lambda: ka.nets.width_nested_resnet(
        (8, 8, 1), 10, nesting="w1-w2-w4", units=(1, 1), filters=(8, 16)
    ),
    "width_nested_resnet_even": lambda: ka.nets.width_nested_resnet(
        (8, 8, 1), 10, nesting="w1-w2-w3-w4", units=(1, 1), filters=(8, 16)
    ),
    "width_nested_resnet_bottleneck": lambda: ka.nets.width_nested_resnet(
        (32, 32, 3),
        5,
        nesting="w1-w2-w4",
        units=(2, 1),
        filters=(16, 32),
        unit="bottleneck",
        stem="imagenet",
    ),
}
