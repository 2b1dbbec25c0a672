"""The options of commands that make videos of songs: which songs, and what choreography."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from schemas.base import Options
from streams.cli.choices import field_option
from streams.local.worker_access import MAX_SUBMITTED

R = TypeVar("R")

_OPTIONS = (
    field_option(Options, "duration", "Length of the video; full: the whole song."),
    field_option(
        Options, "difficulty", "Highest difficulty of the moves; harder ones are used only if there are too few."
    ),
    field_option(Options, "energy", "Energy of the moves. Default: as in the song."),
    field_option(Options, "quality", "Picture size and bit rates of the video."),
    click.option(
        "--seed",
        type=click.IntRange(0, 2**63 - 1),
        default=Options().seed,
        show_default=True,
        help="Another seed gives another choreography.",
    ),
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
parallel_option = click.option(
    "--parallel",
    type=click.IntRange(1, 100),
    default=MAX_SUBMITTED,
    show_default=True,
    help="Of several songs, how many are worked on at the same time.",
)


def with_song_options(function: Callable[..., R]) -> Callable[..., R]:
    """Add songs, playlists and options to a command, which receives `songs`, `playlists` and `options`."""

    @functools.wraps(function)
    def run(
        *args: Any,
        songs: tuple[str, ...],
        playlists: tuple[Path, ...],
        duration: str,
        difficulty: str,
        energy: str | None,
        quality: str,
        seed: int,
        **kwargs: Any,
    ) -> R:
        values = {"duration": duration, "difficulty": difficulty, "energy": energy, "quality": quality, "seed": seed}
        return function(*args, songs=songs, playlists=playlists, options=Options.model_validate(values), **kwargs)

    for option in reversed((*_SONGS, *_OPTIONS)):
        run = option(run)
    return run
