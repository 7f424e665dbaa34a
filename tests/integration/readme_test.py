"""What the README says, run."""

import os
import re
import subprocess
import sys

import pytest


@pytest.fixture(scope="module", name="readme")
def _readme(repository):
    return (repository / "README.md").read_text()


@pytest.mark.slow
def test_the_example_runs(readme, tmp_path, cifar10_dir):
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    # The same code on a little of the data, for one epoch.
    for long, short in (
        ('"train[:45000]"', '"train[:256]"'),
        ('"train[45000:]"', '"train[45000:45128]"'),
        ("epochs=200", "epochs=1"),
    ):
        assert long in example
        example = example.replace(long, short)
    (tmp_path / "example.py").write_text(example)
    run = subprocess.run(
        [sys.executable, "example.py"],
        cwd=tmp_path,
        env={
            **os.environ,
            "TFDS_DATA_DIR": cifar10_dir,
            "TF_CPP_MIN_LOG_LEVEL": "2",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    written = {one.name for one in (tmp_path / "run").iterdir()}
    assert written == {
        "best.keras",
        "curve.png",
        "saved_model",
        "anytime.tflite",
        "anytime.tflite.json",
    }
    stages = re.findall(r"^(\d) \d [\d.]+ ms$", run.stdout, re.MULTILINE)
    assert stages == ["1", "2", "3"]


def test_every_file_that_it_names_is_there(readme, repository):
    for path in re.findall(r"\]\((?!http)([^)]+)\)", readme):
        assert (repository / path).exists()
    for name in re.findall(r"^\| `(\w+)` \| Wan", readme, re.MULTILINE):
        assert (repository / f"recipes/flags/{name}.flags").exists()
    for name in re.findall(r"^\| `([a-z_/.]+)` \|", readme, re.MULTILINE):
        if not name.startswith("wan2020"):
            assert (repository / "keras_anytime" / name).exists()
    for command in re.findall(r"^    make (\w+)", readme, re.MULTILINE):
        makefile = (repository / "Makefile").read_text()
        assert f"\n{command}:" in makefile


def test_it_shows_the_quickstarts_own_words(readme, repository):
    recipe = (repository / "recipes/quickstart.py").read_text()
    for line in re.findall(r"^\d\. .*$", readme, re.MULTILINE):
        assert line in recipe
