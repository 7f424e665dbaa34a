"""Weights for the pages that load some, where none ship yet."""

import numpy as np

import keras_anytime as ka
from keras_anytime.files import write_json
from keras_anytime.manifest.paths import checksum
from keras_anytime.nets import weight_files
from keras_anytime.training.data_info import remember

NETWORK, WEIGHTS = "width_resnet10", "cifar10"


def fill(folder, monkeypatch, data_dir):
    """Puts weights of no use on a shelf of the test, if none ship.

    Args:
        folder: Path of the test's folder.
        monkeypatch: The fixture.
        data_dir: Folder of prepared TFDS data with CIFAR-10.
    """
    if WEIGHTS in ka.nets.pretrained().get(NETWORK, ()):
        return
    monkeypatch.setattr(weight_files, "FOLDER", folder / "weights")
    weight_files.FOLDER.mkdir()
    model = ka.nets.get(NETWORK)
    for stage in range(1, model.num_stages + 1):
        # Logits of 0, which are always wrong: 8 bits do not make them worse.
        head = model.get_layer(f"stage_{stage}")
        head.set_weights([0 * weight for weight in head.get_weights()])
    remember(model, ka.data.info("cifar10", data_dir))
    path = weight_files.FOLDER / f"{NETWORK}_{WEIGHTS}.weights.h5"
    model.save_weights(path)
    images = np.zeros((2, 32, 32, 3), "float32")
    curve = ka.evaluation.anytime_curve(model, (images, np.arange(2)))
    write_json(
        path.with_name(f"{NETWORK}_{WEIGHTS}.json"),
        {
            "network": NETWORK,
            "weights": WEIGHTS,
            "sha256": checksum(path),
            "input_shape": [32, 32, 3],
            "classes": 10,
            "data": model.data_info,
            "evaluation": {"split": "train[45000:]", "curve": curve.to_dict()},
            "temperatures": [1.0] * model.num_stages,
            "thresholds": [0.5] * (model.num_stages - 1),
        },
    )
