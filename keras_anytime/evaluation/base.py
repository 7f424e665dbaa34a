"""The base class of all results of measurements."""

import dataclasses
import os
from typing import Any

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
