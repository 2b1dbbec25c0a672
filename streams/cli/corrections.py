"""The options by which a user corrects the analysis of a song, shared by all commands that analyze one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from schemas.base import Corrections
from schemas.faults import Poison
from streams.cli.choices import field_option
from streams.cli.json_files import read_json

R = TypeVar("R")

_OPTIONS = (
    field_option(Corrections, "tempo", "Dance at half or double tempo."),
    click.option(
        "--count-offset", type=click.IntRange(-7, 7), default=0, help="Add to every count: with 4, the 5 becomes the 1."
    ),
    click.option(
        "--beat-offset-ms", type=click.FloatRange(-1000, 1000), default=0.0, help="Move all beats by this time."
    ),
    click.option(
        "--beats",
        type=click.Path(path_type=Path),
        help='JSON file of beats that a person tapped: [seconds, …] or {"beats": […], "counts": […]}.',
    ),
)


def with_correction_options(function: Callable[..., R]) -> Callable[..., R]:
    """Add the correction options to a command, which receives them as the keyword `corrections`."""

    @functools.wraps(function)
    def run(
        *args: Any, tempo: str | None, count_offset: int, beat_offset_ms: float, beats: Path | None, **kwargs: Any
    ) -> R:
        values = {"tempo": tempo, "count_offset": count_offset, "beat_offset_ms": beat_offset_ms}
        corrections = _corrections(values | (_read_beats(beats) if beats else {}), beats)
        return function(*args, corrections=corrections, **kwargs)

    for option in reversed(_OPTIONS):
        run = option(run)
    return run


def _corrections(values: dict[str, Any], file: Path | None) -> Corrections:
    try:
        return Corrections.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        message = str(first["msg"]).removeprefix("Value error, ")
        path = ".".join(str(part) for part in first["loc"])
        raise Poison(": ".join(str(part) for part in (file, path, message) if part), "bad_corrections") from error


def _read_beats(file: Path) -> dict[str, Any]:
    """Return `beats` and `counts` of a JSON file. Raises: `Poison` (`bad_corrections`)."""
    content = read_json(file, "bad_corrections")
    values = {"beats": content} if isinstance(content, list) else content
    if isinstance(values, dict) and values.get("beats"):
        return {name: values[name] for name in ("beats", "counts") if name in values}
    raise Poison(f'{file}: give a list of seconds, or an object with "beats"', "bad_corrections")
