"""Values of options of the command line that are more than one text or number."""

from __future__ import annotations

import re
from collections.abc import Sequence

import click
from pydantic import ValidationError

from schemas.base import OnlyIn, Options, Pin
from schemas.dance_names import SECTION_NAMES
from schemas.request_options import WrongOptionError, checked_options

_CLOCK = re.compile(r"(?:(\d{1,3}):(?=\d\d(?:\D|$)))?(\d{1,4}(?:\.\d{1,6})?)")
_FLAGS = {"pins": "pin", "bans": "ban"}  # of fields whose options have other names


class Length(click.ParamType):
    """A length of time: minutes and seconds such as `1:45`, or seconds."""

    name = "M:SS"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        found = _CLOCK.fullmatch(str(value))
        if not found:
            self.fail(f"'{value}' is no length: write minutes and seconds, such as 1:45, or seconds", param, ctx)
        return 60.0 * int(found[1] or 0) + float(found[2])


def pins(texts: Sequence[str]) -> tuple[Pin, ...]:
    """Return the pins of texts such as `5=MOVE`. Raises: `UsageError`."""
    return tuple(_pin(text) for text in texts)


def _pin(text: str) -> Pin:
    phrase, _, move = text.partition("=")
    try:
        return Pin(phrase=int(phrase), move=move.strip())
    except ValueError:
        raise click.UsageError(
            f"--pin '{text}': write the number of a phrase, from 1, and a move, such as 5=MOVE"
        ) from None


def only_in(texts: Sequence[str]) -> tuple[OnlyIn, ...]:
    """Return moves of some sections only, of texts such as `MOVE=mambo,chorus`. Raises: `UsageError`."""
    return tuple(_only_in(text) for text in texts)


def _only_in(text: str) -> OnlyIn:
    move, _, names = text.rpartition("=")
    sections = tuple(name.strip().casefold() for name in names.split(",") if name.strip())
    unknown = [name for name in sections if name not in SECTION_NAMES]
    if not move.strip() or not sections or unknown:
        what = f"there is no section {unknown[0]!r}" if unknown and move else "write a move and sections"
        raise click.UsageError(
            f"--only-in '{text}': {what}, such as MOVE=mambo,chorus; sections are {', '.join(SECTION_NAMES)}"
        )
    try:
        return OnlyIn(move=move.strip(), sections=sections)
    except ValidationError as error:
        raise click.UsageError(f"--only-in '{text}': {error.errors()[0]['msg']}") from None


def options_of(values: dict[str, object]) -> Options:
    """Return the options of a choreography. Raises: `UsageError` for values that are not valid."""
    try:
        return checked_options(Options.model_validate(values))
    except WrongOptionError as error:
        raise click.UsageError(f"--{_flag(error.field)}: {error.problem}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise click.UsageError(f"--{_flag(str((*first['loc'], 'options')[0]))}: {first['msg']}") from None


def _flag(field: str) -> str:
    return _FLAGS.get(field, field.removesuffix("_s")).replace("_", "-")
