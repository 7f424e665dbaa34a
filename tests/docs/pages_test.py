"""Runs the code of the README and of `docs/`; checks commands and links.

The ```python blocks of a page run in order, in one namespace and a temporary
working directory. `tests/docs/setup/<page>.py` runs before them. It holds what
the reader of the page has by then, such as data and a model. It may define

- `SHORTER`: a dict of replacements in the page's code, which make it short
  enough for a test. Each must occur.
- `check(folder, printed)`: looks at what the code wrote and printed.

A block fenced with ```python notest is shown only; the docstring of the set-up
says why.
"""

import contextlib
import functools
import io
import pathlib
import re

import pytest

import keras_anytime as ka
from tests.docs.pages import pages
from tests.source import PACKAGE
from tests.source import ROOT
from tests.source import fail_on
from tests.testing import run_command
from tests.testing import run_script

PAGES = pages()
WITH_CODE = [name for name, page in PAGES.items() if page.code().strip()]
# Words of prose and code of a page.
MOST_WORDS = {"README.md": 1000}
MOST_WORDS_OF_OTHERS = 1500


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_CODE)
def test_the_code_of_a_page_runs(name, tmp_path, monkeypatch, request):
    page = PAGES[name]
    code = page.code()
    namespace = {"__name__": "example", "request": request}
    printed = io.StringIO()
    monkeypatch.chdir(tmp_path)
    with contextlib.redirect_stdout(printed):
        exec(compile(page.setup.read_text(), page.setup, "exec"), namespace)
        for long, short in namespace.get("SHORTER", {}).items():
            assert long in code, f"{page.setup}: {long!r} is not in {name}"
            code = code.replace(long, short)
        exec(compile(code, page.path, "exec"), namespace)
    if check := namespace.get("check"):
        check(tmp_path, printed.getvalue())


def test_every_page_with_code_has_a_setup():
    fail_on(
        [
            f"{name}: its code needs {PAGES[name].setup.relative_to(ROOT)}, "
            "with at least a docstring"
            for name in WITH_CODE
            if not PAGES[name].setup.exists()
        ]
    )


def test_pages_are_short():
    problems = []
    for name, page in PAGES.items():
        most = MOST_WORDS.get(name, MOST_WORDS_OF_OTHERS)
        words = len(page.text.split())
        if words > most:
            problems.append(f"{name}: {words} words; {most} at most")
    fail_on(problems)


def test_files_that_pages_name_exist():
    problems = []
    for name, page in PAGES.items():
        links = re.findall(r"\]\(([^)\s]+)\)", page.prose)
        for link in links:
            path = link.partition("#")[0]
            if path and "://" not in path and not _exists(page, path):
                problems.append(f"{name}: there is no {path}")
        named = re.findall(
            r"`((?:docs|keras_anytime|recipes|tests|tools)/[\w./]+\.\w+)`",
            page.prose,
        )
        problems += [
            f"{name}: there is no {path}"
            for path in named
            if not (ROOT / path).exists()
        ]
    fail_on(problems)


def _exists(page, path):
    # Pages of the API are generated, those of others included.
    return (page.path.parent / path).exists()


def test_names_of_the_package_in_pages_exist():
    problems = []
    for name, page in PAGES.items():
        for dotted in sorted(set(re.findall(r"`ka\.([\w.]+)", page.text))):
            value = ka
            try:
                for part in dotted.rstrip(".").split("."):
                    value = getattr(value, part)
            except AttributeError:
                problems.append(f"{name}: there is no ka.{dotted}")
    fail_on(problems)


def test_commands_in_pages_exist():
    problems = []
    for name, page in PAGES.items():
        for command in page.commands():
            # Variables of the environment may stand before the program.
            while command and re.match(r"\w+=", command[0]):
                del command[0]
            if command:
                problems += [
                    f"{name}: there is no {missing}"
                    for missing in _missing(*command)
                ]
    fail_on(problems)


def _missing(program, *arguments):
    """Yields what a command names that does not exist."""
    program = pathlib.PurePath(program).name
    if program == "make":
        makefile = (ROOT / "Makefile").read_text()
        for target in arguments:
            if "=" not in target and f"\n{target}:" not in makefile:
                yield f"`make {target}`"
        return
    if program.startswith("python") and arguments[0].endswith(".py"):
        program, *arguments = arguments
    known = _flags(program)
    if known is None:
        return
    if not known:
        yield program
        return
    # Recipes of several trainings pass what follows on to train.py.
    passed_on = []
    if "--" in arguments:
        index = arguments.index("--")
        passed_on = arguments[index + 1 :]
        arguments = arguments[:index]
    for script, flags in (
        (program, arguments),
        ("recipes/train.py", passed_on),
    ):
        for flag in re.findall(r"--(?:no)?(\w+)", " ".join(flags)):
            if flag not in _flags(script) and flag != "flagfile":
                yield f"flag --{flag} of {script}"


@functools.cache
def _flags(program):
    """Returns the flags of a command of the package, or of a script of it.

    It is empty if there is no such command or script, and `None` for others.
    """
    if program.startswith("keras-anytime-"):
        command = program.removeprefix("keras-anytime-")
        exists = (PACKAGE / "commands" / f"{command}.py").exists()
        run = run_command
    elif program.startswith(("recipes/", "tools/")):
        exists = (ROOT / program).exists()
        run = run_script
    else:
        return None
    if not exists:
        return ()
    done = run(ROOT, program, "--help")
    return set(re.findall(r"--(?:\[no\])?(\w+)", done.stdout + done.stderr))
