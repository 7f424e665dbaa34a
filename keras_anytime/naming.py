"""Names that users write: found in any spelling, or the nearest suggested."""

import difflib
import inspect
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping


def find(name: object, known: Iterable[str]) -> str | None:
    """Returns which of the known names somebody wrote.

    Args:
        name: What was given. Case, dashes, underscores and spaces do not
            count: `"Half-End"` is `half_end`.
        known: Names that differ in more than these.

    Returns:
        One of `known`; `None` if it is none of them.
    """
    return {_plain(one): one for one in known}.get(_plain(name))


def nearest(name: object, known: Iterable[str]) -> list[str]:
    """Returns up to three of the known names that may have been meant.

    Those that a name is a part of come first, such as `width_resnet42` for
    `resnet`.
    """
    by_plain = {_plain(one): one for one in known}
    text = _plain(name)
    longer = [one for one in by_plain if len(text) > 2 and text in one]
    close = difflib.get_close_matches(text, by_plain, 3, 0.5)
    return [by_plain[key] for key in dict.fromkeys(longer + close)][:3]


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Returns a question for an error, with a space before; may be empty."""
    found = nearest(name, known)
    return f" Did you mean {' or '.join(map(repr, found))}?" if found else ""


def listed(names: Collection[str]) -> str:
    """Returns names for a message, sorted."""
    return ", ".join(map(repr, sorted(names)))


def made(kind: Callable, option: str, arguments: Mapping) -> object:
    """Returns `kind(**arguments)`, with a clear error where these are wrong.

    Args:
        kind: A class, or `functools.partial` of one.
        option: What it is for, as errors name it.
        arguments: By name.

    Raises:
        ValueError: If one is unknown or wrong.
    """
    try:
        return kind(**arguments)
    except TypeError as error:
        known = inspect.signature(kind).parameters
        raise ValueError(
            f"{getattr(kind, 'func', kind).__name__} takes {listed(known)}; "
            f"{error}. Received: {option} with {dict(arguments)}"
        ) from error


def _plain(name):
    text = str(name).lower()
    return "".join(one for one in text if one not in "-_ ")
