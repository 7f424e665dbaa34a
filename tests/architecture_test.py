"""Holds the imports against the design, and BUILD against the imports."""

import ast
import collections
import dataclasses
import graphlib
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = ROOT / "keras_anytime"
CODE = ("keras_anytime", "recipes", "tools", "tests")
LONGEST_MODULE = 400

# What each subpackage and module of the package may import of the others.
# `init` is the package's own `__init__.py`, which loads the others by name,
# on first use, and holds the version. A new edge is a decision: data flows
# from networks over training and evaluation to export and runtime.
MAY_IMPORT = {
    "init": set(),
    "nesting": set(),
    "layers": {"nesting"},
    "weighting": set(),
    "gradients": set(),
    "files": set(),
    "graph": set(),
    "losses": set(),
    "metrics": set(),
    "step": set(),
    "provenance": {"init"},
    "data": set(),
    "training": set(),
    "model": {
        "files",
        "gradients",
        "graph",
        "layers",
        "losses",
        "metrics",
        "step",
        "training",
        "weighting",
    },
    # A builder returns an `AnytimeModel`.
    "nets": {"layers", "model", "nesting"},
    "callbacks": {"files", "model"},
    "evaluation": {"files", "graph"},
    "export": {"evaluation", "files", "provenance"},
    "runtime": {"export"},
}
# These run on every Keras backend.
BACKEND_FREE = ("nesting", "layers", "nets", "weighting", "gradients")
# What a device loads with `keras_anytime.runtime`.
ON_DEVICE = (
    "keras_anytime/__init__.py",
    "keras_anytime/export/__init__.py",
    "keras_anytime/export/manifest.py",
    "keras_anytime/runtime/*.py",
)
# Where modules are imported by a computed name, which `imports` cannot see.
LAZY = (
    "keras_anytime/__init__.py",
    "keras_anytime/export/__init__.py",
    "keras_anytime/training/__init__.py",
)
# PyPI names that differ from the imported name in more than `-` for `_`.
PYPI_NAMES = {"absl": "absl-py", "sklearn": "scikit-learn"}


@dataclasses.dataclass(frozen=True)
class Import:
    """One imported name.

    Args:
        name: String with dots, such as `keras_anytime.layers.SlicedDense`.
        alias: String. What the importing module calls it.
        line: Integer.
        at_load: Boolean. Whether it happens when the module is loaded.
    """

    name: str
    alias: str
    line: int
    at_load: bool


@dataclasses.dataclass
class Target:
    """A target of the BUILD file."""

    kind: str
    name: str
    srcs: list
    deps: list
    attributes: dict


def python_files(*folders):
    """Returns the Python files below folders of the checkout, sorted."""
    return sorted(
        path for one in folders for path in (ROOT / one).rglob("*.py")
    )


def relative(path):
    return path.relative_to(ROOT).as_posix()


def imports(path):
    """Returns all imports of a file, those inside of functions too."""
    tree = ast.parse(path.read_text())
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
    }
    found = []
    for node in ast.walk(tree):
        at_load = id(node) not in inside
        if isinstance(node, ast.Import):
            for one in node.names:
                alias = one.asname or one.name.split(".")[0]
                found.append(Import(one.name, alias, node.lineno, at_load))
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{relative(path)}: imports are absolute"
            for one in node.names:
                name = f"{node.module}.{one.name}"
                alias = one.asname or one.name
                found.append(Import(name, alias, node.lineno, at_load))
    return found


def library_of(path):
    """Returns which library a file of the package belongs to."""
    name = path.relative_to(PACKAGE).parts[0]
    return "init" if name == "__init__.py" else name.removesuffix(".py")


def imported_library(name):
    """Returns which library an imported name of the package comes from.

    `keras_anytime` means the whole package: the import of its namespace, or of
    a class that it loads from elsewhere.
    """
    part = (name.split(".") + [""])[1]
    if part and (
        (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").exists()
    ):
        return part
    return "keras_anytime"


def libraries():
    """Returns a dict from the libraries of the package to their files."""
    found = collections.defaultdict(list)
    for path in python_files("keras_anytime"):
        found[library_of(path)].append(path)
    return found


def internal_edges(path):
    """Yields the libraries that a file of the package imports, with lines."""
    for one in imports(path):
        if one.name.split(".")[0] == "keras_anytime":
            library = imported_library(one.name)
            library = "init" if library == "keras_anytime" else library
            if library != library_of(path):
                yield library, one.line


def dotted_names(path):
    """Yields what a file imports or reads by attribute, as full dotted names.

    With `from keras import ops`, `ops.abs` is `keras.ops.abs`.
    """
    found = imports(path)
    full = {}
    for one in found:
        yield one.name, one.line
        # `import a.b` binds `a`.
        is_top = one.alias == one.name.split(".")[0]
        full[one.alias] = one.alias if is_top else one.name
    for node in ast.walk(ast.parse(path.read_text())):
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


def test_the_table_of_edges_names_every_library_and_has_no_cycle():
    assert set(MAY_IMPORT) == set(libraries()), (
        "MAY_IMPORT must have one entry for each subpackage and module"
    )
    graphlib.TopologicalSorter(MAY_IMPORT).prepare()


def test_imports_follow_the_layers():
    fail_on(
        [
            f"{relative(path)}:{line}: `{library}` must not import `{other}`: "
            "a backward edge. Move the code, or decide on the edge in "
            "MAY_IMPORT and in the design."
            for library, paths in libraries().items()
            for path in paths
            for other, line in internal_edges(path)
            if other not in MAY_IMPORT[library]
        ]
    )


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
                r"keras_anytime\.(runtime|export\.manifest)\b", one.name
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


# --- BUILD ---


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
