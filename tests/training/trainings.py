"""Trains with every combiner on the backend that there is.

Run as a program of its own, since a process has one backend. The network, its
first weights and the images are those of a file, so that backends, and devices
of one backend, can be compared. Writes the weights, the state of training and
the logs of each training.

    KERAS_BACKEND=jax python -m tests.training.trainings start.npz out.npz
    ... python -m tests.training.trainings start.npz out.npz --devices=2
    ... python -m tests.training.trainings start.npz out.npz --keras=model.keras
"""

import sys

import keras
import numpy as np

import keras_anytime as ka
from tests.testing import compiled

COMBINERS = {
    "sum": ka.gradients.Sum,
    "normalized": lambda: ka.gradients.Normalized(scale=0.02),
    "orthogonal": ka.gradients.Orthogonal,
    "last_first": lambda: ka.gradients.Orthogonal(priority=[3, 2, 1]),
    "orthogonal_normalized": lambda: ka.gradients.Orthogonal(
        normalize=True, scale=0.02
    ),
    "orthogonal_refreshed": lambda: ka.gradients.Orthogonal(refresh_every=4),
    "orthogonal_distilled": ka.gradients.Orthogonal,
}
BATCH_SIZE, STEPS = 16, 20


def network():
    """The network that is trained."""
    return ka.nets.width_nested_resnet(
        (8, 8, 1),
        10,
        nesting="w1-w2-w4",
        units=(1, 1),
        filters=(8, 16),
        l2=1e-3,
    )


def write_start(path):
    """Writes first weights, images and labels."""
    keras.utils.set_random_seed(0)
    model = network()
    # The same digits with the same order for all.
    train, _ = ka.data.load(
        "digits",
        batch_size=BATCH_SIZE * STEPS,
        splits=("train", "train"),
        seed=2,
    )
    images, labels = next(iter(train))
    weights = {
        f"weight_{index}": weight
        for index, weight in enumerate(model.get_weights())
    }
    np.savez(path, images=images, labels=labels, **weights)


def train(start, combiner):
    """Trains from the start for `STEPS` steps.

    Returns:
        Tuple of the trained model and the history of its logs.
    """
    model = network()
    compiled(
        model,
        COMBINERS[combiner](),
        ka.weighting.AdaLoss(),
        keras.optimizers.SGD(0.02, momentum=0.9, nesterov=True),
        run_eagerly=False,
        distillation=(
            "from_last_stage" if combiner.endswith("distilled") else None
        ),
    )
    model.set_weights(
        [start[f"weight_{index}"] for index in range(len(model.weights))]
    )
    history = model.fit(
        start["images"],
        start["labels"],
        batch_size=BATCH_SIZE,
        shuffle=False,
        verbose=0,
    )
    return model, history.history


def main(start, path, *options):
    options = dict(option.removeprefix("--").split("=") for option in options)
    if "devices" in options:
        devices = keras.distribution.list_devices()
        assert len(devices) == int(options["devices"])
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(devices=devices)
        )
    start = dict(np.load(start))
    found = {}
    for combiner in COMBINERS:
        model, history = train(start, combiner)
        for index, variable in enumerate(model.variables):
            found[f"{combiner}/{index}"] = np.asarray(variable)
        found[f"{combiner}/mean_weights"] = model.mean_loss_weights.result()
        for name, values in history.items():
            found[f"{combiner}/{name}"] = np.array(values)
    if "keras" in options:
        # The last of them, and what it answers.
        model.save(options["keras"])
        found["logits"] = np.stack(
            model.predict(start["images"][:32], verbose=0)
        )
    np.savez(path, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
