"""Command lines of recipes and tools: absl flags defined from settings.

This module imports neither Keras nor TensorFlow, so that `--help` and wrong
flags are answered at once.
"""

import dataclasses
import os
import pathlib
import sys
import types
import typing
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from absl import app
from absl import flags
from absl import logging

from keras_anytime.experiments.settings import Settings

AnySettings = typing.TypeVar("AnySettings", bound=Settings)


def run(
    settings_class: type[AnySettings],
    command: Callable[[AnySettings], None],
    about: str,
) -> None:
    """Runs a command, with the settings that its flags are set to.

    Args:
        settings_class: A subclass of `Settings`.
        command: Function that is called with the settings.
        about: String. The text above the flags in `--help`.
    """
    define_flags(settings_class)
    # Where absl looks for it, also when a console script is the main module.
    sys.modules["__main__"].__doc__ = about
    app.run(
        lambda arguments: command(read_settings(settings_class, arguments[1:])),
        flags_parser=_parse,
    )


def define_flags(
    settings_class: type[Settings],
    flag_values: flags.FlagValues = flags.FLAGS,
    **defaults: Any,
) -> None:
    """Defines a flag for each setting.

    Args:
        settings_class: A subclass of `Settings`.
        flag_values: The flags of the program, to which those are added.
        **defaults: Defaults of flags that differ from those of the settings.
    """
    defaults = {**settings_class.defaults(), **defaults}
    for field in settings_class.flags():
        options: dict[str, Any] = {
            "flag_values": flag_values,
            # The help of this script lists it.
            "module_name": sys.argv[0],
        }
        if field.name not in defaults:
            options["required"] = True
        _define(field, defaults.get(field.name), options)


def read_settings(
    settings_class: type[AnySettings],
    arguments: Sequence[str] = (),
    flag_values: flags.FlagValues = flags.FLAGS,
) -> AnySettings:
    """Returns the settings that the flags were set to.

    Args:
        settings_class: The class whose flags were defined.
        arguments: Arguments beside the flags. There must be none.
        flag_values: The flags of the program.

    Raises:
        app.UsageError: If there are such arguments.
    """
    refuse(arguments)
    names = [field.name for field in settings_class.flags()]
    return settings_class(
        given=frozenset(name for name in names if flag_values[name].present),
        **{name: flag_values[name].value for name in names},
    )


def parse(
    settings_class: type[AnySettings], arguments: Sequence[str]
) -> AnySettings:
    """Returns the settings that flags make, apart from those of the program.

    Args:
        settings_class: A subclass of `Settings`.
        arguments: Sequence of flags such as `"--epochs=3"`. Later ones win.

    Raises:
        ValueError: If a flag is unknown, or its value is wrong.
    """
    flag_values = flags.FlagValues()
    define_flags(settings_class, flag_values)
    # Flags may be in a file.
    flags.DEFINE_string("flagfile", "", "", flag_values=flag_values)
    try:
        others = flag_values(["", *arguments])[1:]
    except flags.Error as error:
        raise ValueError(str(error)) from error
    if others:
        raise ValueError(f"There are only flags. Received: {others}")
    return read_settings(settings_class, flag_values=flag_values)


def refuse(arguments: Sequence[str]) -> None:
    """Raises a usage error if there are arguments beside the flags."""
    if arguments:
        raise app.UsageError(f"Unexpected arguments: {list(arguments)}")
    quiet_libraries()


def quiet_libraries() -> None:
    """Turns off the messages of libraries that no user of a script asked for.

    What fails raises an exception, so the C++ code of TensorFlow is told to log
    only what ends the process; a few notices at the import come all the same.
    It reads its level from the environment when it is imported, hence a script
    calls this before. A level that the user has set stays: with
    `TF_CPP_MIN_LOG_LEVEL=0` all messages are shown, such as why no GPU is used.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.set_verbosity(logging.WARNING)


def _parse(arguments: Sequence[str]) -> list[str]:
    """Parses the flags, or ends the script with what is wrong in one line."""
    try:
        return flags.FLAGS(arguments)
    except flags.Error as error:
        name = pathlib.Path(arguments[0]).name
        text = str(error).rstrip(".")
        sys.exit(f"{name}: {text}. --help shows all flags.")
    except SystemExit:
        # After a help, which absl takes for a failure.
        sys.exit(0)


def _define(
    field: dataclasses.Field, default: Any, options: dict[str, Any]
) -> None:
    """Defines the absl flag of one setting."""
    kind: Any = field.type
    if isinstance(kind, types.UnionType):  # `None` is no type of flag.
        kind = typing.get_args(kind)[0]
    help = field.metadata["help"]
    if kind in (int, float):
        define = flags.DEFINE_integer if kind is int else flags.DEFINE_float
        define(
            field.name,
            default,
            help,
            lower_bound=field.metadata["lower_bound"],
            upper_bound=field.metadata["upper_bound"],
            **options,
        )
    elif field.metadata["choices"]:
        flags.DEFINE_enum(
            field.name, default, field.metadata["choices"], help, **options
        )
    else:
        define_by_kind = {
            bool: flags.DEFINE_bool,
            str: flags.DEFINE_string,
            list[str]: flags.DEFINE_list,
        }
        define_by_kind[kind](field.name, default, help, **options)
