"""Compares the public API with its list; it has types and docstrings."""

import difflib
import inspect
import pathlib

import pytest

from tests.public_api import LIST
from tests.public_api import is_ours
from tests.public_api import lines
from tests.public_api import public_objects
from tests.public_api import signature
from tests.source import fail_on
from tests.source import relative


@pytest.fixture(scope="module", name="objects")
def _objects():
    return public_objects()


def place(value):
    """Returns the file and line that define a public object."""
    if isinstance(value, property):
        value = value.fget
    value = inspect.unwrap(getattr(value, "func", value))
    _, line = inspect.getsourcelines(value)
    path = relative(pathlib.Path(inspect.getsourcefile(value)))
    return f"{path}:{line or 1}"


def overrides_library(name, objects):
    """Returns whether a member is of an interface of Keras or Python."""
    cls, _, member = name.rpartition(".")
    return inspect.isclass(objects.get(cls)) and any(
        member in vars(base) and not is_ours(base)
        for base in objects[cls].__mro__
    )


def test_the_list_is_that_of_the_code():
    change = list(
        difflib.unified_diff(
            LIST.read_text().splitlines(),
            lines(),
            LIST.name,
            "the code",
            lineterm="",
        )
    )
    if change:
        change += [
            "The public API differs from its list. If the change is meant, "
            "describe it in CHANGELOG.md and run `python -m tests.public_api`."
        ]
    fail_on(change)


def test_every_public_name_is_documented(objects):
    fail_on(
        [
            f"{place(value)}: {name} has no docstring"
            for name, value in objects.items()
            if (signature(value) or isinstance(value, property))
            and not inspect.getdoc(value)
            and not overrides_library(name, objects)
        ]
    )


def test_every_public_signature_has_types(objects):
    problems = {}
    for name, value in objects.items():
        full = signature(value)
        if full is None:
            continue
        untyped = [
            parameter.name
            for parameter in full.parameters.values()
            if parameter.annotation is parameter.empty
        ]
        if not inspect.isclass(value) and (
            full.return_annotation is full.empty
        ):
            untyped.append("the result")
        if untyped:
            # Once for all classes that inherit it.
            problems[place(value)] = (
                f"{name} has no types for {', '.join(untyped)}"
            )
    fail_on([f"{line}: {problem}" for line, problem in problems.items()])
