"""Parts of an HTML page; all text in them is escaped."""

import contextlib
import html
import json
import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime.evaluation.tables import cell_text
from keras_anytime.evaluation.tables import heading
from keras_anytime.evaluation.tables import known_columns


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the HTML lines of a table with one row for each dict."""
    names = known_columns(rows)
    headers = [
        f'<th scope="col">{html.escape(heading(name))}</th>' for name in names
    ]
    lines = ["<table>", "<thead>", f"<tr>{''.join(headers)}</tr>", "</thead>"]
    lines.append("<tbody>")
    for row in rows:
        cells = [
            f"<td>{html.escape(cell_text(row[name]))}</td>" for name in names
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return [*lines, "</tbody>", "</table>"]


def value(content: Any) -> str:
    """Returns any value as HTML; nested values and JSON become lists."""
    if isinstance(content, str) and content[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            content = json.loads(content)
    if content is None or (isinstance(content, float) and math.isnan(content)):
        return "none"
    if isinstance(content, bool):
        return "yes" if content else "no"
    if isinstance(content, Mapping):
        items = [
            f"{html.escape(str(name))}: {value(item)}"
            for name, item in content.items()
        ]
    elif isinstance(content, (list, tuple)):
        items = list(map(value, content))
        if not any(
            isinstance(item, (Mapping, list, tuple)) for item in content
        ):
            return ", ".join(items) or "none"
    else:
        return html.escape(str(content)) or "none"
    if not items:
        return "none"
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def paragraphs(text: str) -> list[str]:
    """Returns the HTML lines of a text; empty lines separate paragraphs."""
    return [
        f"<p>{html.escape(paragraph.strip())}</p>"
        for paragraph in text.split("\n\n")
        if paragraph.strip()
    ]
