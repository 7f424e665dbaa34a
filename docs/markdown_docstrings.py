"""Markdown of docstrings in the form that Sphinx reads.

Docstrings are written as in Keras: Markdown, with sections such as `Args`.
Sphinx reads reStructuredText. What differs is fenced blocks, links, and code in
backticks: `default_role` of `conf.py` reads the backticks, but an ending as in
`Layer`s needs an escape.
"""

import re

_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.M | re.S)
_CODE_IN_WORD = re.compile(r"`([^`\n]+)`([a-z])")
_LINK = re.compile(r"\[([^\[\]]+)\]\(\s*(https?://[^)\s]+)\)", re.S)


def to_restructured_text(text: str) -> str:
    """Returns a Markdown docstring as reStructuredText."""
    text = _CODE_IN_WORD.sub(r"`\1`\\ \2", text)
    text = _FENCE.sub(_code_block, text)
    return _LINK.sub(_link, text)


def _code_block(match: re.Match) -> str:
    indent, language, code = match[1], match[2] or "text", match[3]
    lines = [
        f"    {line}" if line.strip() else "" for line in code.splitlines()
    ]
    return "\n".join([f"{indent}.. code-block:: {language}", "", *lines, ""])


def _link(match: re.Match) -> str:
    words = " ".join(match[1].split())
    return f"`{words} <{match[2]}>`__"
