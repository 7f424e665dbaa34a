"""Runs the examples and commands of the README."""

import os
import re
import subprocess
import sys

import pytest

import keras_anytime as ka


@pytest.fixture(scope="module", name="readme")
def _readme(repository):
    return (repository / "README.md").read_text()


def _run(code, folder, data_dir):
    """Runs a program in a folder; returns what it prints."""
    (folder / "example.py").write_text(code)
    run = subprocess.run(
        [sys.executable, "example.py"],
        cwd=folder,
        env={
            **os.environ,
            "TFDS_DATA_DIR": data_dir,
            "TF_CPP_MIN_LOG_LEVEL": "2",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.slow
def test_the_example_runs(readme, tmp_path, cifar10_dir):
    example, *_ = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    # The same code with fewer units, on a little of the data, for one epoch.
    for long, short in (
        ('"train[:45000]"', '"train[:256]"'),
        ('"train[45000:]"', '"train[45000:45128]"'),
        ("epochs=200", "epochs=1"),
        ('nesting="w1-w2-w4")', 'nesting="w1-w2-w4", units=(1, 1, 1))'),
    ):
        assert long in example
        example = example.replace(long, short)
    printed = _run(example, tmp_path, cifar10_dir)
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert written == {
        "best.keras",
        "curve.png",
        "saved_model",
        "anytime.tflite",
        "anytime.tflite.json",
    }
    stages = re.findall(r"^(\d) \d [\d.]+ ms$", printed, re.MULTILINE)
    assert stages == ["1", "2", "3"]


@pytest.mark.slow
def test_what_it_says_of_training_runs(readme, tmp_path, cifar10_dir):
    _, example, *_ = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert "epochs=200" in example
    before = """
import keras
import keras_anytime as ka

train, val = ka.data.load("digits", batch_size=256)
model = ka.nets.width_nested_resnet(
    (8, 8, 1), 10, units=(1,), filters=(8,)
)
"""
    _run(before + example.replace("200", "3"), tmp_path, cifar10_dir)
    assert (tmp_path / "run" / "checkpoints" / "epoch_00003.keras").exists()
    lines = (tmp_path / "run" / "cosines.csv").read_text().splitlines()
    assert lines[0] == "epoch,cosine_1_2,cosine_1_3,cosine_2_3"
    assert len(lines) == 4


@pytest.mark.slow
def test_what_it_says_of_networks_runs(readme, tmp_path, cifar100_dir):
    examples = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)[2:5]
    assert "nets.get" in examples[0]
    # Networks that the reader has trained, and their curves.
    trained = """
import keras_anytime as ka

test = ka.data.load("digits", batch_size=64)[1]
trained = [
    ka.nets.res_ann((8, 8, 1), 10, units=(n,), filters=(4,)) for n in (1, 2)
]
curves = [ka.evaluation.anytime_curve(net, test) for net in trained]
"""
    printed = _run(trained + "".join(examples), tmp_path, cifar100_dir)
    assert "msdnet_7" in printed
    assert (tmp_path / "run" / "structure.png").exists()


@pytest.mark.slow
def test_what_it_says_of_measuring_runs(readme, tmp_path, cifar10_dir):
    examples = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)[5:7]
    assert "predict_stages" in examples[0]
    # A network of the reader's, the oracle's, and what they are exported to.
    before = """
import keras_anytime as ka

val = ka.data.load("digits", batch_size=64)[1]
images, labels = next(iter(val))
images, labels = images.numpy(), labels.numpy()
image = images[0]
size = {"units": (1,), "filters": (8,), "input_shape": (8, 8, 1), "classes": 10}
model = ka.nets.width_nested_resnet(**size)
oracle = ka.nets.independent(ka.nets.width_nested_resnet, **size)
curves = [ka.evaluation.anytime_curve(net, val) for net in oracle]
predictors = {}
for name, one in zip(("nested", "w1", "w2", "w4"), (model, *oracle)):
    ka.export.tflite(one, f"exports/{name}.tflite")
    predictors[name] = ka.runtime.AnytimePredictor(f"exports/{name}.tflite")
"""
    printed = _run(before + "".join(examples), tmp_path, cifar10_dir)
    assert "budgeted classification of 180 examples" in printed
    assert "top-1 error under deadlines, 64 inputs" in printed
    assert {"curves.png", "deadlines.png", "anytime.tflite"} <= {
        path.name for path in (tmp_path / "run").iterdir()
    }


def test_every_file_that_it_names_is_there(readme, repository):
    for path in re.findall(r"\]\((?!http)([^)]+)\)", readme):
        assert (repository / path).exists()
    networks = re.findall(r"^\| `(\w+)` \| [wd]1", readme, re.MULTILINE)
    files = {
        f"wan2020_{network}_{strategy}.flags"
        for network in networks
        for strategy in ("greedy", "sgd", "osgd", "normsgd", "osgdnorm")
    }
    folder = repository / "recipes" / "flags"
    assert files == {entry.name for entry in folder.iterdir()}
    for name in re.findall(r"^\| `([a-z_/.]+)` \|", readme, re.MULTILINE):
        builder = re.search(f"def {name}\\(", _builders(repository))
        if name not in networks and not builder:
            assert (repository / "keras_anytime" / name).exists()
    for name in re.findall(r"`(\w+_(?:imagenet|cub|resnet\d+))`", readme):
        assert any(entry.endswith(name) for entry in ka.nets.names())
    for command in re.findall(
        r"^(?:    |.*`)make ([\w-]+)", readme, re.MULTILINE
    ):
        makefile = (repository / "Makefile").read_text()
        assert f"\n{command}:" in makefile


def _builders(repository):
    modules = (repository / "keras_anytime" / "nets").glob("*.py")
    return "".join(module.read_text() for module in modules)


def test_it_shows_the_quickstarts_own_words(readme, repository):
    recipe = (repository / "recipes/quickstart.py").read_text()
    for line in re.findall(r"^\d\. .*$", readme, re.MULTILINE):
        assert line in recipe
