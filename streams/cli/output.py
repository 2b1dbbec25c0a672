"""How commands speak: people read standard error and tables, programs read one JSON object on standard output."""

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


def print_line(message: str) -> None:
    """A line for a person."""
    click.echo(message, err=True)


def print_json(value: dict[str, Any]) -> None:
    """The one JSON object."""
    sys.stdout.write(json.dumps(value) + "\n")


def fail(message: str, as_json: bool, reason: Reason, status: int = 1, **more: Any) -> NoReturn:
    """End with one clear line and a status that is not 0."""
    message = " ".join(message.split())
    if as_json:
        print_json({"error": message, "reason": reason, **more})
    print_line(f"error: {message}")
    sys.exit(status)


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Give a command `--json`, and turn its faults into one line each."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        from schemas.faults import Fault

        try:
            return function(*args, **kwargs)
        except Fault as fault:
            _trace()
            fail(str(fault), bool(kwargs["as_json"]), fault.reason)
        except KeyboardInterrupt:
            fail("stopped", bool(kwargs["as_json"]), "stopped")
        except (click.ClickException, click.exceptions.Exit):
            raise
        except BrokenPipeError:  # whoever reads us has read enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except Exception as error:  # noqa: BLE001 - whatever it is, one line and one JSON object
            _trace()
            fail(f"{type(error).__name__}: {error}", bool(kwargs["as_json"]), "unexpected")

    return run


def _trace() -> None:
    if os.environ.get("BACHATA_DEBUG"):
        import traceback

        traceback.print_exc()
