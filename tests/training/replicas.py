"""Trains with every strategy, alone or as one of several replicas.

Run as a program of its own: TensorFlow fixes devices and workers when a process
starts. Writes the weights and logs of each training to a file.

    python -m tests.training.replicas out.npz "sum adaloss" alone
    python -m tests.training.replicas out.npz all mirrored
    python -m tests.training.replicas out.npz all worker 0 12345 12346
"""

import contextlib
import itertools
import json
import os
import sys

import keras
import numpy as np
import tensorflow as tf

import keras_anytime as ka
from tests.testing import compiled

COMBINERS = {
    "sum": ka.gradients.Sum,
    "normalized": lambda: ka.gradients.Normalized(scale=0.02),
    "orthogonal": ka.gradients.Orthogonal,
    "orthogonal_normalized": lambda: ka.gradients.Orthogonal(
        normalize=True, scale=0.02
    ),
    "orthogonal_refreshed": lambda: ka.gradients.Orthogonal(refresh_every=4),
}
WEIGHTINGS = {
    "adaloss": ka.weighting.AdaLoss,
    "alternating": lambda: ka.weighting.Alternating(
        ka.weighting.Sieve(total=2), seed=7
    ),
}
STRATEGIES = [
    *(f"{c} {w}" for c, w in itertools.product(COMBINERS, WEIGHTINGS)),
    "orthogonal adaloss from_last_stage",
]
# 20 steps; the last batch has 9 images, which two replicas cannot share evenly.
BATCHES = {"batch_size": 16, "splits": ("train[:313]", "train[313:400]")}


def compiled_for(strategy):
    """Returns the same fresh network each time, compiled with a strategy."""
    combiner, weighting, *distillation = strategy.split()
    keras.utils.set_random_seed(0)
    model = ka.nets.width_nested_resnet(
        (8, 8, 1),
        10,
        nesting="w1-w2",
        units=(1,),
        filters=(8,),
        synchronized=True,
    )
    return compiled(
        model,
        COMBINERS[combiner](),
        WEIGHTINGS[weighting](),
        keras.optimizers.SGD(0.02, momentum=0.9, clipnorm=1.0),
        run_eagerly=False,
        distillation=distillation[0] if distillation else None,
    )


def main(path, strategies, mode, *arguments):
    scope = contextlib.nullcontext
    if mode == "mirrored":
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * 2,
        )
        scope = tf.distribute.MirroredStrategy(
            ["CPU:0", "CPU:1"],
            cross_device_ops=tf.distribute.ReductionToOneDevice(),
        ).scope
    elif mode == "worker":
        index, *ports = arguments
        os.environ["TF_CONFIG"] = json.dumps(
            {
                "cluster": {"worker": [f"localhost:{port}" for port in ports]},
                "task": {"type": "worker", "index": int(index)},
            }
        )
        scope = tf.distribute.MultiWorkerMirroredStrategy().scope
    found = {}
    for strategy in STRATEGIES if strategies == "all" else [strategies]:
        with scope():
            model = compiled_for(strategy)
        data, held_out = ka.data.load("digits", **BATCHES)
        history = model.fit(data, validation_data=held_out, verbose=0).history
        for index, variable in enumerate(model.variables):
            copies = getattr(variable.value, "values", [variable.value])
            for copy in copies:
                np.testing.assert_array_equal(copies[0], copy)
            found[f"{strategy}/{index}"] = variable.numpy()
        found[f"{strategy}/mean_weights"] = model.mean_loss_weights.result()
        for name, values in history.items():
            found[f"{strategy}/{name}"] = np.array(values)
    np.savez(path, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
