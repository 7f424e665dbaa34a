"""The memory that the C library keeps after it was freed."""

import ctypes
import sys


def trim_memory() -> None:
    """Returns freed memory to the system, if the C library can.

    The C library keeps much of the memory of a thread that has ended. After
    batches of thousands of images it is more than all memory still in use.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:  # Only the GNU library has it.
            trim(0)
