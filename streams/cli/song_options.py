"""The options of commands that make videos of songs: which songs, and what choreography."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from schemas.base import Options
from schemas.faults import Poison
from schemas.limits import MAX_ALTERNATIVES
from streams.cli.choices import choices, field_option
from streams.cli.option_values import Length, only_in, options_of, pins
from streams.local.worker_access import MAX_SUBMITTED

R = TypeVar("R")

_OPTIONS = (
    field_option(Options, "duration", "Length of the video; full: the whole song."),
    field_option(
        Options, "difficulty", "Highest difficulty of the moves; harder ones are used only if there are too few."
    ),
    field_option(Options, "energy", "Energy of the moves. Default: as in the song."),
    field_option(Options, "quality", "Picture size and bit rates of the video, and how many moves are considered."),
    click.option(
        "--seed",
        type=click.IntRange(0, 2**63 - 1),
        default=Options().seed,
        show_default=True,
        help="Another seed gives another choreography.",
    ),
    field_option(
        Options, "continuity", "dance: each cut continues hold and feet; montage: they may change at a new section."
    ),
    click.option("--style", help="The style of the moves, as annotated. Default: the dance keeps to one."),
    field_option(Options, "role", "The dancer whom the moves are about."),
    click.option(
        "--length", "length_s", type=Length(), help="How long the dance lasts, such as 1:45, in place of --duration."
    ),
    click.option(
        "--cut-music", is_flag=True, help="Cut the song to that length where the same music meets, and end with it."
    ),
    click.option("--pin", "pinned", metavar="PHRASE=MOVE", multiple=True, help="This phrase, from 1, has this move."),
    click.option("--ban", "bans", metavar="MOVE", multiple=True, help="Never this move: the name of a clip or move."),
    click.option(
        "--only-in", "limited", metavar="MOVE=SECTION,...", multiple=True, help="This move in these sections only."
    ),
    click.option(
        "--alternatives",
        type=click.IntRange(1, MAX_ALTERNATIVES + 1),
        default=1,
        show_default=True,
        help="So many different choreographies of each song.",
    ),
    click.option(
        "--rules",
        "rules_file",
        type=click.Path(path_type=Path),
        help="Rules of the dance (TOML) in place of agents/dance/rules.toml.",
    ),
)
_PASSED_ON = (
    "duration",
    "difficulty",
    "energy",
    "quality",
    "seed",
    "continuity",
    "style",
    "role",
    "length_s",
    "cut_music",
    "bans",
)


def _check_any(context: click.Context, parameter: click.Parameter, songs: tuple[str, ...]) -> tuple[str, ...]:
    """Return the songs. Raises: `UsageError` where there is neither a song nor a playlist."""
    del parameter
    if not songs and not context.params["playlists"]:
        raise click.UsageError("name a song, a folder or a playlist")
    return songs


_SONGS = (
    click.argument("songs", nargs=-1, metavar="SONG...", callback=_check_any),
    click.option(
        "--playlist",
        "playlists",
        multiple=True,
        is_eager=True,  # so that `_check_any` knows it
        type=click.Path(path_type=Path),
        help="Also the songs of this file, a path or URL in each line. SONG can be one, named .m3u, .m3u8 or .txt.",
    ),
)
quality_option = click.option(
    "--quality", type=choices(Options, "quality"), help="Picture size and bit rates. Default: those of the request."
)
parallel_option = click.option(
    "--parallel",
    type=click.IntRange(1, 100),
    default=MAX_SUBMITTED,
    show_default=True,
    help="Of several songs, how many are worked on at the same time.",
)


def with_song_options(function: Callable[..., R]) -> Callable[..., R]:
    """Add songs, playlists and options to a command: `songs`, `playlists`, `options` and `alternatives`."""

    @functools.wraps(function)
    def run(
        *args: Any,
        pinned: tuple[str, ...],
        limited: tuple[str, ...],
        rules_file: Path | None,
        **kwargs: Any,
    ) -> R:
        values: dict[str, Any] = {name: kwargs.pop(name) for name in _PASSED_ON}
        values |= {"pins": pins(pinned), "only_in": only_in(limited), "rules": rule_changes(rules_file)}
        return function(*args, options=options_of(values), **kwargs)

    for option in reversed((*_SONGS, *_OPTIONS)):
        run = option(run)
    return run


def rule_changes(file: Path | None) -> dict[str, Any]:
    """Return what a file of rules changes of the rules of this version. Raises: `UsageError` for a wrong file."""
    if file is None:
        return {}
    from agents.dance.rules import default_rules, rules_of

    try:
        return dict(rules_of(file).changes(default_rules()))
    except Poison as fault:
        raise click.UsageError(str(fault)) from fault
