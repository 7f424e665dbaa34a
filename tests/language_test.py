"""Checks the language of code and pages, as far as a program can."""

import ast
import re

from tests.source import ROOT
from tests.source import fail_on
from tests.source import parsed
from tests.source import python_files
from tests.source import relative

CODE = ("keras_anytime", "recipes", "tools", "tests")
# Regular expressions for British spellings, which may be parts of names.
BRITISH = (
    r"(normal|regular|optim|minim|maxim|quant|initial|serial|special|final)"
    r"is(e|ed|es|ing|ation|ations|er|ers)(?![a-z])",
    r"(general|organ|recogn|summar|visual|synchron|random|vector|parallel)"
    r"is(e|ed|es|ing|ation|ations|er|ers)(?![a-z])",
    r"(penal|standard|util|categor|emphas)is(e|ed|es|ing|ation)(?![a-z])",
    r"(col|behavi|fav|neighb|hon|lab|rum)our",
    r"(label|model|travel|cancel|signal|channel|total)l(ed|ing)(?![a-z])",
    r"(centre|metre|fibre|theatre|programme)s?(?![a-z])",
    r"analys(e|ed|ing)(?![a-z])",
    r"learnt|spelt|whilst|grey|licence|artefact|defence|judgement",
)


def pages():
    folders = [ROOT / folder for folder in ("docs", *CODE)]
    below = [path for folder in folders for path in folder.rglob("*.md")]
    return [*ROOT.glob("*.md"), *below]


def matches(pattern, paths, flags=0):
    """Yields file and line, and the text, of what matches a pattern."""
    for path in paths:
        text = path.read_text()
        # Most files have none: one search is faster than one for each line.
        if not re.search(pattern, text, flags):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for match in re.finditer(pattern, line, flags):
                yield f"{relative(path)}:{number}", match[0]


def test_loop_variables_say_what_they_are():
    fail_on(
        [
            f"{place}: `{text}`: name the variable after what is looped over"
            for place, text in matches(
                r"\bfor one(, \w+)* in\b", python_files(*CODE)
            )
        ]
    )


def test_spelling_is_american():
    this_file = ROOT / "tests" / "language_test.py"
    paths = [path for path in python_files(*CODE) if path != this_file]
    fail_on(
        [
            f"{place}: {text!r} is British: spell it as Americans do"
            for place, text in matches(
                "|".join(BRITISH), [*paths, *pages()], re.IGNORECASE
            )
        ]
    )


def test_docstrings_of_modules_say_what_a_module_is():
    problems = []
    for path in python_files(*CODE):
        docstring = ast.get_docstring(parsed(path)) or ""
        if re.match(r"(What|How|When|Where|Whether)\b", docstring):
            problems.append(
                f"{relative(path)}:1: {docstring.splitlines()[0]!r}: begin "
                "with the noun or the verb: what the module is or does"
            )
    fail_on(problems)
