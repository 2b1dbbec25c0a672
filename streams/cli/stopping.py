"""Stop a command by Ctrl-C (SIGINT) or SIGTERM: once with all clean-up, for a few seconds at most; twice at once."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from time import monotonic
from types import FrameType
from typing import NoReturn

from infra.base.exit_status import status_after

_CLEAN_UP_S = 5.0
_REPEATED_S = 0.5  # a signal to the whole group may arrive twice

_first_at: float | None = None
_status = status_after(signal.SIGINT)


def stop_by_signals() -> None:
    """From now on, let both signals raise `KeyboardInterrupt` in the main thread; an ignored SIGINT stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def exit_stopped() -> NoReturn:
    """Exit with 130 after SIGINT, 143 after SIGTERM, without waiting for threads, whose work is no longer needed."""
    os._exit(_status)


def _stop(number: int, frame: FrameType | None) -> None:
    global _first_at, _status
    del frame
    if _first_at is None:
        _first_at, _status = monotonic(), status_after(number)
        timer = threading.Timer(_CLEAN_UP_S, _exit_now)
        timer.daemon = True
        timer.start()
        raise KeyboardInterrupt
    if monotonic() - _first_at > _REPEATED_S:
        _exit_now()


def _exit_now() -> NoReturn:
    with suppress(OSError):
        os.write(2, b"error: stopped\n")
    exit_stopped()
