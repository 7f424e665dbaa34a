"""The console scripts, and the scripts of the checkout that call them."""

import ast
import importlib.metadata
import runpy
from unittest import mock

import pytest
import setuptools
from absl import flags

from tests.source import ROOT
from tests.testing import run_command
from tests.testing import run_process
from tests.testing import run_script

SCRIPTS = {
    "keras-anytime-train": "recipes/train.py",
    "keras-anytime-evaluate": "recipes/evaluate.py",
    "keras-anytime-export": "tools/export_tflite.py",
    "keras-anytime-benchmark": "tools/benchmark_tflite.py",
    "keras-anytime-run": "tools/run_on_device.py",
}
# These use neither absl nor Keras.
ON_DEVICE = ("keras-anytime-benchmark", "keras-anytime-run")


@pytest.fixture(scope="module", name="entry_points")
def _entry_points(repository):
    """The console scripts of setup.py, by name."""
    arguments = {}
    with mock.patch.object(setuptools, "setup", arguments.update):
        runpy.run_path(str(repository / "setup.py"))
    lines = arguments["entry_points"]["console_scripts"]
    return {
        name: importlib.metadata.EntryPoint(name, value, "console_scripts")
        for name, value in (line.split(" = ") for line in lines)
    }


def test_each_console_script_is_a_function_without_arguments(entry_points):
    assert set(entry_points) == set(SCRIPTS)
    known = set(flags.FLAGS)
    for entry_point in entry_points.values():
        assert callable(entry_point.load())
    # Flags are defined when a command runs.
    assert set(flags.FLAGS) == known


@pytest.mark.parametrize("name", SCRIPTS)
def test_command_and_script_have_the_same_help(repository, name):
    command = run_command(repository, name, "--help")
    script = run_script(repository, SCRIPTS[name], "--help")
    assert command.returncode == script.returncode == 0
    assert not command.stderr and not script.stderr
    about = ast.get_docstring(
        ast.parse(
            (
                ROOT
                / "keras_anytime"
                / "commands"
                / f"{name.split('-')[-1]}.py"
            ).read_text()
        )
    )
    assert f"    {name} " in about
    assert about in command.stdout and about in script.stdout
    path = str(repository / SCRIPTS[name])
    shown = script.stdout.replace(path, f"/usr/bin/{name}")
    # argparse wraps the line of usage by the length of the name.
    part = "flags:" if "flags:" in shown else "options:"
    assert shown.partition(part)[2] == command.stdout.partition(part)[2]


@pytest.mark.parametrize("name", SCRIPTS)
def test_errors_begin_with_the_name_that_was_typed(repository, tmp_path, name):
    wrong = {
        "keras-anytime-train": [f"--workdir={tmp_path}", "--net=none"],
        "keras-anytime-evaluate": ["--wanted_error=0.5"],
        "keras-anytime-export": [
            f"--model={tmp_path}/none.keras",
            f"--output={tmp_path}/none.tflite",
        ],
        "keras-anytime-benchmark": [f"--files={tmp_path}/none.tflite"],
        "keras-anytime-run": [f"{tmp_path}/none.tflite"],
    }[name]
    script = SCRIPTS[name].rpartition("/")[2]
    for run, typed in (
        (run_command(repository, name, *wrong), name),
        (run_script(repository, SCRIPTS[name], *wrong), script),
        (run_command(repository, name, "--color=red"), name),
    ):
        assert run.returncode != 0
        last = run.stderr.splitlines()[-1]
        assert last.startswith(f"{typed}: "), run.stderr
        assert "Traceback" not in run.stderr


# Stands for an environment where any of these would be missed.
WITHOUT = """
import importlib, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {missing}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
module = importlib.import_module("keras_anytime.commands.{module}")
sys.argv = {argv}
module.main()
"""


def _run_without(repository, missing, name, *arguments):
    code = WITHOUT.format(
        missing=missing,
        module=name.removeprefix("keras-anytime-"),
        argv=[name, *arguments],
    )
    return run_process(repository, "-c", code)


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_needs_no_keras(repository, name):
    missing = ["keras", "tensorflow", "jax", "h5py", "numpy"]
    if name in ON_DEVICE:
        missing.append("absl")
    run = _run_without(repository, missing, name, "--help")
    assert run.returncode == 0, run.stderr
    assert f"    {name} " in run.stdout


@pytest.mark.parametrize(
    ("missing", "name", "arguments"),
    [
        ("absl", "keras-anytime-train", ["--help"]),
        ("keras", "keras-anytime-train", ["--workdir=run"]),
        ("keras", "keras-anytime-export", ["--model=x", "--output=y"]),
        ("keras", "keras-anytime-benchmark", ["--net=width_resnet42"]),
    ],
)
def test_a_missing_extra_is_said_in_one_line(
    repository, missing, name, arguments
):
    run = _run_without(repository, [missing], name, *arguments)
    assert run.returncode == 1 and not run.stdout
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"{name}: No module named '{missing}'")
    assert "pip install 'keras-anytime[tensorflow]'" in line
