"""CIFAR-10, and weights where none ship; building networks takes seconds."""

import pathlib

import keras_anytime as ka
from tests.docs import shelf

shelf.fill(
    pathlib.Path.cwd(),
    request.getfixturevalue("monkeypatch"),
    request.getfixturevalue("cifar10_dir"),
)


def check(folder, printed):
    assert (folder / "run" / "structure.png").exists()
    assert "msdnet_7: MSDNet" in printed
    assert "airplane" in printed
    manifest = ka.manifest.read_manifest(folder / "run" / "cifar10.tflite")
    assert manifest.class_names[0] == "airplane"
    assert len(manifest.temperatures) == 3 == len(manifest.thresholds) + 1
    assert "\n3 " in printed
