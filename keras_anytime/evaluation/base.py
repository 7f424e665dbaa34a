"""The base classes of all results of measurements."""

import dataclasses
import os
from typing import Any

from keras_anytime import tasks
from keras_anytime.files import write_json


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A frozen dataclass of measured numbers, which prints as a table."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the measurement as a dict of plain values, for JSON."""
        return dataclasses.asdict(self)

    def to_json(self, path: str | os.PathLike) -> None:
        """Writes the measurement to a JSON file.

        Args:
            path: Path of the file. An existing file is replaced atomically.
        """
        write_json(path, self.to_dict())


@dataclasses.dataclass(frozen=True)
class TaskMeasurement(Measurement):
    """A measurement of errors, which are those of a task.

    Args:
        task: The `tasks.Task` of the answers; `None` for the choice of one
            class.
    """

    task: tasks.Task | None = dataclasses.field(default=None, kw_only=True)

    @property
    def error_name(self) -> str:
        """What an error is, in words, such as `"top-1 error"`."""
        return (self.task or tasks.Classification).error_name

    @property
    def error_is_share(self) -> bool:
        """Whether an error is a share; else it has the labels' units."""
        return (self.task or tasks.Classification).error_is_share

    @property
    def error_column(self) -> str:
        """Name of an error in files: `"top1_error"` or `"error"`."""
        return "top1_error" if self.task is None else "error"

    def error_text(self, error: float, digits: int = 2) -> str:
        """Returns an error as people read it, such as `"12.34%"`.

        Args:
            error: Float.
            digits: Integer, the decimals of a share in percent.
        """
        return format(error, self.error_format(digits))

    def error_format(self, digits: int = 2) -> str:
        """Returns the format of `error_text`, for spreads of errors too."""
        return f".{digits}%" if self.error_is_share else ".4g"

    def to_dict(self) -> dict[str, Any]:
        """Returns the measurement as a dict of plain values, for JSON."""
        content = super().to_dict()
        del content["task"]
        return {**content, **self.task_entry()}

    def task_entry(self) -> dict[str, Any]:
        """Returns the entry of the task in `to_dict`; empty for classes."""
        return {} if self.task is None else {"task": tasks.serialize(self.task)}


def task_beside_classes(task: tasks.Task) -> tasks.Task | None:
    """Returns a task as measurements keep it: `None` for the choice of a class.

    Args:
        task: A `tasks.Task`.
    """
    return None if isinstance(task, tasks.Classification) else task
