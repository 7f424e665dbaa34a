"""Tables for people: aligned columns of text."""

import math


def as_table(rows):
    """Returns the lines of a table, a header first, aligned to the right.

    Args:
        rows: Iterable of dicts from the same names of columns to values, as
            for CSV files too. Floats get four digits. `None` and NaN are left
            empty, and columns of nothing else left out.

    Returns:
        List of strings of one length.
    """
    rows = list(rows)
    names = known_columns(rows)
    headers = list(map(heading, names))
    cells = [[written(row[name]) for name in names] for row in rows]
    widths = [
        max(map(len, column)) for column in zip(headers, *cells, strict=True)
    ]
    return [
        "  ".join(f"{one:>{w}}" for one, w in zip(line, widths, strict=True))
        for line in [headers, *cells]
    ]


def known_columns(rows):
    """Returns the columns of rows in which something is known."""
    return [name for name in rows[0] if any(written(row[name]) for row in rows)]


def heading(name):
    """Returns the name of a column in words: `mean_ms` as `mean (ms)`."""
    words = str(name)
    if words.endswith("_ms"):
        words = f"{words.removesuffix('_ms')} (ms)"
    return words.replace("_", " ")


def written(value):
    """Returns a value for people; empty where it is not known."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def percent(share):
    """Returns a share in percent, with two digits; `None` for `None`."""
    return None if share is None else f"{share:.2%}"


def short(number):
    """Returns a count with a unit: 1234567 as `1.23 M`."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.2f} {unit}"
    return str(number)
