"""The results file of a queue, to which several queues may add runs."""

import json
import os
from collections.abc import Sequence
from typing import Any

from keras_anytime.files import check_writable
from keras_anytime.files import lock_file
from keras_anytime.files import user_path
from keras_anytime.files import write_json


def read_results(
    path: str | os.PathLike,
) -> tuple[list[str], list[dict[str, Any]]]:
    """Reads a results file of a queue.

    Args:
        path: String or path of the file.

    Returns:
        Pair of the flags that all runs have in common, and the runs.

    Raises:
        ValueError: If the file is damaged.
        OSError: If it cannot be read.
    """
    try:
        content = json.loads(user_path(path).read_text())
        return list(content["arguments"]), list(content["runs"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is damaged; use another file, or delete it."
        ) from error


class QueueResults:
    """A JSON file with the results of runs that had the same flags.

    Args:
        path: String or path of the file. It need not exist.
        arguments: List of strings. The flags that all runs have in common.
    """

    def __init__(
        self, path: str | os.PathLike, arguments: Sequence[str]
    ) -> None:
        self._path = user_path(path)
        self._arguments = list(arguments)

    def read(self) -> list[dict[str, Any]]:
        """Returns the runs in the file.

        Raises:
            ValueError: If it is damaged, or has runs with other flags.
            OSError: If it cannot be written.
        """
        check_writable(self._path)
        if not self._path.exists():
            return []
        arguments, runs = read_results(self._path)
        if arguments != self._arguments:
            raise ValueError(
                f"{self._path} holds runs with other flags for train.py: "
                f"{arguments}. Use another --workdir, "
                "and another --results if it is given. "
                f"Received: {self._arguments}"
            )
        return runs

    def add(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        """Adds a run to those that the file has now, and returns all.

        The file is whole at any moment. Another queue, such as one on another
        GPU, may add its own runs.

        Args:
            run: Dict with `row`, `seed` and the results of the run.
        """
        lock = self._path.with_name(f".{self._path.name}.lock")
        with lock_file(lock, wait=True):
            runs = [*self.read(), run]
            write_json(self._path, {"arguments": self._arguments, "runs": runs})
        return runs
