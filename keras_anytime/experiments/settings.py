"""Settings of recipes and tools: dataclasses whose fields become flags."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

DATA_HELP = (
    "The data set: 'digits', the path of an .npz file, or the name of a TFDS "
    "data set, such as cifar10"
)


def setting(
    help: str,
    default: Any = dataclasses.MISSING,
    *,
    lower_bound: float | None = None,
    upper_bound: float | None = None,
    choices: Sequence[str] | None = None,
) -> Any:
    """Returns a field of a `Settings` class.

    Args:
        help: String. The help text of the flag.
        default: The default value. A setting without default is required.
        lower_bound: The least number that is allowed, or `None`.
        upper_bound: The greatest number that is allowed, or `None`.
        choices: The strings that are allowed, or `None` for any.
    """
    metadata = {
        "help": help,
        "lower_bound": lower_bound,
        "upper_bound": upper_bound,
        "choices": choices,
    }
    if isinstance(default, list):
        return dataclasses.field(
            default_factory=lambda: list(default), metadata=metadata
        )
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Base class of the settings of a recipe or tool.

    Each field made by `setting` becomes a flag of the same name, see
    `keras_anytime.experiments.command_line`.

    Args:
        given: Names of the settings that the user set, including those set to
            their defaults.

    Raises:
        ValueError: If a value is out of bounds or no valid choice.
    """

    given: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for field in self.flags():
            value = getattr(self, field.name)
            if value is not None:
                _check(field, value)

    @classmethod
    def flags(cls) -> list[dataclasses.Field]:
        """Returns the fields that are flags."""
        return [
            field
            for field in dataclasses.fields(cls)
            if "help" in field.metadata
        ]

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Returns the defaults of all settings that have one."""
        defaults = {}
        for field in cls.flags():
            if field.default is not dataclasses.MISSING:
                defaults[field.name] = field.default
            elif field.default_factory is not dataclasses.MISSING:
                defaults[field.name] = field.default_factory()
        return defaults

    def json_object(self, name: str) -> dict[str, Any]:
        """Returns a setting that holds a JSON object as text.

        Args:
            name: String. The name of the setting.

        Raises:
            ValueError: If the text is no JSON object.
        """
        text = getattr(self, name)
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ValueError(
                f"--{name} must be a JSON object such as '{{\"stages\": 7}}'. "
                f"Received: {text}"
            )
        return value

    def numbers(self, name: str) -> list[float] | None:
        """Returns a setting that lists numbers, `None` if it is empty.

        Args:
            name: String. The name of the setting.

        Raises:
            ValueError: If an entry is no number.
        """
        values = getattr(self, name)
        try:
            return [float(value) for value in values] or None
        except ValueError as error:
            raise ValueError(
                f"--{name} must be numbers. Received: {','.join(values)}"
            ) from error

    def positive_numbers(self, name: str) -> list[float]:
        """Returns a setting that lists one or more positive numbers.

        Args:
            name: String. The name of the setting.

        Raises:
            ValueError: If there is none, or an entry is something else.
        """
        numbers = self.numbers(name) or []
        if not numbers or not all(0 < n < float("inf") for n in numbers):
            raise ValueError(
                f"--{name} must be positive numbers. "
                f"Received: {','.join(getattr(self, name))}"
            )
        return numbers


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataLocation(Settings):
    """Settings of the place of TFDS data sets."""

    data_dir: str | None = setting(
        "Folder of prepared TFDS data sets; else the environment's "
        "TFDS_DATA_DIR.",
        None,
    )
    download: bool = setting(
        "Fetch and prepare the TFDS data set if it is not in --data_dir.", False
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkSettings(Settings):
    """Settings of the network to build."""

    net: str = setting(
        "The network: a name that list_networks.py lists, or a builder of "
        "ka.nets.",
        "width_resnet42",
    )
    nesting: str | None = setting(
        "How the stages grow, such as w1-w2-w4; else as --net has it.", None
    )
    units: list[str] | None = setting(
        "Units of each block, such as 3,3,3; else as many as --net has.", None
    )
    filters: list[str] | None = setting(
        "Full width of each block, such as 16,32,64; else as wide as --net is.",
        None,
    )
    net_arguments: str = setting(
        "Further arguments of the network's builder, as a JSON object.", "{}"
    )

    def network_arguments(self) -> dict[str, Any]:
        """Returns the arguments of the network's builder that were set.

        Raises:
            ValueError: If one of them cannot be read.
        """
        arguments = self.json_object("net_arguments")
        if self.nesting is not None:
            arguments["nesting"] = self.nesting
        for name in ("units", "filters"):
            values = getattr(self, name)
            try:
                if values is not None:
                    arguments[name] = [int(value) for value in values]
            except ValueError as error:
                raise ValueError(
                    f"--{name} must be whole numbers. "
                    f"Received: {','.join(values)}"
                ) from error
        return arguments


def check_seeds(seeds: Sequence[str]) -> None:
    """Raises a `ValueError` if a list of seeds is empty or has no seeds."""
    if not seeds or not all(seed.isdecimal() for seed in seeds):
        raise ValueError(
            f"--seeds must be whole numbers. Received: {','.join(seeds)}"
        )


def _check(field: dataclasses.Field, value: Any) -> None:
    """Raises a `ValueError` if a value is not allowed for a field."""
    lower, upper, choices = (
        field.metadata[name]
        for name in ("lower_bound", "upper_bound", "choices")
    )
    if choices is not None and value not in choices:
        raise ValueError(
            f"--{field.name} must be one of {', '.join(choices)}. "
            f"Received: {value}"
        )
    if lower is not None and value < lower:
        raise ValueError(
            f"--{field.name} must be {lower} or more. Received: {value}"
        )
    if upper is not None and value > upper:
        raise ValueError(
            f"--{field.name} must be {upper} or less. Received: {value}"
        )
