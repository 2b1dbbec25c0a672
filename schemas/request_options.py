"""The options of a choreography that may be asked for: names that exist, and wishes that do not exclude each other.

Later events carry the options as they were asked for, also those of a newer version: they are not checked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Annotated

from pydantic import AfterValidator

from schemas.base import Options
from schemas.dance_names import RULE_NAMES, SECTION_NAMES


class WrongOptionError(ValueError):
    """An option with which no dance can be made, whatever the song and the library are. `field`: of `Options`."""

    def __init__(self, field: str, problem: str) -> None:
        """Describe the problem in one line."""
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


def checked_options(options: Options) -> Options:
    """Return the options. Raises: `WrongOptionError`."""
    for problem in _problems(options):
        raise problem
    return options


RequestOptions = Annotated[Options, AfterValidator(checked_options)]


def _problems(options: Options) -> Iterator[WrongOptionError]:
    yield from _unknown("rules", "rule", options.rules, RULE_NAMES)
    for only in options.only_in:
        yield from _unknown("only_in", "section", map(str.casefold, only.sections), SECTION_NAMES)
    bans = {name.casefold() for name in options.bans}
    for pin in options.pins:
        if pin.move.casefold() in bans:
            yield WrongOptionError("pins", f"{pin.move} is pinned to phrase {pin.phrase}, and banned")
    if options.cut_music and options.length_s is None:
        yield WrongOptionError("cut_music", "also give the length that the song is cut to")


def _unknown(field: str, what: str, given: Iterable[str], known: Sequence[str]) -> Iterator[WrongOptionError]:
    for name in given:
        if name not in known:
            similar = get_close_matches(name, known, n=1)
            hint = f"do you mean {similar[0]}?" if similar else f"there are {', '.join(known)}"
            yield WrongOptionError(field, f"there is no {what} {name!r}; {hint}")
