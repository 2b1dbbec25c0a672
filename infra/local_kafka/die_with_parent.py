"""Run as a script: the parent's process id and a command go in; the command takes this process's place.

On Linux it is killed the moment the thread that started it ends, so a `kill -9` of the parent leaves nothing behind.
A script, since code between fork and exec is not safe in a program with threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(parent: int, command: list[str]) -> None:
    """Replace this process by `command`; end at once where the parent is already gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() == parent:  # asked after prctl: a parent that died before it sends no signal
        os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
