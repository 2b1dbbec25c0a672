"""Logging of background programs: one line per record, with its fields as key=value."""

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
_FORMATTER_FIELDS = ("message", "asctime")
_WARNINGS_ONLY = (
    "aiokafka",
    "faust",
    "mode",
    "httpx",
    "qdrant_client",
    "streams.patches",
)  # subclasses of Faust's log by it
_UNQUOTED = re.compile(r"[^\s\"=\\\x00-\x1f\x7f-\x9f]+")


class _LineFormatter(logging.Formatter):
    """Formats time, level, logger name, message, and the fields of `extra`.

    A worker logs a line for each event and step, so the cost of a line matters.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with the traceback below if there is one."""
        time_text = f"{_second(int(record.created))},{int(record.msecs):03d}"
        extra = islice(vars(record).items(), _STANDARD_FIELDS, None)  # the standard attributes come first
        fields = [f" {name}={_value(value)}" for name, value in extra if name not in _FORMATTER_FIELDS]
        line = f"{time_text} {record.levelname} {record.name} {record.getMessage()}{''.join(fields)}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _BatchHandler(logging.StreamHandler[TextIO]):
    """Writes the lines of one iteration of the event loop together; warnings and lines of other threads immediately.

    Many events end in one iteration, and a write for each costs more than formatting its line.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line now or at the end of the iteration."""
        try:
            self._lines.append(self.format(record))
        except Exception:  # noqa: BLE001 - the caller must continue, as with all handlers of Python
            self.handleError(record)
        if record.levelno >= logging.WARNING or not _call_soon(self.flush, needed=len(self._lines) == 1):
            self.flush()

    def flush(self) -> None:
        """Write the pending lines."""
        with self.lock or nullcontext():
            if self._lines:
                lines, self._lines = self._lines, []
                self.stream.write("\n".join(lines) + "\n")
            super().flush()


def _call_soon(call: Callable[[], None], *, needed: bool) -> bool:
    """Schedule the call on this thread's event loop, if needed, and return whether there is such a loop."""
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
        return value if _UNQUOTED.fullmatch(value) and value.isprintable() else json.dumps(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else json.dumps(value, default=str)


def set_up_logs() -> None:
    """Log to standard error: this project's records from INFO, the libraries' from WARNING."""
    handler = _BatchHandler()
    handler.setFormatter(_LineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for detail in ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks", "_srcfile"):
        setattr(logging, detail, None)  # not used in a line; saves their cost (Python's logging HOWTO)
    for name in _WARNINGS_ONLY:
        logging.getLogger(name).setLevel(logging.WARNING)
