"""Writes a report as one HTML file: text, tables, figures, provenance."""

import base64
import dataclasses
import datetime
import html
import os
import pathlib
import tempfile
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime.evaluation import html_parts
from keras_anytime.evaluation.provenance import provenance
from keras_anytime.evaluation.tables import heading
from keras_anytime.files import atomic_write
from keras_anytime.files import user_path

# A report of more sections gets a table of contents.
_MOST_WITHOUT_CONTENTS = 3

# System colors follow the reader's choice of dark or light. Figures keep a
# white background, because their text is black.
_CSS = """
:root { color-scheme: light dark; }
body { background: Canvas; color: CanvasText; font: 1rem/1.5 system-ui,
  sans-serif; margin: 0 auto; max-width: 56rem; padding: 1rem; }
h1, h2 { line-height: 1.2; overflow-wrap: anywhere; }
h2 { border-top: 1px solid #8886; margin-top: 2rem; padding-top: 1rem; }
p, th, td { overflow-wrap: anywhere; }
pre { font: .85rem/1.4 ui-monospace, monospace; }
pre, .wide { margin: 1rem 0; overflow-x: auto; }
figure { margin: 1rem 0; }
img { background: #fff; box-sizing: border-box; height: auto;
  max-width: 100%; padding: .5rem; }
table { border-collapse: collapse; margin: 1rem 0; width: 100%; }
.wide table { margin: 0; }
.wide th, .wide td { overflow-wrap: normal; }
th, td { border-bottom: 1px solid #8886; padding: .3rem .6rem .3rem 0;
  text-align: left; vertical-align: top; }
th { font-weight: 600; }
tbody th { width: 30%; }
td ul { margin: 0; padding-left: 1rem; }
@media print {
  :root { color-scheme: light; }
  body { max-width: none; padding: 0; }
  pre { font-size: .65rem; white-space: pre-wrap; }
  .wide { font-size: .75rem; overflow-x: visible; }
  figure, tr { break-inside: avoid; }
  h2 { break-after: avoid; }
}
"""

# The page loads nothing from elsewhere, whatever a section holds.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclasses.dataclass(frozen=True)
class _Section:
    title: str
    text: str
    table: str | Sequence[Mapping[str, Any]] | None = None
    rows: Mapping[str, Any] | None = None
    plot: Callable[[pathlib.Path], object] | None = None


