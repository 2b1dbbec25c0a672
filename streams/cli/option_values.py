"""Values of options of the command line that are more than one text or number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import get_args

import click
from pydantic import ValidationError

from schemas.audio_analyzed import Section
from schemas.base import OnlyIn, Options, Pin

_CLOCK = re.compile(r"(?:(\d{1,3}):(?=\d\d(?:\D|$)))?(\d{1,4}(?:\.\d{1,6})?)")
_SECTION_NAMES = tuple(
    dict.fromkeys(name for field in ("label", "rhythm") for name in get_args(Section.model_fields[field].annotation))
)


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
    sections = tuple(name.strip() for name in names.split(",") if name.strip())
    unknown = [name for name in sections if name not in _SECTION_NAMES]
    if not move.strip() or not sections or unknown:
        what = f"there is no section {unknown[0]!r}" if unknown and move else "write a move and sections"
        raise click.UsageError(
            f"--only-in '{text}': {what}, such as MOVE=mambo,chorus; sections are {', '.join(_SECTION_NAMES)}"
        )
    try:
        return OnlyIn(move=move.strip(), sections=sections)
    except ValidationError as error:
        raise click.UsageError(f"--only-in '{text}': {error.errors()[0]['msg']}") from None


def options_of(values: dict[str, object]) -> Options:
    """Return the options of a choreography. Raises: `UsageError` for values that are not valid."""
    try:
        return Options.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]).removesuffix("_s").replace("_", "-") if first["loc"] else "options"
        raise click.UsageError(f"--{name}: {first['msg']}") from None
