"""Tables for people: aligned columns of text."""


def as_table(rows):
    """Returns the lines of a table, a header first, aligned to the right.

    Args:
        rows: Iterable of dicts from the same headers to values. Floats get
            four digits. A column whose values are all `None` is left out.

    Returns:
        List of strings of one length.
    """
    rows = list(rows)
    headers = [
        name for name in rows[0] if any(row[name] is not None for row in rows)
    ]
    cells = [[_written(row[name]) for name in headers] for row in rows]
    widths = [
        max(map(len, column)) for column in zip(headers, *cells, strict=True)
    ]
    return [
        "  ".join(f"{one:>{w}}" for one, w in zip(line, widths, strict=True))
        for line in [headers, *cells]
    ]


def _written(value):
    if value is None:
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
