"""Options by which a person says what an analysis got wrong: the same for every command that hears a song."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from schemas.base import Corrections
from schemas.faults import Poison

R = TypeVar("R")

_OPTIONS = (
    click.option("--tempo", type=click.Choice(["half", "double"]), help="The song is danced at half or double tempo."),
    click.option(
        "--count-offset", type=click.IntRange(-7, 7), default=0, help="Add to every count: 4 makes a 5 the 1."
    ),
    click.option("--beat-offset-ms", type=click.FloatRange(-1000, 1000), default=0.0, help="Move every beat."),
    click.option(
        "--beats",
        type=click.Path(path_type=Path),
        help='Beats that a person tapped: JSON, [seconds, …] or {"beats": […], "counts": […]}.',
    ),
)


def with_correction_options(function: Callable[..., R]) -> Callable[..., R]:
    """Give a command the options of a correction, and hand it the `Corrections` as `corrections`."""

    @functools.wraps(function)
    def run(
        *args: Any, tempo: str | None, count_offset: int, beat_offset_ms: float, beats: Path | None, **kwargs: Any
    ) -> R:
        given = {"tempo": tempo, "count_offset": count_offset, "beat_offset_ms": beat_offset_ms}
        corrections = _corrections(given | (_tapped(beats) if beats else {}), beats)
        return function(*args, corrections=corrections, **kwargs)

    for option in reversed(_OPTIONS):
        run = option(run)
    return run


def _corrections(given: dict[str, Any], file: Path | None) -> Corrections:
    try:
        return Corrections.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        said = str(first["msg"]).removeprefix("Value error, ")
        where = ".".join(str(part) for part in first["loc"])
        raise Poison(": ".join(str(part) for part in (file, where, said) if part), "bad_corrections") from error


def _tapped(file: Path) -> dict[str, Any]:
    """`beats` and `counts` of a JSON file."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Poison(f"{file}: {getattr(error, 'strerror', None) or 'it is no JSON'}", "bad_corrections") from error
    given = {"beats": said} if isinstance(said, list) else said
    if isinstance(given, dict) and given.get("beats"):
        return {name: given[name] for name in ("beats", "counts") if name in given}
    raise Poison(f'{file}: give a list of seconds, or an object with "beats"', "bad_corrections")
