"""`render`: make the video of a plan that a person edited."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from infra.settings import Settings, load_settings
from schemas.faults import Poison
from streams.cli.output import command, print_line
from streams.cli.plans.group import FILE, load, source_argument
from streams.cli.song_options import quality_option

if TYPE_CHECKING:
    from schemas.base import Quality
    from schemas.sequence_planned import SequencePlanned


@click.command()
@source_argument
@click.option("--song", type=click.Path(path_type=Path), help="The file of the song, if this machine lacks it.")
@quality_option
@click.option("--out", type=FILE, help="Also copy the video to this file.")
@command
def render(source: str, song: Path | None, quality: Quality | None, out: Path | None, as_json: bool) -> None:
    """Make the video of the plan in FILE, or of request ID, and print its path.

    The library must have the clips as the plan has them. What did not change since an earlier video is not computed
    again.
    """
    from agents.sequence_planning.edited_event import event_of
    from agents.sequence_planning.opened_plan import opened
    from streams.cli.follow_requests import follow
    from streams.cli.generate import print_outcome
    from streams.cli.plans.library import check_moves
    from streams.files.user_files import check_targets
    from streams.ids import new_request_id
    from streams.local.services import stream

    settings = load_settings()
    if out is not None:
        check_targets([out], *filter(None, [song]))
    plan = opened(load(source).file)
    event = event_of(plan, new_request_id(), quality)
    _check_song(settings, event, song)
    with stream(settings, print_line) as endpoint:
        check_moves(endpoint, plan.file.moves, sorted({part.clip for part in plan.dance.parts}))
        result = follow(endpoint, [event])[event.request_id]
    print_outcome(settings, result, out, as_json)


def _check_song(settings: Settings, event: SequencePlanned, song: Path | None) -> None:
    """Check that the media store has the song; a file is stored.

    Raises: `Poison`: `unknown_media` where it lacks the song, `invalid_song` for the file of another one.
    """
    from streams.files.user_files import store_file
    from streams.tools import make_tools

    if song is not None and store_file(settings, song, "audio").sha256 != event.song.sha256:
        raise Poison(f"{song} is not the song of the plan: its content differs", reason="invalid_song")
    if not make_tools(settings).media.has(event.song.sha256):
        message = f"the song '{event.title}' is not in the media store: name its file with --song"
        raise Poison(message, reason="unknown_media")
