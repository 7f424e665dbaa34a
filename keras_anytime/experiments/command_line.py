"""Command lines of recipes and tools: absl flags defined from settings.

This module imports neither Keras nor TensorFlow, so that `--help` and wrong
flags are answered at once.
"""

import contextlib
import dataclasses
import os
import pathlib
import sys
import types
import typing
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from absl import app
from absl import flags
from absl import logging

from keras_anytime.experiments.settings import Settings

# The flags belong to the script that calls `define_flags`, which lists them in
# its help.
flags.disclaim_key_flags()

AnySettings = typing.TypeVar("AnySettings", bound=Settings)


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
        options: dict[str, Any] = {"flag_values": flag_values}
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


def refuse(arguments: Sequence[str]) -> None:
    """Raises a usage error if there are arguments beside the flags."""
    if arguments:
        raise app.UsageError(f"Unexpected arguments: {list(arguments)}")
    quiet_libraries()


def quiet_libraries() -> None:
    """Turns off the messages of libraries that no user of a script asked for.

    What fails raises an exception, so the C++ code of TensorFlow logs nothing
    but what ends the process. It reads its level from the environment when it
    is imported, hence a script calls this before. A level that the user has
    set stays: with `TF_CPP_MIN_LOG_LEVEL=0` all messages are shown.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.set_verbosity(logging.WARNING)


@contextlib.contextmanager
def errors_in_one_line(*errors: type[BaseException]) -> Iterator[None]:
    """Ends the script with one line where the code within raises an error.

    Args:
        *errors: The classes of errors that the user can do something about.
            Others are bugs, and keep their tracebacks.
    """
    try:
        yield
    except errors as error:
        sys.exit(f"{script_name()}: {error}")


@contextlib.contextmanager
def stopped_by_user(advice: str) -> Iterator[None]:
    """Ends the script with status 130 and one line when Ctrl-C is pressed.

    Args:
        advice: String. Tells the user how to go on.
    """
    try:
        yield
    except KeyboardInterrupt:
        print(f"\n{script_name()}: stopped. {advice}", file=sys.stderr)
        sys.exit(130)


def script_name() -> str:
    """Returns the file name of the script that runs."""
    return pathlib.Path(sys.argv[0]).name


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
