"""The process of a command or script: its start, its name, and its errors."""

import contextlib
import pathlib
import sys
from collections.abc import Iterator

from keras_anytime.extras import add_advice


@contextlib.contextmanager
def started() -> Iterator[None]:
    """Is where every command starts, before Keras is imported.

    If a package of an extra is missing, it ends the command with one line that
    says which extra brings it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if not add_advice(error):
            raise
        sys.exit(f"{script_name()}: {error}")


@contextlib.contextmanager
def errors_in_one_line(*errors: type[BaseException]) -> Iterator[None]:
    """Ends the script with one line where the code within raises an error.

    Args:
        *errors: The classes of errors that the user can do something about.
            Others are bugs, and keep their tracebacks. The exit status is 1,
            or the attribute `exit_status` of the error.
    """
    try:
        yield
    except errors as error:
        if isinstance(error, ModuleNotFoundError):
            add_advice(error)
        message = f"{script_name()}: {error}"
        if not hasattr(error, "exit_status"):
            sys.exit(message)
        print(message, file=sys.stderr)
        sys.exit(error.exit_status)


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
    """Returns the name of the script or command, as the user typed it."""
    return pathlib.Path(sys.argv[0]).name
