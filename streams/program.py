"""The program `bachata`, in UTF-8 whatever the locale. Signals end it without a traceback while it starts, too."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from infra.base.exit_status import status_after


def bachata() -> None:
    """Run the command line and exit."""
    _use_utf8()
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # a shell ignores SIGINT for `bachata … &`
            signal.signal(number, _exit)
    from streams.cli import main

    main()


def _use_utf8() -> None:
    """Start again in Python's UTF-8 mode if the locale has another encoding; the terminal's stays as it is.

    Libraries take each path as UTF-8, and Python must mean the same name of a file.
    """
    if sys.getfilesystemencoding() == "utf-8":
        return
    os.environ["PYTHONUTF8"] = "1"  # for the programs that this one starts
    if sys.stderr is not None:
        os.environ.setdefault("PYTHONIOENCODING", f"{sys.stderr.encoding}:backslashreplace")
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - this program


def _exit(number: int, frame: FrameType | None) -> None:
    del frame
    os.write(2, b"error: stopped\n")
    os._exit(status_after(number))
