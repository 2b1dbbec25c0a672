"""`generate` and `demo`: make a choreography video of a song."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from infra.settings import Settings, load_settings
from schemas.base import Corrections, Options
from schemas.faults import Poison
from schemas.reasons import as_reason
from streams.cli.corrections import with_correction_options
from streams.cli.output import command, fail, print_json, print_line, print_output
from streams.cli.song_options import parallel_option, with_song_options
from streams.files.user_files import check_targets, copy_out, video_file
from streams.files.video_copies import check_target_folder, copy_into, video_name

if TYPE_CHECKING:
    from schemas.rendered import Rendered
    from schemas.sequence_planned import ShownPart
    from schemas.song_submitted import SongSubmitted
    from streams.client import RequestResult
    from streams.files.songs import Song


@click.command()
@with_song_options
@click.option(
    "--out", type=click.Path(path_type=Path), help="Also copy the video to this file, or the videos to this folder."
)
@click.option("--demo-moves", is_flag=True, help="If the library has no moves to dance, index the demo moves first.")
@parallel_option
@command
@with_correction_options
def generate(
    songs: tuple[str, ...],
    playlists: tuple[Path, ...],
    options: Options,
    alternatives: int,
    corrections: Corrections,
    out: Path | None,
    demo_moves: bool,
    parallel: int,
    as_json: bool,
) -> None:
    """Make a choreography video of each SONG: a file, a folder, a playlist or a URL.

    With several songs, one that fails does not hinder the others, and what was done before is not done again.
    """
    from streams.files.songs import alternatives_of, find_songs

    settings, found = load_settings(), find_songs(songs, playlists)
    if alternatives == 1 and not playlists and len(songs) == 1 and found.songs[0].name == songs[0]:
        _generate(settings, found.songs[0], out, as_json, options, corrections, demo_moves=demo_moves)
        return
    if corrections != Corrections():
        raise Poison("corrections are those of one video: name no other song, and no alternatives", "usage")
    from streams.cli.bulk import generate_all

    for warning in found.warnings:
        print_line(f"warning: {warning}")
    wanted = alternatives_of(found.songs, alternatives)
    generate_all(settings, wanted, options, out=out, parallel=parallel, demo_moves=demo_moves, as_json=as_json)


@click.command()
@command
def demo(as_json: bool) -> None:
    """Index the demo moves and make a choreography video of a demo song."""
    from streams.cli.demo_moves import index_demo_moves
    from streams.files.songs import find_songs
    from streams.local.services import stream

    settings = load_settings()
    songs = sorted((settings.demo_dir / "songs").glob("*.mp3"))
    if not songs:
        raise Poison("the demo set is not here; it is part of a checkout of the project", reason="no_demo_set")
    with stream(settings, print_line):
        index_demo_moves(settings)
        print_line(f"making a choreography video of {songs[0].name}")
        [song] = find_songs([str(songs[0])]).songs
        _generate(settings, song, None, as_json, Options(duration="full"), Corrections())


def _generate(
    settings: Settings,
    song: Song,
    out: Path | None,
    as_json: bool,
    options: Options,
    corrections: Corrections,
    *,
    demo_moves: bool = False,
) -> None:
    from streams.cli.demo_moves import provide_moves
    from streams.cli.follow_requests import follow
    from streams.local.services import stream

    if out is not None:
        _check_out(out, song)
    request = _request(settings, song, options, corrections)
    with stream(settings, print_line) as endpoint:
        provide_moves(settings, endpoint, demo_moves=demo_moves, as_json=as_json)
        result = follow(endpoint, [request])[cast("str", request.request_id)]
    print_outcome(settings, result, out, as_json)


def _check_out(out: Path, song: Song) -> None:
    if out.is_dir():
        check_target_folder(out)
    else:
        check_targets([out], *filter(None, [song.file]))


def _request(settings: Settings, song: Song, options: Options, corrections: Corrections) -> SongSubmitted:
    from schemas.song_submitted import SongSubmitted
    from streams.ids import new_request_id

    return SongSubmitted(
        source=song.source(settings),
        request_id=new_request_id(),
        title=song.title,
        options=options,
        corrections=corrections,
    )


def print_outcome(settings: Settings, result: RequestResult, out: Path | None, as_json: bool) -> None:
    """Print the path of a request's video, which is also copied to `out`; exit with 1 where it failed."""
    from schemas.rendered import Rendered

    if result.ended is None or not isinstance(result.result, Rendered):
        _fail(settings, result, as_json)
    else:
        _print_result(settings, result.result, result.costs(), out, as_json)


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
    if out is not None and out.is_dir():
        video = copy_into(video, out, video_name(rendered.title), rendered.video.media.sha256)
    elif out is not None:
        video = copy_out(video, out, rendered.video.media.sha256)
    if as_json:
        print_json(_to_json(rendered, video, costs))
        return
    for warning in rendered.warnings:
        print_line(f"warning: {warning}")
    for join in rendered.joins:
        print_line(f"music joined at {join.time_s:.1f} s: likeness {join.likeness:.2f}, change {join.change:.2f}")
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
        "joins": [join.model_dump(mode="json") for join in rendered.joins],
        "steps": costs,
        "warnings": list(rendered.warnings),
    }


def _segment_fields(segment: ShownPart) -> dict[str, Any]:
    times = ("song_start_s", "song_end_s", "clip_start_s", "clip_end_s")
    names = ("move", "clip", *times, "stretch", "mirrored", "section")
    seam = segment.seam and segment.seam.model_dump(mode="json")
    return {name: getattr(segment, name) for name in names} | {"seam": seam}
