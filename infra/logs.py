"""Logging of background programs: one line per record, with its fields as key=value.

Text from outside is escaped here, in messages, fields and tracebacks. Warnings that repeat are left out and counted.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from functools import lru_cache
from itertools import islice
from types import TracebackType
from typing import Any, TextIO

from schemas.safe_text import escaped, is_harmless

_STANDARD_FIELDS = len(vars(logging.makeLogRecord({})))
_FORMATTER_FIELDS = ("message", "asctime")
_WARNINGS_ONLY = (
    "aiokafka",
    "faust",
    "mode",
    "httpx",
    "qdrant_client",
    "streams.patches",  # the logger of Faust's subclasses
)
_TIME_CHARACTERS = len("2026-01-31 00:00:00,000 ")
_MAX_MESSAGE_CHARACTERS = 4000
_MAX_TRACEBACK_CHARACTERS = 16_000
_WINDOW_S = 60.0
_MAX_EQUAL_LINES = 5  # in a window
_MAX_LINES_OF_A_KIND = 60  # in a window; a kind is what one place in the code logs
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
        message = escaped(record.getMessage()[:_MAX_MESSAGE_CHARACTERS])
        if "=" in message:  # it must not pass for a field
            message = json.dumps(message, ensure_ascii=False)
        line = f"{time_text} {record.levelname} {record.name} {message}{''.join(fields)}"
        return f"{line}\n{_traceback(self.formatException(record.exc_info))}" if record.exc_info else line


class _Repetitions:
    """Leaves out warnings that repeat: in each minute 5 equal ones and 60 of the same kind are written."""

    def __init__(self) -> None:
        self.window_end_s = 0.0
        self._counts: Counter[tuple[str, str]] = Counter()
        self._left_out: Counter[tuple[str, str]] = Counter()

    def admits_kind(self, record: logging.LogRecord) -> bool:
        """Return whether fewer records of this kind were written in this minute than are allowed."""
        return self._admits(record, str(record.msg), _MAX_LINES_OF_A_KIND)

    def admits_line(self, record: logging.LogRecord, line: str) -> bool:
        """Return whether fewer equal lines were written in this minute than are allowed."""
        return self._admits(record, line[_TIME_CHARACTERS:], _MAX_EQUAL_LINES)

    def _admits(self, record: logging.LogRecord, text: str, allowed: int) -> bool:
        self._counts[record.name, text] += 1
        if self._counts[record.name, text] <= allowed:
            return True
        self._left_out[record.name, str(record.msg)] += 1
        return False

    def ended(self) -> Iterator[logging.LogRecord]:
        """Begin the next minute; yield a record for each kind of which some were left out in the one before."""
        left_out, self._left_out = self._left_out, Counter()
        self._counts.clear()
        self.window_end_s = time.monotonic() + _WINDOW_S
        for (name, text), number in left_out.items():
            arguments = (number, text)
            yield logging.LogRecord(
                name, logging.WARNING, "", 0, "%d more lines of this kind were left out: %s", arguments, None
            )


class _BatchHandler(logging.StreamHandler[TextIO]):
    """Writes the lines of one iteration of the event loop together; warnings and lines of other threads immediately.

    Many events end in one iteration, and a write for each costs more than formatting its line.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._repetitions = _Repetitions()

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line now or at the end of the iteration."""
        try:
            self._add_line(record)
        except Exception:  # noqa: BLE001 - the caller must continue, as with all handlers of Python
            self.handleError(record)
        if record.levelno >= logging.WARNING or not _call_soon(self.flush, needed=len(self._lines) == 1):
            self.flush()

    def flush(self) -> None:
        """Write the pending lines. Without space on the disk they are lost: the work goes on."""
        with self.lock or nullcontext(), suppress(OSError):
            if self._lines:
                lines, self._lines = self._lines, []
                self.stream.write("\n".join(lines) + "\n")
            super().flush()

    def close(self) -> None:
        """Write how many lines were left out in the last minute."""
        with self.lock or nullcontext():
            self._lines += map(self.format, self._repetitions.ended())
        self.flush()
        super().close()

    def _add_line(self, record: logging.LogRecord) -> None:
        if time.monotonic() >= self._repetitions.window_end_s:
            self._lines += map(self.format, self._repetitions.ended())
        if record.levelno < logging.WARNING:
            self._lines.append(self.format(record))
        elif self._repetitions.admits_kind(record):
            line = self.format(record)
            if self._repetitions.admits_line(record, line):
                self._lines.append(line)


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
        return value if _UNQUOTED.fullmatch(value) and is_harmless(value) else json.dumps(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else json.dumps(value, default=str)


def _traceback(text: str) -> str:
    """Return the traceback indented, so that none of its lines can pass for a record."""
    return "\n".join(f"  {escaped(line)}" for line in text[-_MAX_TRACEBACK_CHARACTERS:].split("\n"))


def set_up_logs() -> None:
    """Log to standard error: this project's records from INFO, the libraries' from WARNING.

    Warnings of Python and exceptions that end the program or a thread are logged too, so that their text is escaped.
    """
    handler = _BatchHandler()
    handler.setFormatter(_LineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for detail in ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks", "_srcfile"):
        setattr(logging, detail, None)  # not used in a line; saves their cost (Python's logging HOWTO)
    for name in _WARNINGS_ONLY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # without a home it works too, and warns each time
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_exception
    threading.excepthook = lambda caught: _log_exception(caught.exc_type, caught.exc_value, caught.exc_traceback)


def _log_exception(kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    if error is not None and not issubclass(kind, KeyboardInterrupt | SystemExit):
        logging.getLogger(__name__).critical("an unexpected error", exc_info=(kind, error, traceback))
