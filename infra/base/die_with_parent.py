"""Let a process die with its parent, so that a `kill -9` of the parent leaves nothing behind.

Run by its path as a script, it takes the parent's process id and a command, and becomes that command: code between
fork and exec is not safe in a program with threads. It therefore imports nothing of ours.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when the thread that started it ends (Linux).

    End at once where the process `parent` is already gone.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # asked after prctl: a parent that died before it sends no signal
        os._exit(1)


def main(parent: int, command: list[str]) -> None:
    """Replace this process by `command`, which then dies with `parent`."""
    die_with_parent(parent)
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
