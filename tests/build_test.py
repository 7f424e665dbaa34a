"""Compares the BUILD file with the imports and files of the checkout."""

import collections
import re
import sys

import pytest

from tests.source import PACKAGE
from tests.source import ROOT
from tests.source import Target
from tests.source import build_targets
from tests.source import fail_on
from tests.source import imported_library
from tests.source import imports
from tests.source import libraries
from tests.source import python_files
from tests.source import relative
from tests.source import requirement

# PyPI names that differ from the imported name in more than `-` for `_`.
PYPI_NAMES = {"PIL": "pillow", "absl": "absl-py", "sklearn": "scikit-learn"}

CODE = ("keras_anytime", "recipes", "tools", "tests")


@pytest.fixture(scope="module", name="targets")
def _targets():
    return build_targets()


def pypi_name(name):
    top = name.split(".")[0]
    return PYPI_NAMES.get(top, top.replace("_", "-"))


def dependencies(path):
    """Returns the `deps` that the imports of a file need."""
    deps = set()
    for statement in imports(path):
        top = statement.name.split(".")[0]
        if top == "keras_anytime":
            library = imported_library(statement.name)
            if path.is_relative_to(PACKAGE) and library == "keras_anytime":
                library = "init"
            deps.add(f":{library}")
        elif top == "tests":
            deps.add(":testing")
        elif top not in sys.stdlib_module_names:
            deps.add(requirement(pypi_name(top)))
    return deps


def requirements(*folders):
    """Returns the PyPI packages that the files of folders import."""
    deps = {
        dep for path in python_files(*folders) for dep in dependencies(path)
    }
    return {dep for dep in deps if not dep.startswith(":")}


def expected_deps(target):
    """Returns the `deps` that a library must have, as BUILD sorts them."""
    if target.name == "keras_anytime":
        deps = {f":{library}" for library in libraries()}
    elif target.name == "testing":
        # All that any test imports.
        deps = {":keras_anytime", *requirements("tests")}
    elif target.kind == "py_binary":
        deps = {":keras_anytime", *requirements("recipes", "tools")}
    elif target.kind == "py_test":
        deps = {":testing"}
    else:
        deps = {dep for src in target.srcs for dep in dependencies(ROOT / src)}
        # Python loads the package before any module of it.
        deps.add(":init")
    deps.discard(f":{target.name}")
    # Labels first.
    return sorted(deps, key=lambda dep: (not dep.startswith(":"), dep))


def shown(dep):
    return f'"{dep}"' if dep.startswith(":") else dep


def test_build_has_every_file_in_one_target(targets):
    owners = collections.defaultdict(list)
    for target in targets.values():
        for source in target.srcs:
            owners[source].append(target.name)
    files = {relative(path) for path in python_files(*CODE)}
    problems = [
        f"BUILD: {source} is in `srcs` of {owners[source] or 'no target'}; "
        "it must be in one"
        for source in sorted(files)
        if len(owners[source]) != 1
    ]
    problems += [
        f"BUILD: {source} of {names} does not exist"
        for source, names in owners.items()
        if source not in files
    ]
    fail_on(problems)


def test_build_has_a_library_for_each_subpackage_and_module(targets):
    problems = []
    for name, paths in libraries().items():
        target = targets.get(name, Target("", name, [], []))
        sources = [relative(path) for path in paths]
        if target.kind != "py_library" or sorted(target.srcs) != sources:
            problems.append(
                f"BUILD: there must be a py_library {name!r} with srcs "
                f"{sources}"
            )
    fail_on(problems)


def test_build_targets_depend_on_what_they_import(targets):
    problems = []
    for target in targets.values():
        expected = expected_deps(target)
        if target.deps != expected:
            deps = "".join(f"        {shown(dep)},\n" for dep in expected)
            problems.append(
                f"BUILD: {target.kind} {target.name!r} must have, in this "
                f"order:\n    deps = [\n{deps}    ],"
            )
    fail_on(problems)


def test_build_has_a_target_named_after_each_test_and_script(targets):
    paths = [
        *python_files("recipes", "tools"),
        *(
            path
            for path in python_files("tests")
            if path.stem.endswith("_test")
        ),
    ]
    assert {
        name: target.srcs
        for name, target in targets.items()
        if target.kind in ("py_binary", "py_test")
    } == {
        relative(path).removesuffix(".py").replace("/", "_"): [relative(path)]
        for path in paths
    }


def test_build_requirements_are_in_setup_and_in_the_lock_file(targets):
    locked = re.findall(
        r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.M
    )
    ranges = re.findall(r'"([\w.-]+)[<>=]=', (ROOT / "setup.py").read_text())
    ranges = {name.replace("_", "-") for name in ranges}
    problems = set()
    for target in targets.values():
        for name in re.findall(
            r'requirement\("(.+?)"\)', " ".join(target.deps)
        ):
            if name not in locked:
                problems.add(
                    f"{name} is not in requirements.lock (`make lock`). Where "
                    "PyPI has it under another name, add it to PYPI_NAMES."
                )
            # What tests use may come with what setup.py names.
            if name not in ranges and target.srcs[0].startswith(
                "keras_anytime"
            ):
                problems.add(
                    f"{target.name} imports {name}, for which setup.py has no "
                    "range."
                )
    fail_on(sorted(problems))
