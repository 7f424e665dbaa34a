"""Holds the BUILD file against the imports and files of the checkout."""

import collections
import dataclasses
import re
import sys

import pytest

from tests.source import PACKAGE
from tests.source import ROOT
from tests.source import fail_on
from tests.source import imported_library
from tests.source import imports
from tests.source import libraries
from tests.source import python_files
from tests.source import relative

# PyPI names that differ from the imported name in more than `-` for `_`.
PYPI_NAMES = {"PIL": "pillow", "absl": "absl-py", "sklearn": "scikit-learn"}

CODE = ("keras_anytime", "recipes", "tools", "tests")


@dataclasses.dataclass
class Target:
    """A target of the BUILD file."""

    kind: str
    name: str
    srcs: list
    deps: list
    attributes: dict


@pytest.fixture(scope="module", name="targets")
def _targets():
    """The targets of BUILD by name: run as Python, which Starlark is here."""
    targets = {}

    def rule(kind):
        def declare(name, srcs=(), deps=(), **attributes):
            assert name not in targets, f"BUILD has two targets {name!r}"
            targets[name] = Target(
                kind, name, list(srcs), list(deps), attributes
            )

        return declare

    def glob(include, exclude=()):
        paths = {path for one in include for path in ROOT.glob(one)}
        paths -= {path for one in exclude for path in ROOT.glob(one)}
        assert paths, f"BUILD: no file is like {include}"
        return sorted(relative(path) for path in paths)

    def ignore(*args, **kwargs):
        del args, kwargs

    names = {
        **{kind: rule(kind) for kind in ("py_library", "py_binary", "py_test")},
        "glob": glob,
        "load": ignore,
        "package": ignore,
        "requirement": requirement,
    }
    exec(compile((ROOT / "BUILD").read_text(), "BUILD", "exec"), names)
    return targets


def requirement(name):
    return f'requirement("{name}")'


def pypi_name(name):
    top = name.split(".")[0]
    return PYPI_NAMES.get(top, top.replace("_", "-"))


def dependencies(path):
    """Returns the `deps` that the imports of a file ask for."""
    deps = set()
    for one in imports(path):
        top = one.name.split(".")[0]
        if top == "keras_anytime":
            library = imported_library(one.name)
            if path.is_relative_to(PACKAGE) and library == "keras_anytime":
                library = "init"
            deps.add(f":{library}")
        elif top == "tests":
            deps.add(":testing")
        elif top not in sys.stdlib_module_names:
            deps.add(requirement(pypi_name(top)))
    return deps


def expected_deps(target):
    """Returns the `deps` that a target must have, as BUILD sorts them."""
    if target.name == "keras_anytime":
        deps = {f":{library}" for library in libraries()}
    else:
        deps = {dep for one in target.srcs for dep in dependencies(ROOT / one)}
        if target.kind == "py_library" and target.name != "testing":
            # Python loads the package before any module of it.
            deps.add(":init")
        if target.kind == "py_test":
            # `tests/__init__.py` and the fixtures; what runs the test.
            deps |= {":testing", requirement("pytest")}
    deps.discard(f":{target.name}")
    # Labels first.
    return sorted(deps, key=lambda dep: (not dep.startswith(":"), dep))


def shown(dep):
    return f'"{dep}"' if dep.startswith(":") else dep


def entry(path):
    """Returns the target that BUILD must have for a test or a script."""
    name = relative(path).removesuffix(".py").replace("/", "_")
    if path.is_relative_to(ROOT / "tests"):
        target = Target(
            "py_test",
            name,
            [relative(path)],
            [],
            {"args": [relative(path)], "main_module": "pytest"},
        )
    else:
        target = Target(
            "py_binary", name, [relative(path)], [], {"main": relative(path)}
        )
    target.deps = expected_deps(target)
    return target


def starlark(target):
    """Returns the text of a target, as buildifier formats it."""
    lines = [
        f"{target.kind}(",
        f'    name = "{target.name}",',
        f'    srcs = ["{target.srcs[0]}"],',
        *(
            f"    {key} = {value},".replace("'", '"')
            if isinstance(value, list)
            else f'    {key} = "{value}",'
            for key, value in target.attributes.items()
        ),
        "    deps = [",
        *(f"        {shown(dep)}," for dep in target.deps),
        "    ],",
        ")",
    ]
    return "\n".join(lines)


def scripts():
    """Returns the files that have a target of their own."""
    tests = [
        path for path in python_files("tests") if path.stem.endswith("_test")
    ]
    return [*python_files("recipes", "tools"), *tests]


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
        target = targets.get(name, Target("", name, [], [], {}))
        sources = [relative(path) for path in paths]
        if target.kind != "py_library" or sorted(target.srcs) != sources:
            problems.append(
                f"BUILD: there must be a py_library {name!r} with srcs "
                f"{sources}"
            )
    fail_on(problems)


def test_build_libraries_depend_on_what_they_import(targets):
    problems = []
    for target in targets.values():
        if target.kind == "py_library" and (
            target.deps != expected_deps(target)
        ):
            deps = "".join(
                f"        {shown(dep)},\n" for dep in expected_deps(target)
            )
            problems.append(
                f"BUILD: py_library {target.name!r} must have, in this order:"
                f"\n    deps = [\n{deps}    ],"
            )
    fail_on(problems)


def test_build_has_a_target_for_each_test_and_script(targets):
    problems = []
    expected = {target.name: target for target in map(entry, scripts())}
    for name, target in expected.items():
        found = targets.get(name)
        # `size`, `data` and the like are nobody's business here.
        if found is None or target != dataclasses.replace(
            found,
            attributes={
                key: value
                for key, value in found.attributes.items()
                if key in target.attributes
            },
        ):
            where = "lacks" if found is None else "must, `data` apart, have"
            problems.append(f"BUILD {where} this target:\n{starlark(target)}\n")
    problems += [
        f"BUILD: remove the {target.kind} {name!r}: it has no file"
        for name, target in targets.items()
        if target.kind != "py_library" and name not in expected
    ]
    fail_on(problems)


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
