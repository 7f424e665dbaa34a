"""Values of an anytime curve in the columns of a paper's table."""

from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.experiments.papers.experiment import Row


def measured(row: Row, curve: AnytimeCurve) -> str:
    """Returns a curve's errors in %, in the columns of the paper's table.

    Args:
        row: The row. Without published numbers, the columns are the stages.
        curve: The curve of a run.
    """
    columns = row.published or {
        f"stage {point.stage}": 0.0 for point in curve.points
    }
    return ", ".join(
        f"{column}: {100 * value:.1f}"
        for column in columns
        if (value := curve_value(curve, column)) is not None
    )


def curve_value(curve: AnytimeCurve, column: str) -> float | None:
    """Returns a curve's error in a column of a paper's table.

    Args:
        curve: The curve of a run.
        column: String: a stage such as `"stage 1"` or `"stage 1 top-5"`, a
            share of the cost such as `"1/4"`, or `"AE"`, the average error.

    Returns:
        Float, or `None` where the curve has no such stage.
    """
    if column == "AE":
        return curve.average_error
    if not column.startswith("stage"):
        top, _, bottom = column.partition("/")
        return curve.error_at(int(top) / int(bottom or 1))
    _, stage, *measure = column.split()
    for point in curve.points:
        if point.stage == int(stage):
            return point.top5_error if measure else point.top1_error
    return None
