"""What all results of measurements have in common."""

import dataclasses

from keras_anytime.files import write_json


class Result:
    """A dataclass with something measured, which prints as a table."""

    def to_dict(self):
        """Returns it as a dict of plain values, for JSON."""
        return dataclasses.asdict(self)

    def to_json(self, path):
        """Writes it to a JSON file.

        Args:
            path: String or path. A file there is replaced at once.
        """
        write_json(path, self.to_dict())
