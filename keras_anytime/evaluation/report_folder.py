"""A folder of results: files for programs, pictures and a report for people."""

import functools
import shutil

from keras_anytime.evaluation.csv_files import write_csv
from keras_anytime.evaluation.report import Report
from keras_anytime.evaluation.tables import as_table
from keras_anytime.files import user_path
from keras_anytime.files import write_json
from keras_anytime.provenance import provenance


class Results:
    """Writes results to a folder, prints them, and gathers a report of them.

    ```python
    title, opening = "Width nesting on CIFAR-10", summary(curve, "CIFAR-10")
    results = Results("runs/osgd/evaluation", title, opening)
    results.add(
        "Anytime curve",
        "curve",
        curve,
        plot=curve.plot,
        text="How often each stage errs, and what its answer costs.",
    )
    results.write_report()
    ```

    Args:
        folder: String or path. It is made if needed.
        title: String, the report's heading.
        opening: String, with which the report opens; see `Report`.
    """

    def __init__(self, folder, title, opening):
        self.folder = user_path(folder)
        self.report = Report(title, opening)

    def add(self, title, name, result=None, plot=None, *, text, shown=None):
        """Writes a result's files, prints it, and adds it to the report.

        Args:
            title: String, the heading in the report.
            name: String, the files' name without ending.
            result: What is printed, and written where it has `to_csv` and
                `to_json`; or a list of dicts, the rows of a table, for a CSV
                file; or `None`.
            plot: Function that draws at a path, for a PNG and an SVG file, or
                `None`.
            text: String: what it shows.
            shown: List of dicts, the rows for people where a list for programs
                reads badly; or `None` for the same.
        """
        table = None
        if isinstance(result, list):
            write_csv(self.folder / f"{name}.csv", result)
            table = shown or result
            printed = "\n".join(as_table(table))
        elif result is not None:
            table = printed = str(result)
        for form in ("csv", "json"):
            if hasattr(result, f"to_{form}"):
                getattr(result, f"to_{form}")(self.folder / f"{name}.{form}")
        for form in ("png", "svg") if plot else ():
            plot(self.folder / f"{name}.{form}")
        if table:
            print("\n".join(["", title, printed, text]))
        if plot:
            drawn = self.folder / f"{name}.svg"
            plot = functools.partial(shutil.copyfile, drawn)
        self.report.add(title, text=text, table=table, plot=plot)

    def write_report(self):
        """Writes `report.html` and `provenance.json` to the folder.

        Returns:
            The path of the report.
        """
        write_json(self.folder / "provenance.json", provenance())
        path = self.folder / "report.html"
        self.report.write(path)
        return path
