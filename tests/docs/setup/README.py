"""The data set CIFAR-10, and a photo."""

import re

import numpy as np
from PIL import Image

import keras_anytime as ka

request.getfixturevalue("cifar10_dir")

pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), "uint8")
Image.fromarray(pixels).save("photo.png")

SHORTER = {
    '"train[:20000]"': '"train[:256]"',
    '"train[45000:]"': '"train[45000:45128]"',
    "epochs=6": "epochs=1",
    "epochs=3": "epochs=1",
    "2 * ready_ms[0]": "5000",
}


def check(folder, printed):
    written = {path.name for path in (folder / "run").iterdir()}
    assert written == {
        "model.keras",
        "anytime.tflite",
        "anytime.tflite.json",
        "anytime.tflite.latency.json",
    }
    stages = re.findall(r"^(\d) [\d.]+ ms$", printed, re.MULTILINE)
    assert stages == ["1", "2", "3"]
    ((stage, class_name),) = re.findall(r"^(\d) ([a-z]+)$", printed, re.M)
    assert stage == "3"
    assert class_name in ka.data.info("cifar10").class_names
    # The converted network trained: its heads, then all stages.
    assert "stage_3_loss" in printed
