"""Runs the examples of all docstrings of the package.

An example is a block fenced with ```python, or a `>>>` doctest. It finds what
`_NAMESPACE` describes, in a temporary working directory:

| name | what it is |
|---|---|
| `ka`, `keras`, `np` | the packages |
| `model` | a trained network with stages w1, w2, w4 for the digits |
| `train`, `val` | data sets of digits, one batch each |
| `images`, `labels` | 32 digits as arrays, float32 and integers |
| `image` | one of them, `(8, 8, 1)` |
| `run/anytime.tflite`, `run/model.keras` | the network, exported and saved |

A block fenced with ```python notest is shown only; `NOT_RUN` gives the reason.
"""

import ast
import doctest
import re
import shutil
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_anytime as ka
from tests.source import fail_on
from tests.source import python_files
from tests.source import relative
from tests.testing import compiled
from tests.testing import digits
from tests.testing import sampled
from tests.testing import tiny_net

_TFMOT = "Loading tfmot and training with it takes many seconds."
# Examples that are shown and not run, with the reason.
NOT_RUN: dict[str, str] = {
    "keras_anytime.export.clustering.cluster": _TFMOT,
    "keras_anytime.export.pruning.prune": _TFMOT,
    "keras_anytime.export.quantization_training.quantization_aware": _TFMOT,
}

_FENCE = re.compile(r"^( *)```python( notest)?\n(.*?)^\1```$", re.M | re.S)


def _docstrings():
    """Yields dotted name, file, line and text of each docstring."""
    for path in python_files("keras_anytime"):
        module = relative(path).removesuffix(".py").replace("/", ".")
        module = module.removesuffix(".__init__")
        nodes = [(module, ast.parse(path.read_text()))]
        for name, node in nodes:
            if ast.get_docstring(node):
                expression = node.body[0]
                text = expression.value.value
                yield name, relative(path), expression.lineno, text
            nodes += [
                (f"{name}.{child.name}", child)
                for child in node.body
                if isinstance(child, (ast.ClassDef, ast.FunctionDef))
            ]


def _examples():
    """Returns the examples to run, by name, and the names of the others.

    An example is its code, padded with empty lines so that errors show the line
    of the file, or a docstring with doctests.
    """
    run, shown = {}, []
    for name, path, line, text in _docstrings():
        for number, block in enumerate(_FENCE.finditer(text), 1):
            if block[2]:
                shown.append(name)
                continue
            above = line + text[: block.start(3)].count("\n") - 1
            code = "\n" * above + textwrap.dedent(block[3])
            run[f"{name}-{number}" if number > 1 else name] = (path, code)
        if ">>>" in text:
            run[f"{name}-doctest"] = (path, text)
    return run, shown


RUN, SHOWN = _examples()
# A whole training, as the recipe's tests have it.
SLOW = "keras_anytime.experiments.train.train"


@pytest.fixture(scope="module", autouse=True)
def _eager():
    """Runs training steps eagerly: tracing takes longer than all examples."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module", name="folder")
def _folder(made_once):
    """A folder with the trained network, saved and exported."""

    def make(path):
        path.mkdir()
        model = compiled(tiny_net())
        model.fit(*digits(32), batch_size=16, verbose=0)
        model.save(path / "model.keras")
        ka.export.tflite(model, path / "anytime.tflite")

    return made_once("docstrings", make)


@pytest.fixture(scope="module", name="network")
def _network(folder):
    """The trained network, which is made once, and its weights."""
    model = ka.load_model(folder / "model.keras")
    return model, model.get_weights()


@pytest.fixture(name="namespace")
def _namespace(request, folder, tmp_path, monkeypatch):
    """What an example finds: a new namespace in a new working directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folder, "run")
    namespace = {"__name__": "example", "ka": ka, "keras": keras, "np": np}
    images, labels = digits(32)
    namespace |= {"images": images, "labels": labels, "image": images[0]}
    _, text = RUN[request.getfixturevalue("name")]
    # These take time, and few examples use them.
    if re.search(r"\bmodel\b", text):
        model, weights = request.getfixturevalue("network")
        model.set_weights(weights)
        namespace["model"] = compiled(model)
    if re.search(r"\b(train|val)\b", text):
        namespace["train"], namespace["val"] = ka.data.load(
            "digits", batch_size=32, splits=("train[:32]", "train[-32:]")
        )
    return namespace


@pytest.mark.parametrize("name", sampled(list(RUN), lambda name: name != SLOW))
def test_an_example_runs(name, namespace):
    path, text = RUN[name]
    if not name.endswith("-doctest"):
        exec(compile(text, path, "exec"), namespace)
        return
    test = doctest.DocTestParser().get_doctest(text, namespace, name, path, 0)
    failures = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(
        test, out=failures.append
    )
    assert not failures, "".join(failures)


def test_examples_that_are_not_run_have_a_reason():
    problems = [
        f"{name}: an example is fenced `python notest`; make it run, or give "
        "the reason in NOT_RUN of tests/docstrings_test.py"
        for name in SHOWN
        if name not in NOT_RUN
    ]
    problems += [
        f"{name}: has no example fenced `python notest`; take it out of "
        "NOT_RUN of tests/docstrings_test.py"
        for name in NOT_RUN
        if name not in SHOWN
    ]
    fail_on(problems)
