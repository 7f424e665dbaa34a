"""A folder of photos; weights of ImageNet would have to be downloaded."""

import pathlib
import re

import numpy as np
from PIL import Image

from tests.source import ROOT
from tests.testing import run_script

rng = np.random.default_rng(0)
for class_name in ("ants", "bees"):
    folder = pathlib.Path("photos", class_name)
    folder.mkdir(parents=True)
    for number in range(1, 9):
        photo = rng.integers(0, 256, (40, 60, 3), "uint8")
        Image.fromarray(photo).save(folder / f"{number:04}.jpg")

SHORTER = {
    "image_size=64)": "image_size=16)",
    "units=(2, 2, 2)": "units=(1, 1), filters=(8, 16)",
    "(96, 96, 3)": "(32, 32, 3)",
    "image_size=96": "image_size=32",
    "epochs=30": "epochs=2",
    'weights="imagenet"': "weights=None",
    "epochs=50": "epochs=1",
    "epochs=20": "epochs=1",
}


def check(folder, printed):
    assert re.search(r"^3 (ants|bees)$", printed, re.MULTILINE)
    assert "['ants', 'bees']" in printed
    assert "Regression(1)" in printed
    assert "{'image': 1000}" in printed
    assert "['photo'] " in printed
    for name in ("photos", "mobilenet"):
        answers = run_script(
            ROOT,
            "tools/run_on_device.py",
            str(folder / "run" / f"{name}.tflite"),
            f"--images={folder / 'photos'}",
            "--deadline_ms=1000",
        )
        assert answers.returncode == 0, answers.stderr
        assert answers.stdout.count(".jpg  stage 3") == 16
