"""A report in one HTML file: text, tables, figures, and where they are from."""

import base64
import dataclasses
import datetime
import html
import pathlib
import tempfile
from collections.abc import Callable
from collections.abc import Mapping

from keras_anytime.evaluation import html_parts
from keras_anytime.evaluation.tables import heading
from keras_anytime.files import atomic_write
from keras_anytime.files import user_path
from keras_anytime.provenance import provenance

# Of more sections, a table of contents is worth its room.
_MOST_WITHOUT_CONTENTS = 3

# System colors follow the reader's choice of dark or light. Figures are on
# white, which dark pages must not make transparent.
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

# Nothing is loaded from elsewhere, whatever a section holds.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclasses.dataclass(frozen=True)
class _Section:
    title: str
    text: str
    table: str | list | None
    rows: Mapping | None
    plot: Callable | None


class Report:
    """Sections of text, tables and figures, written as one HTML file.

    ```python
    from keras_anytime.evaluation.report import Report

    report = Report("Width nesting on CIFAR-10", summary(curve, "CIFAR-10"))
    report.add(
        "Anytime curve",
        "How often each stage errs, and what its answer costs.",
        table=str(curve),
        plot=curve.plot,
    )
    report.add(
        "Settings",
        "What the network was trained with.",
        rows={"epochs": 200, "weighting": "AdaLoss"},
    )
    report.write("run/report.html")
    ```

    It explains itself: it opens with what it is about, and each section says
    what it shows. The file needs no other one and no network. At its end it
    says with which command, on which machine and from which commit it was made.

    Args:
        title: String, the heading.
        opening: String: what was measured, on which data, and what follows
            from it; see `summary`.

    Raises:
        ValueError: If there is no opening.
    """

    def __init__(self, title, opening):
        self.title = str(title)
        self.opening = _said(opening, "opening")
        self.sections = []

    def add(self, title, text, table=None, rows=None, plot=None):
        """Adds a section.

        Args:
            title: String, its heading.
            text: String: what it shows. Empty lines separate paragraphs.
            table: String, text whose columns are aligned, such as
                `str(curve)`; or a list of dicts from names of columns to
                values, of which those that are not known are left empty.
            rows: Dict, shown as a table of two columns. Values may be dicts
                and lists, also written as JSON.
            plot: Function that is called with a path, in `write`, and draws an
                SVG file there, such as `curve.plot`.

        Returns:
            The report itself.

        Raises:
            ValueError: If there is no text, `rows` is no dict or `plot` cannot
                be called.
        """
        text = _said(text, "text")
        if rows is not None and not isinstance(rows, Mapping):
            raise ValueError(f"`rows` must be a dict. Received: rows={rows!r}")
        if plot is not None and not callable(plot):
            raise ValueError(
                "`plot` must be a function of a path, such as `curve.plot`. "
                f"Received: plot={plot!r}"
            )
        self.sections.append(_Section(str(title), text, table, rows, plot))
        return self

    def write(self, path):
        """Draws the figures and writes the file.

        Args:
            path: String or path that ends in `.html`. A file there is replaced
                at once, and only if all figures could be drawn.

        Raises:
            ValueError: If the path ends in anything else, or a `plot` draws
                nothing.
        """
        path = user_path(path)
        if path.suffix != ".html":
            raise ValueError(
                f"A report is written as '.html'. Received: path={str(path)!r}"
            )
        content = self._html().encode()
        atomic_write(path, lambda beside: beside.write_bytes(content))

    def _html(self):
        now = datetime.datetime.now(datetime.UTC)
        date = now.isoformat(sep=" ", timespec="seconds")
        source = _Section(
            "Provenance",
            "With what this report was made: a command on a machine, and "
            "versions of the code.",
            None,
            {"date": date, **provenance()},
            None,
        )
        sections = [*self.sections, source]
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
            *html_parts.paragraphs(self.opening),
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


def _contents(sections):
    return [
        '<nav aria-label="Contents">',
        "<ol>",
        *(
            f'<li><a href="#section-{index}">{html.escape(one.title)}</a></li>'
            for index, one in enumerate(sections, start=1)
        ),
        "</ol>",
        "</nav>",
    ]


def _body(section, place):
    """Returns the lines of a section below its heading."""
    lines = html_parts.paragraphs(section.text)
    if section.plot is not None:
        lines.append(_figure(section, place))
    # Wide tables are moved sideways, with the keyboard too.
    if isinstance(section.table, list):
        lines += [
            '<div class="wide" tabindex="0">',
            *html_parts.table(section.table),
        ]
        lines.append("</div>")
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


def _figure(section, place):
    section.plot(place)
    if not place.is_file():
        raise ValueError(
            f"The plot of section {section.title!r} drew no file at the path "
            f"that it was called with. Received: plot={section.plot!r}"
        )
    image = base64.b64encode(place.read_bytes()).decode()
    alternative = html.escape(f"Figure: {section.title}")
    return (
        f'<figure><img src="data:image/svg+xml;base64,{image}" '
        f'alt="{alternative}"></figure>'
    )


def _said(text, argument):
    if not isinstance(text, str) or not text.strip():
        raise ValueError(
            f"A report explains itself: `{argument}` says what it shows. "
            f"Received: {argument}={text!r}"
        )
    return text
