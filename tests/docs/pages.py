"""Pages of the documentation, and the code and commands in them."""

import dataclasses
import pathlib
import re
import shlex

from tests.source import ROOT
from tests.source import relative

SETUPS = ROOT / "tests" / "docs" / "setup"

_FENCE = re.compile(r"^( *)```(\w*)( notest)?\n(.*?)^\1```$", re.M | re.S)


@dataclasses.dataclass(frozen=True)
class Page:
    """A Markdown page.

    Args:
        path: `pathlib.Path` of the file.
    """

    path: pathlib.Path

    @property
    def name(self):
        """The path below the root of the checkout."""
        return relative(self.path)

    @property
    def text(self):
        return self.path.read_text()

    @property
    def prose(self):
        """The text without fenced blocks."""
        return _FENCE.sub("", self.text)

    @property
    def setup(self):
        """The file with what the page's code finds when it runs.

        The pages of a folder, such as the model cards, share one.
        """
        folder = self.path.parent
        shared = folder not in (ROOT, ROOT / "docs")
        name = folder.name if shared else self.path.stem
        return SETUPS / f"{name}.py"

    def code(self, language="python"):
        """Returns the fenced blocks of a language that tests run, as one.

        Lines stand where they stand in the page, so that errors name them.
        """
        lines = [""] * len(self.text.splitlines())
        for block in _FENCE.finditer(self.text):
            if block[2] == language and not block[3]:
                first = self.text[: block.start(4)].count("\n")
                code = block[4].splitlines()
                indent = len(block[1])
                lines[first : first + len(code)] = [
                    line[indent:] for line in code
                ]
        return "\n".join(lines)

    def commands(self):
        """Yields the words of each shell command.

        Commands are indented by four spaces, or fenced as `shell`.
        """
        indented = [
            line[4:] if line.startswith("    ") else ""
            for line in self.prose.splitlines()
        ]
        text = "\n".join([*indented, self.code("shell")])
        for line in text.replace("\\\n", " ").splitlines():
            if re.match(r"[\w./$-]", line):
                yield shlex.split(line, comments=True)


def pages():
    """Returns the README and all pages of `docs/`, by name."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {page.name: page for page in map(Page, paths)}
