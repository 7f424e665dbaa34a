"""Checks the tensors and programs that pages name against an export."""

import re

import pytest

from keras_anytime.manifest import read_manifest


@pytest.fixture(name="signatures")
def _signatures(quickstart):
    folder, _ = quickstart(1)
    return read_manifest(folder / "anytime.tflite").signatures


def test_the_page_names_the_tensors_of_each_step(repository, signatures):
    page = (repository / "docs" / "export.md").read_text()
    rows = re.findall(r"^\| `(step_\d)` \| (.*) \| (.*) \|$", page, re.M)
    assert [name for name, *_ in rows] == ["step_1", "step_2", "step_3"]
    for name, reads, leaves in rows:
        assert re.findall(r"`(\w+)`", reads) == [
            tensor.name for tensor in signatures[name].inputs
        ]
        assert leaves.split(", ") == [
            f"`{tensor.name}` " + "×".join(map(str, tensor.shape[1:]))
            for tensor in signatures[name].outputs
        ]


def test_the_kotlin_code_names_programs_and_tensors(repository, signatures):
    page = (repository / "docs" / "devices.md").read_text()
    (kotlin,) = re.findall(r"```kotlin\n(.*?)```", page, re.DOTALL)
    named = re.findall(r'"(\w+)"', kotlin)
    steps = [name for name in named if name in signatures]
    assert steps == [name for name in signatures if name.startswith("step_")]
    tensors = {
        tensor.name
        for name in steps
        for tensor in (*signatures[name].inputs, *signatures[name].outputs)
    }
    assert set(named) - set(steps) == {"image", "logits"} <= tensors
