"""Holds the imports against the design."""

import graphlib
import re
import sys

from tests.source import ROOT
from tests.source import build_targets
from tests.source import dotted_names
from tests.source import fail_on
from tests.source import imported_library
from tests.source import imports
from tests.source import libraries
from tests.source import python_files
from tests.source import relative

LONGEST_MODULE = 400

# These run on every Keras backend.
BACKEND_FREE = ("nesting", "layers", "nets", "weighting", "gradients")
# What a device loads with `keras_anytime.runtime`.
ON_DEVICE = (
    "keras_anytime/__init__.py",
    "keras_anytime/version.py",
    "keras_anytime/confidence.py",
    "keras_anytime/files/*.py",
    "keras_anytime/manifest/*.py",
    "keras_anytime/runtime/*.py",
)
# Where modules are imported by a computed name, which `imports` cannot see.
LAZY = (
    "keras_anytime/__init__.py",
    "keras_anytime/export/__init__.py",
    "keras_anytime/backend/__init__.py",
)


def test_libraries_depend_on_each_other_without_a_cycle():
    # `deps` are the imports: `build_test.py` compares them.
    edges = {
        name: [dep.removeprefix(":") for dep in target.deps]
        for name, target in build_targets().items()
        if name in libraries()
    }
    graphlib.TopologicalSorter(edges).prepare()


def test_layers_weightings_and_gradients_run_on_every_backend():
    fail_on(
        [
            f"{relative(path)}:{one.line}: imports {one.name}; use keras.ops"
            for library in BACKEND_FREE
            for path in libraries()[library]
            for one in imports(path)
            if one.name.split(".")[0] in ("tensorflow", "tf_keras", "jax")
        ]
    )


def test_runtime_needs_neither_keras_nor_tensorflow():
    allowed = {*sys.stdlib_module_names, "numpy"}
    problems = []
    for path in (path for one in ON_DEVICE for path in ROOT.glob(one)):
        for one in imports(path):
            here = f"{relative(path)}:{one.line}: imports {one.name}"
            if re.match(
                r"keras_anytime\.(confidence|files|runtime|manifest|version)\b",
                one.name,
            ):
                continue
            if one.name.startswith("keras_anytime"):
                problems.append(f"{here}; of the package, only the manifest")
            elif one.name.split(".")[0] == "keras":
                problems.append(f"{here}; devices have no Keras")
            elif one.at_load and one.name.split(".")[0] not in allowed:
                problems.append(f"{here}; import it where it is first used")
    fail_on(problems)


def test_nothing_imports_recipes_tools_or_tests():
    fail_on(
        [
            f"{relative(path)}:{one.line}: imports {one.name}; what others "
            "need belongs in keras_anytime/"
            for path in python_files("keras_anytime", "recipes", "tools")
            for one in imports(path)
            if one.name.split(".")[0] in ("recipes", "tools", "tests")
        ]
    )


def test_only_public_keras_is_used():
    problems = []
    for path in python_files("keras_anytime", "recipes", "tools"):
        for name, line in dotted_names(path):
            here = f"{relative(path)}:{line}: {name}"
            if re.match(r"tensorflow\.(.+\.)?keras\b", name):
                problems.append(f"{here}; write `import keras`")
            if re.match(r"keras\.(src\b|(.+\.)?_(?!_))", name):
                problems.append(f"{here} is not public")
            if re.match(r"(tf_keras|tensorflow_model_optimization)\b", name):
                if not relative(path).startswith("keras_anytime/export/"):
                    problems.append(f"{here} stays inside of export/")
    fail_on(problems)


def test_imports_are_hidden_from_this_test_only_where_loading_is_lazy():
    problems = []
    for path in python_files("keras_anytime"):
        names = list(dotted_names(path))
        for name, line in names:
            here = f"{relative(path)}:{line}: {name}"
            if name == "importlib.import_module" and relative(path) not in LAZY:
                problems.append(f"{here}; write an import statement")
            # `import keras_anytime` makes every edge possible.
            if re.match(r"keras_anytime\.(?!__version__)", name) and (
                imported_library(name) == "keras_anytime"
            ):
                problems.append(f"{here}; import it from its own module")
    fail_on(problems)


def test_no_module_is_long():
    fail_on(
        [
            f"{relative(path)} has {lines} lines: split it "
            f"({LONGEST_MODULE} at most)"
            for path in python_files("keras_anytime")
            if (lines := len(path.read_text().splitlines())) > LONGEST_MODULE
        ]
    )
