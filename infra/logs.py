"""Logs of programs that run in the background: one line each, with its fields as key=value."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache
from itertools import islice
from typing import Any, TextIO

_STANDARD_FIELDS = len(vars(logging.makeLogRecord({})))
_OF_FORMATTERS = ("message", "asctime")
_NOISY = ("aiokafka", "faust", "mode", "httpx", "qdrant_client", "streams.patches")  # subclasses of Faust's log by it
_BARE = re.compile(r"[^\s\"=\\\x00-\x1f\x7f-\x9f]+")


class _Lines(logging.Formatter):
    """A time, a level, the logger's name, the message, and the fields that were given as `extra`.

    A worker logs a line for each event and step, so the cost of a line counts.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with a traceback below where there is one."""
        time_text = f"{_second(int(record.created))},{int(record.msecs):03d}"
        extra = islice(vars(record).items(), _STANDARD_FIELDS, None)  # a record has its own attributes first
        fields = [f" {name}={_value(value)}" for name, value in extra if name not in _OF_FORMATTERS]
        line = f"{time_text} {record.levelname} {record.name} {record.getMessage()}{''.join(fields)}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _BatchHandler(logging.StreamHandler[TextIO]):
    """Writes the lines of one turn of the event loop together, a warning and what other threads log at once.

    Many events are done in one turn, and a write for each cost more than the making of its line.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line, and write it now or at the end of the turn."""
        try:
            self._lines.append(self.format(record))
        except Exception:  # noqa: BLE001 - whoever logs goes on, as with every handler of Python's
            self.handleError(record)
        if record.levelno >= logging.WARNING or not _at_end_of_turn(self.flush, needed=len(self._lines) == 1):
            self.flush()

    def flush(self) -> None:
        """Write the lines that are waiting."""
        with self.lock or nullcontext():
            if self._lines:
                lines, self._lines = self._lines, []
                self.stream.write("\n".join(lines) + "\n")
            super().flush()


def _at_end_of_turn(call: Callable[[], None], *, needed: bool) -> bool:
    """Let the event loop of this thread make the call, if needed. Return whether there is such a loop."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return False
    if needed:
        loop.call_soon(call)
    return True


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value if _BARE.fullmatch(value) and value.isprintable() else json.dumps(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else json.dumps(value, default=str)


def set_up_logs() -> None:
    """Log to standard error: ours from INFO on, the libraries' from WARNING on."""
    handler = _BatchHandler()
    handler.setFormatter(_Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for detail in ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks", "_srcfile"):
        setattr(logging, detail, None)  # no line has them; that this saves their cost is in Python's logging HOWTO
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
