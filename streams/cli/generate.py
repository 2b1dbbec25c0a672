"""`generate` and `demo`: make a choreography video of a song."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from infra.settings import Settings, load_settings
from schemas.base import Corrections, Options
from schemas.faults import Poison
from schemas.reasons import as_reason
from streams.cli.choices import field_option
from streams.cli.corrections import with_correction_options
from streams.cli.output import command, fail, print_json, print_line, print_output
from streams.files.user_files import check_targets, copy_out, video_file

if TYPE_CHECKING:
    from schemas.rendered import Rendered
    from schemas.sequence_planned import ClipPart
    from schemas.song_submitted import SongSubmitted
    from streams.client import RequestResult


@click.command()
@click.argument("song", type=click.Path(path_type=Path))
@field_option(Options, "duration", "Length of the video; full: the whole song.")
@field_option(Options, "difficulty", "Highest difficulty of the moves; harder ones are used only if there are too few.")
@field_option(Options, "energy", "Energy of the moves. Default: as in the song.")
@field_option(Options, "quality", "Picture size and bit rates of the video.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=Options().seed,
    show_default=True,
    help="Another seed gives another choreography.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Also copy the video to this file.")
@click.option("--demo-moves", is_flag=True, help="If the library has no moves to dance, index the demo moves first.")
@command
@with_correction_options
def generate(
    song: Path, out: Path | None, demo_moves: bool, as_json: bool, corrections: Corrections, **options: Any
) -> None:
    """Make a choreography video of SONG."""
    check_targets(filter(None, [out]), song)
    _generate(load_settings(), song, out, as_json, options, corrections, demo_moves=demo_moves)


@click.command()
@command
def demo(as_json: bool) -> None:
    """Index the demo moves and make a choreography video of a demo song."""
    from streams.cli.demo_moves import index_demo_moves
    from streams.local.services import stream

    settings = load_settings()
    songs = sorted((settings.demo_dir / "songs").glob("*.mp3"))
    if not songs:
        raise Poison("the demo set is not here; it is part of a checkout of the project", reason="no_demo_set")
    with stream(settings, print_line):
        index_demo_moves(settings)
        print_line(f"making a choreography video of {songs[0].name}")
        _generate(settings, songs[0], None, as_json, {"duration": "full"}, Corrections())


def _generate(
    settings: Settings,
    song: Path,
    out: Path | None,
    as_json: bool,
    options: dict[str, Any],
    corrections: Corrections,
    *,
    demo_moves: bool = False,
) -> None:
    from schemas.rendered import Rendered
    from streams.cli.demo_moves import provide_moves
    from streams.cli.follow_requests import follow
    from streams.local.services import stream

    request = _request(settings, song, Options.model_validate(options), corrections)
    with stream(settings, print_line) as endpoint:
        provide_moves(settings, endpoint, demo_moves=demo_moves, as_json=as_json)
        result = follow(endpoint, [request])[cast("str", request.request_id)]
    ended, rendered = result.ended, result.result
    if ended is None or not isinstance(rendered, Rendered):
        _fail(settings, result, as_json)
    else:
        _print_result(settings, rendered, result.costs(), out, as_json)


def _request(settings: Settings, song: Path, options: Options, corrections: Corrections) -> SongSubmitted:
    from schemas.base import Source
    from schemas.song_submitted import SongSubmitted
    from streams.files.user_files import store_file, title_of
    from streams.ids import new_request_id

    return SongSubmitted(
        source=Source(sha256=store_file(settings, song, "audio").sha256),
        request_id=new_request_id(),
        title=title_of(song),
        options=options,
        corrections=corrections,
    )


def _fail(settings: Settings, result: RequestResult, as_json: bool) -> None:
    from streams.cli.demo_moves import with_offer

    ended = result.ended
    assert ended is not None  # noqa: S101 - `follow` returns ended requests
    ids = {"request_id": ended.request_id, "dead_letter_id": ended.dead_letter_id}
    error = with_offer(settings, str(ended.error), str(ended.reason))
    fail(error, as_json, as_reason(str(ended.reason)), **cast("Any", ids), steps=result.costs())


def _print_result(
    settings: Settings, rendered: Rendered, costs: dict[str, Any], out: Path | None, as_json: bool
) -> None:
    video = video_file(settings, rendered.video)
    if out is not None:
        video = copy_out(video, out, rendered.video.media.sha256)
    if as_json:
        print_json(_to_json(rendered, video, costs))
        return
    for warning in rendered.warnings:
        print_line(f"warning: {warning}")
    moves = len({segment.clip for segment in rendered.segments})
    print_line(f"{rendered.video.duration_s:.1f} s at {rendered.tempo_bpm:.1f} BPM, {moves} moves")
    print_output(str(video))


def _to_json(rendered: Rendered, video: Path, costs: dict[str, Any]) -> dict[str, Any]:
    return {
        "request_id": rendered.request_id,
        "video": str(video),
        "duration_s": rendered.video.duration_s,
        "tempo_bpm": rendered.tempo_bpm,
        "moves": [_segment_fields(segment) for segment in rendered.segments],
        "steps": costs,
        "warnings": list(rendered.warnings),
    }


def _segment_fields(segment: ClipPart) -> dict[str, Any]:
    names = ("move", "clip", "song_start_s", "song_end_s", "clip_start_s", "clip_end_s", "stretch")
    return {name: getattr(segment, name) for name in names}
