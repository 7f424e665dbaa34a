"""Memory that a program has done with."""

import ctypes
import sys


def give_back() -> None:
    """Gives memory that is free back to the system, where the C library can.

    It keeps much of what a thread that has ended had: after batches of
    thousands of images, more than all that is still in use.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:  # That of GNU.
            trim(0)
