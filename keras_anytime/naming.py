"""Names that users write: matched in any spelling, turned into objects."""

import difflib
import inspect
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

Resolved = TypeVar("Resolved")


def match_name(name: object, known: Iterable[str]) -> str | None:
    """Returns the known name that a user wrote, in any spelling.

    Args:
        name: What the user wrote. Case, dashes, underscores and spaces are
            ignored: `"Half-End"` matches `half_end`.
        known: The known names. No two may differ only in what is ignored.

    Returns:
        An element of `known`, or `None` if none matches.
    """
    by_plain = {_plain(candidate): candidate for candidate in known}
    return by_plain.get(_plain(name))


def close_names(name: object, known: Iterable[str]) -> list[str]:
    """Returns up to three known names that the user may have meant.

    Names that contain what the user wrote come first, such as
    `width_resnet42` for `resnet`.

    Args:
        name: What the user wrote.
        known: The known names.
    """
    by_plain = {_plain(candidate): candidate for candidate in known}
    text = _plain(name)
    longer = [
        plain_name
        for plain_name in by_plain
        if len(text) > 2 and text in plain_name
    ]
    close = difflib.get_close_matches(text, by_plain, 3, 0.5)
    return [by_plain[key] for key in dict.fromkeys(longer + close)][:3]


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Returns a question for the end of an error message.

    Args:
        name: What the user wrote.
        known: The known names.

    Returns:
        String such as `" Did you mean 'half_end'?"`, which begins with a
        space; empty if no known name is close.
    """
    close = close_names(name, known)
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""


def quote_names(names: Collection[str]) -> str:
    """Returns names in quotes for a message, sorted and joined by commas."""
    return ", ".join(map(repr, sorted(names)))


def instantiate(
    factory: Callable[..., Any], option: str, arguments: Mapping[str, Any]
) -> Any:
    """Returns `factory(**arguments)`; wrong arguments raise a clear error.

    Args:
        factory: A class, or `functools.partial` of one.
        option: String. The option that is set, as error messages name it.
        arguments: Dict from argument names to values.

    Raises:
        ValueError: If an argument is unknown, missing or wrong.
    """
    try:
        return factory(**arguments)
    except TypeError as error:
        known = inspect.signature(factory).parameters
        # A `functools.partial` keeps the class in `func`.
        name = getattr(factory, "func", factory).__name__
        raise ValueError(
            f"{name} takes {quote_names(known)}; {error}. "
            f"Received: {option} with {dict(arguments)}"
        ) from error


def _plain(name: object) -> str:
    text = str(name).lower()
    return "".join(character for character in text if character not in "-_ ")


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
    if isinstance(identifier, str) and (
        name := match_name(identifier, by_name)
    ):
        return instantiate(by_name[name], option, arguments)
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
        f"one of {quote_names(classes)}",
        f"a name of {papers} ({quote_names(paper_names)})",
        *([others] if others else []),
    ]
    raise ValueError(
        f"`{option}` must be {', '.join(accepted)}, or None."
        f"{did_you_mean(identifier, by_name)} "
        f"Received: {option}={identifier!r}"
    )
