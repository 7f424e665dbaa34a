"""Lines that say what takes seconds, and how long it took."""

import contextlib
import shutil
import sys
import time
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any


@contextlib.contextmanager
def progress(text: str, verbose: bool = True) -> Iterator[None]:
    """Says what the code within does, and at the end how long it took.

    A terminal shows the text at once, and the time is added to it. A file gets
    the whole line at the end. The line goes to the standard error, as messages
    of other programs do: the standard output is left to results, such as
    tables that are written to a file.

    Args:
        text: String, such as `"Measuring 3 stages on 5,000 examples"`. In a
            terminal that is too narrow for it, it is cut.
        verbose: Boolean. Whether there is a line at all.
    """
    # A program without a terminal may have no standard error.
    if not verbose or sys.stderr is None:
        yield
        return
    in_terminal = sys.stderr.isatty()
    if in_terminal:
        # The time follows, and a line that wraps cannot be written over.
        text = text[: max(0, shutil.get_terminal_size().columns - 12)]
    start = time.perf_counter()
    if in_terminal:
        say(f"{text} ...", end="")
    try:
        yield
    except BaseException:
        if in_terminal:
            say("")
        raise
    line = f"{text} ... {duration(time.perf_counter() - start)}"
    # Other messages may have ended the line that the terminal shows.
    say(f"\r{line}" if in_terminal else line)


def say(text: str, end: str = "\n") -> None:
    """Writes a message to the standard error, after what was printed before.

    Args:
        text: String.
        end: String that follows.
    """
    if sys.stdout is not None:
        sys.stdout.flush()
    if sys.stderr is not None:
        print(text, end=end, file=sys.stderr, flush=True)


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun, such as `"5,000 examples"`.

    Args:
        number: Integer.
        noun: String, a noun whose plural ends in `s`.
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def amount_of(data: Any) -> str:
    """Returns how much data there is, such as `"40 batches"`.

    Args:
        data: A pair of images and labels, or batches of them.
    """
    if isinstance(data, (tuple, list)) and len(data) == 2:
        first = data[0]
        # Of several inputs, each has a value for every example.
        if isinstance(first, Mapping):
            first = list(first.values())
        if isinstance(first, (tuple, list)) and hasattr(first[0], "__len__"):
            first = first[0]
        return counted(len(first), "example")
    try:
        batches = len(data)
    except TypeError:  # Nobody knows before the end.
        return "all batches"
    return f"{batches:,} batch" + ("" if batches == 1 else "es")


def duration(seconds: float) -> str:
    """Returns a time such as `"2.6 s"`, `"21 s"` or `"3.5 min"`.

    Args:
        seconds: Float.
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min"
