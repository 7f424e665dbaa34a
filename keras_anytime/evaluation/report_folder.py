"""A report folder: result files for programs, plots and a report for people."""

import functools
import os
import pathlib
import shutil
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from keras_anytime.evaluation.provenance import provenance
from keras_anytime.evaluation.report import Report
from keras_anytime.evaluation.tables import as_table
from keras_anytime.files import user_path
from keras_anytime.files import write_json
from keras_anytime.files.csv_files import write_csv


class ReportFolder:
    """Writes results to a folder, prints them, and adds them to a report.

    ```python
    curve = ka.evaluation.anytime_curve(model, (images, labels))
    folder = ka.evaluation.ReportFolder(
        "run/evaluation",
        "Width nesting on digits",
        ka.evaluation.summary(curve, "digits"),
    )
    folder.add(
        "Anytime curve",
        "curve",
        curve,
        plot=curve.plot,
        text="The error of each stage, and the cost of its answer.",
    )
    folder.write_report()
    ```

    Args:
        folder: Path of the folder, which is created if needed.
        title: The heading of the report.
        summary: The summary at the start of the report; see `Report`.

    Raises:
        ValueError: If `summary` is empty.
    """

    def __init__(
        self, folder: str | os.PathLike, title: str, summary: str
    ) -> None:
        self.folder = user_path(folder)
        self.report = Report(title, summary)

    def add(
        self,
        title: str,
        name: str,
        result: Any = None,
        plot: Callable[[pathlib.Path], object] | None = None,
        *,
        text: str,
        display_rows: list[Mapping[str, Any]] | None = None,
    ) -> None:
        """Writes the files of a result, prints it, and adds it to the report.

        Args:
            title: The heading in the report.
            name: Name of the files, without suffix.
            result: A result that prints as a table, and that is written if it
                has `to_csv` and `to_json`; or a list of dicts, the rows of a
                table, for a CSV file; or `None`.
            plot: Function that draws a picture at a given path. It is called
                for a PNG and an SVG file. `None` for no picture.
            text: What the result shows.
            display_rows: List of dicts. Rows that people read in place of
                those of the CSV file; `None` for the same rows.
        """
        table: Any = None
        if isinstance(result, list):
            write_csv(self.folder / f"{name}.csv", result)
            table = display_rows or result
            printed = "\n".join(as_table(table))
        elif result is not None:
            table = printed = str(result)
        for form in ("csv", "json"):
            if hasattr(result, f"to_{form}"):
                getattr(result, f"to_{form}")(self.folder / f"{name}.{form}")
        if plot:
            for form in ("png", "svg"):
                plot(self.folder / f"{name}.{form}")
            plot = functools.partial(
                shutil.copyfile, self.folder / f"{name}.svg"
            )
        if table:
            print("\n".join(["", title, printed, text]))
        self.report.add(title, text=text, table=table, plot=plot)

    def write_report(self) -> pathlib.Path:
        """Writes `report.html` and `provenance.json` to the folder.

        Returns:
            The path of the report.
        """
        write_json(self.folder / "provenance.json", provenance())
        path = self.folder / "report.html"
        self.report.write(path)
        return path
