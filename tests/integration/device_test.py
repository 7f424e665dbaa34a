"""A device: NumPy and LiteRT, neither Keras nor TensorFlow."""

import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import keras_anytime as ka
from tests.testing import digits
from tests.testing import scramble
from tests.testing import tiny_net

PROGRAM = """
import json, sys
import numpy as np
from keras_anytime.runtime import AnytimePredictor

for name in ("keras", "tensorflow", "absl"):
    try:
        __import__(name)
    except ImportError:
        continue
    raise SystemExit(f"{name} is there")
predictor = AnytimePredictor(sys.argv[1])
images = np.load(sys.argv[2])
answers = [
    [result.logits.tolist() for result in predictor.stream(image)]
    for image in images
]
late = predictor.predict(images[0], deadline_ms=0.0)
predictor.close()
print(json.dumps([answers, late.stage]))
"""


def _requirements(name, seen):
    """The installed distributions that one needs, itself among them."""
    from packaging.requirements import Requirement

    if name not in seen:
        seen.add(name)
        for line in importlib.metadata.requires(name) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate(
                {"extra": ""}
            ):
                _requirements(requirement.name, seen)
    return seen


@pytest.fixture(name="device")
def _device(tmp_path, repository):
    """A folder of packages that only has what LiteRT and NumPy need."""
    folder = tmp_path / "packages"
    folder.mkdir()
    for name in _requirements("ai-edge-litert", set()) | {"numpy"}:
        for file in importlib.metadata.files(name):
            top = file.parts[0]
            source = pathlib.Path(file.locate()).parents[len(file.parts) - 1]
            if top not in ("..", "__pycache__") and not (folder / top).exists():
                # One top folder may belong to several distributions.
                (folder / top).symlink_to(
                    (source.parent if source.name == top else source) / top
                )
    (folder / "keras_anytime").symlink_to(repository / "keras_anytime")
    return folder


def test_numpy_and_litert_are_enough(device, tmp_path):
    model = scramble(tiny_net())
    images, _ = digits(3)
    ka.export.tflite(model, tmp_path / "anytime.tflite")
    np.save(tmp_path / "images.npy", images)
    (tmp_path / "program.py").write_text(PROGRAM)
    run = subprocess.run(
        [
            sys.executable,
            "-S",
            str(tmp_path / "program.py"),
            str(tmp_path / "anytime.tflite"),
            str(tmp_path / "images.npy"),
        ],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(device),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    answers, late_stage = json.loads(run.stdout.splitlines()[-1])
    wanted = model.predict(images, verbose=0)
    for index, stages in enumerate(answers):
        for logits, want in zip(stages, wanted, strict=True):
            np.testing.assert_allclose(
                logits, want[index], atol=1e-5 * np.abs(want).max()
            )
    assert late_stage == 0
