"""Output of commands: messages on standard error; tables, or with --json one JSON object, on standard output.

All text of commands is printed here, so that text from outside is always escaped.
"""

from __future__ import annotations

import errno
import functools
import json
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn, ParamSpec, TextIO, TypeVar

import click

from schemas.faults import Fault, Poison
from schemas.reasons import Reason
from schemas.safe_text import escaped
from streams.cli.stopping import exit_stopped, stop_by_signals

P = ParamSpec("P")
R = TypeVar("R")

_USAGE = click.UsageError.exit_code


class _ReaderGoneError(Exception):
    """The reader of standard output has closed it, as `head` does when it has enough lines."""


def print_line(message: str) -> None:
    """Print a message on standard error, as one line."""
    with suppress(OSError):  # nobody reads it, or its disk is full: the command goes on
        _write(sys.stderr, escaped(message))


def confirm(question: str) -> bool:
    """Ask a question on the terminal; yes is the default. Raises: `KeyboardInterrupt` where there is no answer."""
    try:
        return click.confirm(escaped(question), default=True, err=True)
    except click.Abort:
        raise KeyboardInterrupt from None


def print_output(line: str) -> None:
    """Print one line of the command's result on standard output.

    Raises: `Poison` (`bad_target`) where it cannot be written.
    """
    try:
        _write(sys.stdout, escaped(line))
    except BrokenPipeError as error:
        raise _ReaderGoneError from error
    except OSError as error:
        raise _output_fault(error) from error


def print_lines(text: str) -> None:
    """Print text of several lines on standard output. A part of it that comes from outside must be escaped before."""
    for line in text.split("\n"):
        print_output(line)


def print_json(value: dict[str, Any]) -> None:
    """Print the one JSON object on standard output. Raises: `Poison` (`bad_target`) where it cannot be written."""
    try:
        _write(sys.stdout, json.dumps(value))
    except OSError as error:
        raise _output_fault(error) from error


def fail(message: str, as_json: bool, reason: Reason, status: int = 1, **fields: Any) -> NoReturn:
    """Print the error as one line, with `as_json` also as JSON with its reason and `fields`, and exit with `status`."""
    message = " ".join(message.split())
    print_line(f"error: {message}")
    if as_json:
        with suppress(Fault):
            print_json({"error": message, "reason": reason, **fields})
    sys.exit(status)


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Add `--json` to a command, and print each of its errors as one line."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        from infra.data_folder import use_data_folder
        from infra.settings import load_settings, unknown_variables

        debug = False
        stop_by_signals()
        logging.lastResort = logging.NullHandler()  # libraries' warnings: what matters is in the command's own lines
        try:
            settings = load_settings()  # a setting that is not valid ends each command before it does anything
            debug = settings.debug
            use_data_folder(settings)
            for line in unknown_variables():
                print_line(f"warning: {line}")
            return function(*args, **kwargs)
        except Fault as fault:
            _print_traceback(debug)
            errors = _print_errors(fault)
            status = _USAGE if fault.reason == "settings" else 1
            fail(str(fault), bool(kwargs["as_json"]), fault.reason, status, **errors)
        except KeyboardInterrupt as stopped:
            _exit_stopped(stopped, bool(kwargs["as_json"]))
        except (click.ClickException, click.exceptions.Exit):
            raise
        except _ReaderGoneError:
            sys.exit(0)
        except Exception as error:  # noqa: BLE001 - every error is one line and one JSON object
            _print_traceback(debug)
            fail(f"{type(error).__name__}: {error}", bool(kwargs["as_json"]), "unexpected")

    return run


def _print_errors(fault: Fault) -> dict[str, Any]:
    """Print each error of a file, and return all of them for the JSON object; nothing where the message has all."""
    errors = fault.errors if isinstance(fault, Poison) else ()
    for error in errors:
        print_line(error)
    return {"errors": list(errors)} if errors else {}


def run_program(program: Callable[[], Any]) -> NoReturn:
    """Run the command line and exit with its status; print errors of usage like all other errors."""
    _open_standard_files()
    as_json = "--json" in sys.argv
    try:
        status = program()
    except click.ClickException as error:
        fail(error.format_message(), as_json, "usage", status=error.exit_code)
    except (click.Abort, KeyboardInterrupt) as stopped:
        _exit_stopped(stopped, as_json)
    except OSError as error:  # of the help, which click prints
        fail(str(_output_fault(error)), as_json, "bad_target")
    sys.exit(status if isinstance(status, int) else 0)


def _exit_stopped(stopped: BaseException, as_json: bool) -> NoReturn:
    """Print the text of the interruption, if it has one, and exit."""
    with suppress(SystemExit):
        fail(str(stopped) or "stopped", as_json, "stopped")
    exit_stopped()


def _open_standard_files() -> None:
    """Open /dev/null in place of closed standard files, so that no other file takes their numbers.

    Standard output stays closed for Python, so that to write to it is an error.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115 - open until the program ends


def _write(stream: TextIO | None, line: str) -> None:
    """Write a line; what the stream's encoding does not have is escaped. Raises: `OSError`."""
    if stream is None:  # it was closed when the program started
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
    except OSError:
        _discard(stream)
        raise


def _discard(stream: TextIO) -> None:
    """Send the rest of a stream to /dev/null: Python would write it again at its end, and complain."""
    with suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _output_fault(error: OSError) -> Fault:
    return Poison(f"standard output cannot be written: {error.strerror or error}", "bad_target")


def _print_traceback(debug: bool) -> None:
    if debug:
        import traceback

        for line in traceback.format_exc().splitlines():
            print_line(line)
