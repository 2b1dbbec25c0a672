"""The program `bachata`. Ctrl-C ends it without a traceback also while its modules are imported."""

from __future__ import annotations

import os
import signal
from types import FrameType


def bachata() -> None:
    """Run the command line and exit."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where it is ignored: `bachata … &`
        signal.signal(signal.SIGINT, _exit)
    from streams.cli import main

    main()


def _exit(number: int, frame: FrameType | None) -> None:
    del frame
    os.write(2, b"error: stopped\n")
    os._exit(128 + number)