class Report:
    """A report of sections with text, tables and figures, in one HTML file.

    The report starts with a summary, and each section has a text that explains
    it. The file needs no other file and no network. Its last section tells
    with which command, on which machine and from which commit it was made.

    ```python
    curve = ka.evaluation.anytime_curve(model, (images, labels))
    report = ka.evaluation.Report(
        "Width nesting on digits", ka.evaluation.summary(curve, "digits")
    )
    report.add(
        "Anytime curve",
        "The error of each stage, and the cost of its answer.",
        table=str(curve),
        plot=curve.plot,
    )
    report.add(
        "Settings",
        "The settings of the training.",
        rows={"epochs": 200, "weighting": "AdaLoss"},
    )
    report.write("run/report.html")
    ```

    Args:
        title: The heading of the report.
        summary: What was measured, on which data, and the result; see
            `ka.evaluation.summary`. Empty lines separate paragraphs.

    Raises:
        ValueError: If `summary` is empty.
    """

    def __init__(self, title: str, summary: str) -> None:
        self.title = str(title)
        self.summary = _not_empty(summary, "summary")
        self.sections: list[_Section] = []

    def add(
        self,
        title: str,
        text: str,
        table: str | Sequence[Mapping[str, Any]] | None = None,
        rows: Mapping[str, Any] | None = None,
        plot: Callable[[pathlib.Path], object] | None = None,
    ) -> "Report":
        """Adds a section.

        Args:
            title: The heading of the section.
            text: What the section shows. Empty lines separate paragraphs.
            table: Text with aligned columns, such as `str(curve)`; or a list
                of dicts from column names to values. `None` and NaN become
                empty cells.
            rows: Dict that becomes a table of two columns. Values may be dicts
                and lists, also as JSON.
            plot: Function that draws an SVG file at a given path, such as
                `curve.plot`. `write` calls it.

        Returns:
            The report itself.

        Raises:
            ValueError: If there is no text, `rows` is not a dict, or `plot` is
                not callable.
        """
        text = _not_empty(text, "text")
        if rows is not None and not isinstance(rows, Mapping):
            raise ValueError(f"`rows` must be a dict. Received: rows={rows!r}")
        if plot is not None and not callable(plot):
            raise ValueError(
                "`plot` must be a function of a path, such as `curve.plot`. "
                f"Received: plot={plot!r}"
            )
        self.sections.append(_Section(str(title), text, table, rows, plot))
        return self

    def write(self, path: str | os.PathLike) -> None:
        """Draws the figures and writes the HTML file.

        Args:
            path: Path that ends in `.html`. An existing file is replaced
                atomically, and only if all figures could be drawn.

        Raises:
            ValueError: If the path has another suffix, or a `plot` draws no
                file.
        """
        path = user_path(path)
        if path.suffix != ".html":
            raise ValueError(
                "The path of a report must end in '.html'. "
                f"Received: path={str(path)!r}"
            )
        content = self._html().encode()
        atomic_write(path, lambda beside: beside.write_bytes(content))

    def _html(self) -> str:
        now = datetime.datetime.now(datetime.UTC)
        date = now.isoformat(sep=" ", timespec="seconds")
        origin = _Section(
            "Provenance",
            "The command that made this report, the machine, and the versions "
            "of the code.",
            rows={"date": date, **provenance()},
        )
        sections = [*self.sections, origin]
        with tempfile.TemporaryDirectory() as folder:
            bodies = [
                _body(section, pathlib.Path(folder) / f"{index}.svg")
                for index, section in enumerate(sections, start=1)
            ]
        title = html.escape(self.title)
        lines = [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, '
            'initial-scale=1">',
            f"<title>{title}</title>",
            f"<style>{_CSS}</style>",
            "</head>",
            "<body>",
            f"<h1>{title}</h1>",
            *html_parts.paragraphs(self.summary),
        ]
        if len(self.sections) > _MOST_WITHOUT_CONTENTS:
            lines += _contents(sections)
        for index, (section, body) in enumerate(
            zip(sections, bodies, strict=True), start=1
        ):
            lines += [
                f'<section id="section-{index}">',
                f"<h2>{html.escape(section.title)}</h2>",
                *body,
                "</section>",
            ]
        return "\n".join([*lines, "</body>", "</html>", ""])


def _contents(sections: Sequence[_Section]) -> list[str]:
    links = [
        f'<li><a href="#section-{index}">{html.escape(section.title)}</a></li>'
        for index, section in enumerate(sections, start=1)
    ]
    return ['<nav aria-label="Contents">', "<ol>", *links, "</ol>", "</nav>"]


def _body(section: _Section, picture: pathlib.Path) -> list[str]:
    """Returns the HTML lines of a section below its heading."""
    lines = html_parts.paragraphs(section.text)
    if section.plot is not None:
        lines.append(_figure(section.title, section.plot, picture))
    # `tabindex` lets the keyboard scroll wide tables sideways.
    if isinstance(section.table, list):
        lines += [
            '<div class="wide" tabindex="0">',
            *html_parts.table(section.table),
            "</div>",
        ]
    elif section.table is not None:
        lines.append(
            f'<pre tabindex="0">{html.escape(str(section.table))}</pre>'
        )
    if section.rows is not None:
        lines += [
            "<table>",
            "<tbody>",
            *(
                f'<tr><th scope="row">{html.escape(heading(name))}</th>'
                f"<td>{html_parts.value(value)}</td></tr>"
                for name, value in section.rows.items()
            ),
            "</tbody>",
            "</table>",
        ]
    return lines


def _figure(
    title: str, plot: Callable[[pathlib.Path], object], picture: pathlib.Path
) -> str:
    plot(picture)
    if not picture.is_file():
        raise ValueError(
            "A plot must draw a file at the path that it is called with, and "
            f"that of section {title!r} drew no file. Received: plot={plot!r}"
        )
    image = base64.b64encode(picture.read_bytes()).decode()
    alternative = html.escape(f"Figure: {title}")
    return (
        f'<figure><img src="data:image/svg+xml;base64,{image}" '
        f'alt="{alternative}"></figure>'
    )


def _not_empty(text: str, argument: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(
            f"`{argument}` must be a text that explains what is shown. "
            f"Received: {argument}={text!r}"
        )
    return text
