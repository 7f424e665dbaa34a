"""Parts of an HTML page, everything in them escaped."""

import contextlib
import html
import json
import math
from collections.abc import Mapping

from keras_anytime.evaluation.tables import heading
from keras_anytime.evaluation.tables import known_columns
from keras_anytime.evaluation.tables import written


def table(rows):
    """Returns the lines of a table, one row for each dict."""
    names = known_columns(rows)
    heads = [
        f'<th scope="col">{html.escape(heading(name))}</th>' for name in names
    ]
    lines = ["<table>", "<thead>", f"<tr>{''.join(heads)}</tr>", "</thead>"]
    lines.append("<tbody>")
    for row in rows:
        cells = [
            f"<td>{html.escape(written(row[name]))}</td>" for name in names
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return [*lines, "</tbody>", "</table>"]


def value(content):
    """Returns any value as HTML: nested ones, and JSON, as lists."""
    if isinstance(content, str) and content[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            content = json.loads(content)
    if content is None or (isinstance(content, float) and math.isnan(content)):
        return "none"
    if isinstance(content, bool):
        return "yes" if content else "no"
    if isinstance(content, Mapping):
        items = [
            f"{html.escape(str(name))}: {value(one)}"
            for name, one in content.items()
        ]
    elif isinstance(content, (list, tuple)):
        items = list(map(value, content))
        if not any(isinstance(one, (Mapping, list, tuple)) for one in content):
            return ", ".join(items) or "none"
    else:
        return html.escape(str(content)) or "none"
    if not items:
        return "none"
    return f"<ul>{''.join(f'<li>{one}</li>' for one in items)}</ul>"


def paragraphs(text):
    """Returns the lines of a text whose paragraphs empty lines separate."""
    return [
        f"<p>{html.escape(one.strip())}</p>"
        for one in text.split("\n\n")
        if one.strip()
    ]
