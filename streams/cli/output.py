"""Output of commands: messages on standard error; tables, or with --json one JSON object, on standard output."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

from schemas.reasons import Reason

P = ParamSpec("P")
R = TypeVar("R")

_USAGE = click.UsageError.exit_code


def print_line(message: str) -> None:
    """Print a message on standard error."""
    click.echo(message, err=True)


def print_json(value: dict[str, Any]) -> None:
    """Print the one JSON object on standard output."""
    sys.stdout.write(json.dumps(value) + "\n")


def fail(message: str, as_json: bool, reason: Reason, status: int = 1, **fields: Any) -> NoReturn:
    """Print the error as one line, with `as_json` also as JSON with its reason and `fields`, and exit with `status`."""
    message = " ".join(message.split())
    if as_json:
        print_json({"error": message, "reason": reason, **fields})
    print_line(f"error: {message}")
    sys.exit(status)


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Add `--json` to a command, and print each of its errors as one line."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        from infra.settings import load_settings, unknown_variables
        from schemas.faults import Fault
        from streams.cli.safe_text import escaped

        debug = False
        try:
            debug = load_settings().debug  # a setting that is not valid ends each command before it does anything
            for line in unknown_variables():
                print_line(f"warning: {escaped(line)}")
            return function(*args, **kwargs)
        except Fault as fault:
            _print_traceback(debug)
            fail(str(fault), bool(kwargs["as_json"]), fault.reason, _USAGE if fault.reason == "settings" else 1)
        except KeyboardInterrupt:
            fail("stopped", bool(kwargs["as_json"]), "stopped")
        except (click.ClickException, click.exceptions.Exit):
            raise
        except BrokenPipeError:  # the reader of the pipe has closed it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except Exception as error:  # noqa: BLE001 - every error is one line and one JSON object
            _print_traceback(debug)
            fail(f"{type(error).__name__}: {error}", bool(kwargs["as_json"]), "unexpected")

    return run


def _print_traceback(debug: bool) -> None:
    if debug:
        import traceback

        traceback.print_exc()
