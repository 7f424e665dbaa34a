"""The numbers that the papers published, from the CSV files in `published/`."""

import csv
import pathlib
from collections.abc import Mapping

_FOLDER = pathlib.Path(__file__).parent / "published"
# Of the columns of a file, these are no labels of a row.
_NUMBERS = ("column", "value", "deviation")


class Published:
    """The numbers of one table of a paper, in %.

    ```python
    from keras_anytime.experiments.papers.published import Published

    table = Published("hu2019_table2")
    table.values(net="msdnet38_imagenet", method="constant")["1/4"]  # 33.9
    ```

    Args:
        name: String. The paper and its table, such as `"hu2019_table1"`.
    """

    def __init__(self, name: str) -> None:
        with (_FOLDER / f"{name}.csv").open(newline="") as file:
            self._lines = list(csv.DictReader(file))

    def values(self, **labels: str) -> dict[str, float]:
        """Returns a dict from columns of the table to the paper's numbers.

        Args:
            **labels: What the file has, such as `net`, `data` and `method`.
        """
        return self._numbers("value", labels)

    def deviations(self, **labels: str) -> dict[str, float]:
        """Returns a dict from columns of the table to standard deviations.

        Args:
            **labels: As for `values`.
        """
        return self._numbers("deviation", labels)

    def labels(self) -> list[dict[str, str]]:
        """Returns the labels of each line of the table, in its order."""
        lines = [
            {name: text for name, text in line.items() if name not in _NUMBERS}
            for line in self._lines
        ]
        return [line for k, line in enumerate(lines) if line not in lines[:k]]

    def by_method(self) -> dict[str, dict[str, float]]:
        """Returns a dict from methods to their numbers, for tables of means."""
        return {
            line["method"]: self.values(method=line["method"])
            for line in self._lines
        }

    def _numbers(
        self, kind: str, labels: Mapping[str, str]
    ) -> dict[str, float]:
        return {
            line["column"]: float(line[kind])
            for line in self._lines
            if line.get(kind)
            and all(line[name] == value for name, value in labels.items())
        }
