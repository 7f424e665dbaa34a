"""A function of a process that the system kills, for a process to import."""

import os
import signal


def killed(*args):
    """Ends the process at once, as for want of memory."""
    del args
    os.kill(os.getpid(), signal.SIGKILL)
