"""Names that users write: found in any spelling, or the nearest suggested."""

import difflib
import inspect
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from typing import TypeVar

Resolved = TypeVar("Resolved")


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


def made(
    kind: Callable[..., Resolved], option: str, arguments: Mapping
) -> Resolved:
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


def resolve(
    identifier: object,
    arguments: Mapping[str, object],
    *,
    option: str,
    base: type[Resolved],
    default: Callable[[], Resolved],
    classes: Mapping[str, Callable[..., Resolved]],
    paper_names: Mapping[str, Callable[..., Resolved]],
    papers: str,
    others: str = "",
) -> Resolved:
    """Returns the object that an argument of `compile` stands for.

    Args:
        identifier: The argument: a name, an instance of `base`, or `None`.
        arguments: Arguments of the class that a name stands for.
        option: String. The argument's name in error messages.
        base: The class that all results are instances of.
        default: Callable without arguments, whose result `None` stands for.
        classes: Dict from the library's names to classes.
        paper_names: Dict from the papers' names to classes.
        papers: String. The papers' names in error messages.
        others: String. What else the caller accepts, for error messages.

    Returns:
        An instance of `base`.

    Raises:
        ValueError: If the identifier is none of these, or an argument is
            wrong.
    """
    by_name = {**classes, **paper_names}
    if isinstance(identifier, str) and (name := find(identifier, by_name)):
        return made(by_name[name], option, arguments)
    if arguments:
        raise ValueError(
            f"`{option}` takes arguments only if it is given by its name. "
            f"Received: {option}={identifier!r} with {dict(arguments)}"
        )
    if identifier is None:
        return default()
    if isinstance(identifier, base):
        return identifier
    accepted = [
        f"a `{base.__name__}`",
        f"one of {listed(classes)}",
        f"a name of {papers} ({listed(paper_names)})",
        *([others] if others else []),
    ]
    raise ValueError(
        f"`{option}` must be {', '.join(accepted)}, or None."
        f"{did_you_mean(identifier, by_name)} "
        f"Received: {option}={identifier!r}"
    )
