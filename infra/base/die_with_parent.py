"""Make a process end with its parent, so that no process survives a `kill -9` of the parent.

Run as a script, by its path, with the parent's process id and a command, it becomes that command, because code between
fork and exec is not safe in a program with threads. It therefore imports only the standard library.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def die_with_parent(parent: int) -> None:
    """Request from the kernel that this process is killed when the thread that started it ends (Linux).

    End the process immediately if `parent` has already ended.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # checked after prctl: a parent that ended before sends no signal
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of all processes that this one starts, also of those whose own parent has ended (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main(parent: int, command: list[str]) -> None:
    """Replace this process by `command`, which then ends with `parent`."""
    die_with_parent(parent)
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
