"""Compares the structure of the code with the architecture.

`ROOMS` states the architecture. `CONTRIBUTING.md` describes it for readers, and
`BUILD` lists the imports between rooms.
"""

import graphlib
import re
import sys

from tests.source import PACKAGE
from tests.source import ROOT
from tests.source import dotted_names
from tests.source import fail_on
from tests.source import imported_file
from tests.source import imported_library
from tests.source import imports
from tests.source import libraries
from tests.source import library_of
from tests.source import python_files
from tests.source import relative

# The rooms of the package, the lowest first. A room imports only rooms that
# stand before it.
ROOMS = (
    "version",
    "nesting",
    "naming",
    "progress",
    "files",
    "confidence",
    "tasks",
    "manifest",
    "runtime",
    "backend",
    "layers",
    "stages",
    "training_state",
    "weighting",
    "gradients",
    "distillation",
    "saving",
    "data",
    "training",
    "model",
    "nets",
    "convert",
    "loading",
    "evaluation",
    "callbacks",
    "export",
    "experiments",
    "commands",
)
MOST_LOOSE_MODULES = 9
# The largest numbers of lines of the files of a folder.
MOST_LINES = {"keras_anytime": 400, "recipes": 200, "tools": 200}

# These run on every Keras backend.
BACKEND_FREE = (
    "nesting",
    "layers",
    "nets",
    "weighting",
    "gradients",
    "distillation",
)
# A device loads these with `keras_anytime.runtime`.
ON_DEVICE = (
    "keras_anytime/__init__.py",
    "keras_anytime/extras.py",
    "keras_anytime/version.py",
    "keras_anytime/confidence.py",
    "keras_anytime/progress.py",
    "keras_anytime/files/*.py",
    "keras_anytime/manifest/*.py",
    "keras_anytime/runtime/*.py",
)
# These import modules by computed names, which `imports` cannot see.
LAZY = (
    "keras_anytime/__init__.py",
    "keras_anytime/export/__init__.py",
    "keras_anytime/backend/__init__.py",
)
# Plots read results by their attributes, so that results can draw themselves.
PLOTS = PACKAGE / "evaluation" / "plots"


def edges():
    """Yields importing file, imported file and line, for all of the package.

    Imports inside of functions count. A file that imports lazily may import
    every file of its folder.
    """
    for path in python_files("keras_anytime"):
        for statement in imports(path):
            other = imported_file(statement.name)
            if other not in (None, path):
                yield path, other, statement.line
        if relative(path) in LAZY and path.parent != PACKAGE:
            for other in path.parent.glob("*.py"):
                if other != path:
                    yield path, other, 1


def room_of(path):
    # `init` is how BUILD calls `__init__.py` and what that imports.
    room = library_of(path)
    return "version" if room == "init" else room


def test_the_architecture_names_every_room():
    rooms = {room_of(path) for path in python_files("keras_anytime")}
    fail_on(
        [
            f"keras_anytime/{room}: place it in ROOMS of "
            "tests/architecture_test.py"
            for room in sorted(rooms - set(ROOMS))
        ]
        + [
            f"tests/architecture_test.py: there is no {room}: take it out of "
            "ROOMS"
            for room in ROOMS
            if room not in rooms
        ]
    )


def test_contributing_describes_every_room():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    fail_on(
        [
            f"CONTRIBUTING.md: the tree under `The house` lacks `{room}`"
            for room in ROOMS
            if not re.search(rf"^  {room}(/|\.py) ", text, re.MULTILINE)
        ]
    )


def test_contributing_names_files_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    text = re.sub(r"### The house before.*?\n## ", "", text, flags=re.S)
    fail_on(
        [
            f"CONTRIBUTING.md: there is no {name}"
            for name in re.findall(r"`(\w[\w/]*/\w+\.\w+)", text)
            if not (ROOT / name).exists() and not (PACKAGE / name).exists()
        ]
    )


def test_no_import_goes_upward():
    fail_on(
        [
            f"{relative(path)}:{line}: `{room_of(path)}` imports "
            f"{relative(other)} from a room above it; move what both need "
            "into the lower room"
            for path, other, line in edges()
            if ROOMS.index(room_of(other)) > ROOMS.index(room_of(path))
            # The namespace loads its submodules on their first use.
            and path != PACKAGE / "__init__.py"
        ]
    )


