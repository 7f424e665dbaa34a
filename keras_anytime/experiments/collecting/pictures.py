"""Pictures of reports, as functions that draw to a path."""

import functools
import pathlib
from collections.abc import Callable

from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.published import draw_published
from keras_anytime.experiments.collecting.tables import Table


def values_picture(
    table: Table, quantity: str
) -> Callable[[pathlib.Path], None]:
    """Returns a function that draws a table's numbers beside the paper's.

    Args:
        table: The `Table`.
        quantity: String. What the numbers are, with their unit.
    """
    return functools.partial(_draw_values, table, quantity)


def _draw_values(table: Table, quantity: str, path: pathlib.Path) -> None:
    values = {line.name: line.cells for line in table.lines}
    marked = {line.name for line in table.lines if line.marked}
    style.save(draw_published(values, quantity, marked), path)
