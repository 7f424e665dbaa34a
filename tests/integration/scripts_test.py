"""Tests of every recipe and tool: its help, and its first checks."""

import ast
import importlib
import re

import pytest

from keras_anytime.experiments import papers
from tests.experiments.recorded import record
from tests.experiments.recorded import write_results_file
from tests.source import ROOT
from tests.source import imported_file
from tests.source import imports
from tests.source import relative
from tests.testing import run_script

SCRIPTS = [
    path.relative_to(ROOT).as_posix()
    for folder in ("recipes", "tools")
    for path in sorted((ROOT / folder).glob("*.py"))
]
# Flags are sorted in the help: there is no text before or beside another one.
POINTING = (
    r"^Its\b|\b(likewise|ditto|too|as (there|above|below|before)|"
    r"(of|all) (these|those))\b"
)


def _spaced(text):
    return " ".join(text.split())


def _source(script):
    """The file that says what a script does: its command's, or its own."""
    for imported in imports(ROOT / script):
        if re.fullmatch(r"keras_anytime\.commands\.\w+\.main", imported.name):
            return relative(imported_file(imported.name))
    return script


def _helps(script):
    """The help of each flag that a script defines, by the flags' names."""
    helps = {}
    for node in ast.walk(ast.parse((ROOT / script).read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", "")
        if name == "define_flags" or ast.unparse(node.func) == (
            "command_line.run"
        ):
            helps |= _helps_of_settings(script, node.args[0].id)
            continue
        if name == "add_argument":
            texts = [
                keyword.value
                for keyword in node.keywords
                if keyword.arg == "help"
            ]
        elif name == "DEFINE_enum":
            texts = node.args[3:4]
        elif name.startswith("DEFINE_"):
            texts = node.args[2:3]
        else:
            continue
        (text,) = texts
        helps[ast.literal_eval(node.args[0])] = ast.literal_eval(text)
    return helps


def _helps_of_settings(script, class_name):
    """The help of each flag of the settings that a script imports."""
    (name,) = (
        imported.name
        for imported in imports(ROOT / script)
        if imported.alias == class_name
    )
    module, _, _ = name.rpartition(".")
    settings = getattr(importlib.import_module(module), class_name)
    return {field.name: field.metadata["help"] for field in settings.flags()}


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_is_what_the_script_says_and_each_flag_on_its_own(
    repository, script
):
    run = run_script(repository, script, "--help")
    shown = _spaced(run.stdout + run.stderr)
    script = _source(script)
    about = ast.get_docstring(ast.parse((ROOT / script).read_text()))
    # Word for word: what looks like a format is none.
    assert _spaced(about) in shown
    helps = _helps(script)
    assert helps
    for name, text in helps.items():
        assert _spaced(text) in shown, name
        assert not re.search(POINTING, text), (name, text)
        assert text.endswith("."), (name, text)
        assert len(text.split()) >= 3, (name, text)


WIDTH = "no network of this name.*Did you mean 'width_resnet42'"


@pytest.mark.parametrize(
    "command",
    [
        ["recipes/train.py", "--workdir={}", "--net=width_resnet4"],
        ["tools/benchmark_evaluation.py", "--net=width_resnet4"],
        ["tools/benchmark_tflite.py", "--net=width_resnet4"],
        ["tools/benchmark_training.py", "--net=width_resnet4"],
        ["tools/list_networks.py", "--names=msdnet_7,width_resnet4"],
    ],
)
def test_a_network_is_named_by_one_rule(repository, tmp_path, command):
    run = run_script(repository, *(part.format(tmp_path) for part in command))
    assert run.returncode != 0
    assert re.search(WIDTH, run.stderr)
    assert "Traceback" not in run.stderr


@pytest.mark.slow
def test_a_builder_is_a_network_for_every_script(repository, tmp_path):
    small = ["--units=1", "--filters=8"]
    run = run_script(
        repository,
        "recipes/train.py",
        f"--workdir={tmp_path / 'run'}",
        "--net=width_nested_resnet",
        "--gradients=osgd",
        "--weighting=Half-End",
        # Known once the network is there, which it is before the data.
        "--nesting=w1-w3",
        *small,
    )
    assert "w1-w3" in run.stderr and "Traceback" not in run.stderr
    run = run_script(
        repository,
        "tools/list_networks.py",
        "--names=Width-Nested-ResNet",
        f"--csv={tmp_path / 'networks.csv'}",
    )
    assert run.returncode == 0, run.stderr
    assert "width_nested_resnet" in run.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["recipes/quickstart.py", "--output={}/x"],
        ["recipes/train.py", "--workdir={}/x"],
        ["recipes/compare_strategies.py", "--workdir={}/x"],
        [
            "recipes/run_queue.py",
            "--experiment=wan2020_table1",
            "--workdir=.",
            "--minutes=1",
            "--results={}",
        ],
        ["tools/benchmark_data.py", "--csv={}/x.csv"],
        ["tools/benchmark_evaluation.py", "--csv={}/x.csv"],
        ["tools/benchmark_tflite.py", "--net=msdnet_7", "--csv={}/x.csv"],
        ["tools/benchmark_tflite.py", "--net=msdnet_7", "--plot={}/x.png"],
        ["tools/benchmark_training.py", "--csv={}/x.csv"],
        ["tools/list_networks.py", "--csv={}/x.csv"],
        [
            "tools/compress.py",
            "--model=none.keras",
            "--method=prune",
            "--output={}/x.keras",
        ],
    ],
)
def test_a_place_that_cannot_be_written_is_said_before_there_is_work(
    repository, tmp_path, command
):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    if command[-1].endswith("={}"):
        in_the_way = tmp_path
    run = run_script(repository, *(part.format(in_the_way) for part in command))
    assert run.returncode != 0
    assert "cannot be written there" in run.stderr
    assert str(in_the_way) in run.stderr
    assert "Traceback" not in run.stderr
    assert not run.stdout
    if in_the_way != tmp_path:
        assert in_the_way.read_text() == "not a folder"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["tools/compress.py", "--method=prune", "--sparsity=1"], "--sparsity"),
        (["tools/compress.py", "--method=cluster", "--clusters=1"], "clusters"),
        (["tools/benchmark_tflite.py", "--threads=0"], "--threads must be 1"),
        (["tools/benchmark_tflite.py", "--repetitions=0"], "--repetitions"),
        (["recipes/compare_strategies.py", "--seeds=1,x"], "--seeds must be"),
        (["recipes/evaluate.py", "--wanted_error=2"], "--wanted_error"),
        (["recipes/train.py", f"--seed={2**32}"], "--seed"),
        (["recipes/train.py", "--gradients=greedy"], "--greedy"),
        (
            ["recipes/train.py", "--drop_remainder", "--batch_size=9999"],
            "there are 1438 training images",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused_before_there_is_work(
    repository, tmp_path, command, message
):
    script, *flags = command
    required = {
        "tools/compress.py": [
            "--model=none.keras",
            f"--output={tmp_path / 'x.keras'}",
        ],
        "tools/benchmark_tflite.py": ["--files=none.tflite"],
        "recipes/train.py": [
            f"--workdir={tmp_path}",
            "--units=1",
            "--filters=8",
        ],
        "recipes/compare_strategies.py": [f"--workdir={tmp_path}"],
        "recipes/evaluate.py": [],
    }
    run = run_script(repository, script, *required[script], *flags)
    assert run.returncode != 0
    assert message in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.slow
def test_collect_writes_a_table_without_runs(repository, tmp_path):
    run = run_script(
        repository,
        "recipes/collect.py",
        "--experiment=hu2017_table2b",
        f"--workdir={tmp_path}",
    )
    assert run.returncode == 0, run.stderr
    assert "0 of 234 rows have finished runs" in run.stdout
    assert "| ann | 0/39 |  | – / 52.72 |" in run.stdout
    assert (tmp_path / "hu2017_table2b.png").exists()


@pytest.mark.slow
def test_collect_reads_results_files(repository, tmp_path):
    rows = papers.find("small_priorities").rows
    files = [
        write_results_file(
            tmp_path / f"{row.name}.json",
            [(row, record(tmp_path, row, (0.5, 0.4, 0.3)))],
        )
        for row in rows
    ]
    run = run_script(
        repository,
        "recipes/collect.py",
        "--experiment=small_priorities",
        f"--results={','.join(map(str, files))}",
        f"--output={tmp_path / 'tables'}",
    )
    assert run.returncode == 0, run.stderr
    assert "4 of 4 rows have finished runs" in run.stdout
    assert "| width | osgd_213 | 1 | +0.00 | +0.00 | +0.00 |" in run.stdout