def test_no_files_import_each_other_in_a_circle():
    lines = {(path, other): line for path, other, line in edges()}
    graph = {}
    for path, other in lines:
        graph.setdefault(path, []).append(other)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        # Each file of the circle is imported by the next one.
        circle = error.args[1]
        fail_on(
            ["These imports are a circle; move what both sides need:"]
            + [
                f"{relative(path)}:{lines[path, other]}: imports "
                f"{relative(other)}"
                for other, path in zip(circle, circle[1:], strict=False)
            ]
        )


def test_few_modules_are_loose():
    loose = sorted(
        path.name for path in PACKAGE.glob("*.py") if path.stem != "__init__"
    )
    if len(loose) > MOST_LOOSE_MODULES:
        fail_on(
            [
                f"keras_anytime/ has {len(loose)} modules beside its rooms, "
                f"{MOST_LOOSE_MODULES} at most; move some into rooms: "
                + ", ".join(loose)
            ]
        )


def test_no_module_is_long():
    fail_on(
        [
            f"{relative(path)}:{most + 1}: the file has {lines} lines, {most} "
            "at most; "
            + (
                "split it by its responsibilities"
                if folder == "keras_anytime"
                else "move its logic into keras_anytime/"
            )
            for folder, most in MOST_LINES.items()
            for path in python_files(folder)
            if (lines := len(path.read_text().splitlines())) > most
        ]
    )


def test_plots_read_results_by_their_attributes():
    fail_on(
        [
            f"{relative(path)}:{statement.line}: imports the class "
            f"{statement.name}; read the attributes of results, whatever "
            "their class"
            for path in PLOTS.glob("*.py")
            for statement in imports(path)
            if re.match(
                r"keras_anytime\.(?!evaluation\.plots\.).*\.[A-Z]\w*[a-z]\w*$",
                statement.name,
            )
        ]
    )


def test_layers_weightings_and_gradients_run_on_every_backend():
    fail_on(
        [
            f"{relative(path)}:{statement.line}: imports {statement.name}; "
            "use keras.ops"
            for library in BACKEND_FREE
            for path in libraries()[library]
            for statement in imports(path)
            if statement.name.split(".")[0] in ("tensorflow", "tf_keras", "jax")
        ]
    )


def test_runtime_needs_neither_keras_nor_tensorflow():
    allowed = {*sys.stdlib_module_names, "numpy"}
    problems = []
    for path in (path for pattern in ON_DEVICE for path in ROOT.glob(pattern)):
        for statement in imports(path):
            name = statement.name
            here = f"{relative(path)}:{statement.line}: imports {name}"
            if re.match(
                r"keras_anytime\."
                r"(confidence|extras|files|manifest|progress|runtime|version)\b",
                name,
            ):
                continue
            if name.startswith("keras_anytime"):
                problems.append(f"{here}; a device loads ON_DEVICE only")
            elif name.split(".")[0] == "keras":
                problems.append(f"{here}; devices have no Keras")
            elif statement.at_load and name.split(".")[0] not in allowed:
                problems.append(f"{here}; import it where it is first used")
    fail_on(problems)


def test_nothing_imports_recipes_tools_or_tests():
    fail_on(
        [
            f"{relative(path)}:{statement.line}: imports {statement.name}; "
            "move what others need into keras_anytime/"
            for path in python_files("keras_anytime", "recipes", "tools")
            for statement in imports(path)
            if statement.name.split(".")[0] in ("recipes", "tools", "tests")
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
                problems.append(f"{here} is not public; use the public API")
            if re.match(r"(tf_keras|tensorflow_model_optimization)\b", name):
                if not relative(path).startswith("keras_anytime/export/"):
                    problems.append(f"{here}; use it in export/ only")
    fail_on(problems)


def test_no_import_is_hidden_from_these_tests():
    problems = []
    for path in python_files("keras_anytime"):
        for name, line in dotted_names(path):
            here = f"{relative(path)}:{line}: {name}"
            if name == "importlib.import_module" and relative(path) not in LAZY:
                problems.append(f"{here}; write an import statement")
            # `import keras_anytime` makes every edge possible.
            if re.match(r"keras_anytime\.(?!__version__)", name) and (
                imported_library(name) == "keras_anytime"
            ):
                problems.append(f"{here}; import it from its own module")
    fail_on(problems)
