"""Reads the imports of the checkout, for the tests of its structure."""

import ast
import collections
import dataclasses
import functools
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = ROOT / "keras_anytime"
# Modules that `__init__.py` imports: with it they are the library `init`.
LOADED_FIRST = ("extras", "version")


@dataclasses.dataclass
class Target:
    """A target of the BUILD file."""

    kind: str
    name: str
    srcs: list
    deps: list


@dataclasses.dataclass(frozen=True)
class Import:
    """One imported name.

    Args:
        name: String with dots, such as `keras_anytime.layers.SlicedDense`.
        alias: String. What the importing module calls it.
        line: Integer.
        at_load: Boolean. Whether it runs when the module is loaded.
    """

    name: str
    alias: str
    line: int
    at_load: bool


def python_files(*folders):
    """Returns the Python files below folders of the checkout, sorted."""
    return sorted(
        path for folder in folders for path in (ROOT / folder).rglob("*.py")
    )


def relative(path):
    return path.relative_to(ROOT).as_posix()


@functools.cache
def parsed(path):
    """Returns the syntax tree of a file, which many tests go through."""
    return ast.parse(path.read_text())


@functools.cache
def imports(path):
    """Returns all imports of a file, those inside of functions too."""
    tree = parsed(path)
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
    }
    statements = []
    for node in ast.walk(tree):
        at_load = id(node) not in inside
        if isinstance(node, ast.Import):
            for imported in node.names:
                name = imported.name
                alias = imported.asname or name.split(".")[0]
                statements.append(Import(name, alias, node.lineno, at_load))
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{relative(path)}: imports are absolute"
            for imported in node.names:
                name = f"{node.module}.{imported.name}"
                alias = imported.asname or imported.name
                statements.append(Import(name, alias, node.lineno, at_load))
    return statements


def requirement(name):
    return f'requirement("{name}")'


def build_targets():
    """Returns the targets of BUILD by name.

    The file is run as Python, which Starlark is here.
    """
    targets = {}

    def rule(kind):
        def declare(name, srcs=(), deps=(), **attributes):
            assert name not in targets, f"BUILD has two targets {name!r}"
            targets[name] = Target(kind, name, list(srcs), list(deps))

        return declare

    def glob(include, exclude=(), allow_empty=False):
        paths = {path for pattern in include for path in ROOT.glob(pattern)}
        paths -= {path for pattern in exclude for path in ROOT.glob(pattern)}
        assert paths or allow_empty, f"BUILD: no file is like {include}"
        return sorted(relative(path) for path in paths)

    def ignore(*args, **kwargs):
        del args, kwargs

    names = {
        **{kind: rule(kind) for kind in ("py_library", "py_binary", "py_test")},
        "filegroup": ignore,
        "glob": glob,
        "load": ignore,
        "package": ignore,
        "requirement": requirement,
    }
    exec(compile((ROOT / "BUILD").read_text(), "BUILD", "exec"), names)
    return targets


def library_of(path):
    """Returns which library a file of the package belongs to."""
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "init" if name in ("__init__", *LOADED_FIRST) else name


def imported_library(name):
    """Returns which library an imported name of the package comes from.

    `keras_anytime` means the whole package: the import of its namespace, or of
    a class that it loads from elsewhere.
    """
    part = (name.split(".") + [""])[1]
    if part in LOADED_FIRST:
        return "init"
    if part and (
        (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").exists()
    ):
        return part
    return "keras_anytime"


def libraries():
    """Returns a dict from the libraries of the package to their files."""
    files = collections.defaultdict(list)
    for path in python_files("keras_anytime"):
        files[library_of(path)].append(path)
    return files


def imported_file(name):
    """Returns the file of the package that an imported name comes from.

    Returns:
        A path, or `None` for what is not of the package.
    """
    parts = name.split(".")
    if parts[0] != "keras_anytime":
        return None
    # The last part may be a name that its module defines.
    for length in (len(parts), len(parts) - 1):
        path = ROOT.joinpath(*parts[:length])
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if length and file.is_file():
                return file
    raise AssertionError(f"{name} is of no file")


def dotted_names(path):
    """Yields what a file imports or reads by attribute, as full dotted names.

    With `from keras import ops`, `ops.abs` is `keras.ops.abs`.
    """
    full = {}
    for statement in imports(path):
        name, alias = statement.name, statement.alias
        yield name, statement.line
        # `import a.b` binds `a`.
        full[alias] = alias if alias == name.split(".")[0] else name
    for node in ast.walk(parsed(path)):
        parts = []
        inner = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if parts and isinstance(inner, ast.Name) and inner.id in full:
            yield ".".join([full[inner.id], *reversed(parts)]), node.lineno


def fail_on(problems):
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)
