"""`index`: add clips to the library."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.settings import Settings, load_settings
from schemas.base import Quality
from schemas.faults import Poison
from schemas.move_submitted import MoveSubmitted
from streams.cli.choices import field_option
from streams.cli.output import command, print_json, print_line, print_output
from streams.files.annotations import Annotations
from streams.files.clips import find_clips, store_clips
from streams.files.user_files import title_of

if TYPE_CHECKING:
    from streams.client import RequestResult
    from streams.files.clip_names import NamedClip
    from streams.local.services import Endpoint


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option(
    "--annotations",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A JSON or CSV file with the clips' moves, difficulty, energy, tempo and more.",
)
@field_option(MoveSubmitted, "quality", "How many frames are sampled to detect the dancers: 10, 20 or 30 per second.")
@click.option(
    "--split", is_flag=True, help="Cut long recordings into parts for `bachata moves review`; add nothing yet."
)
@command
def index(paths: tuple[Path, ...], annotations: Path | None, quality: Quality, split: bool, as_json: bool) -> None:
    """Add clips to the library. PATH is a video file, or a folder: all videos below it are added."""
    if split:
        return _split(paths, annotations, quality, as_json)
    report = index_clips(load_settings(), paths, annotations, quality)
    failed = [clip for clip in report["clips"] if clip["status"] == "failed"]
    if as_json:
        print_json(report)
    else:
        _print_report(report, failed)
    if failed:
        raise SystemExit(1)
    return None


def _split(paths: Sequence[Path], annotations: Path | None, quality: Quality, as_json: bool) -> None:
    """Cut recordings into parts, and print these with proposals for their names."""
    from streams.cli.moves.review import print_recordings
    from streams.cli.split_recordings import split_recordings
    from streams.local.services import stream

    if annotations is not None:
        raise Poison("--split takes no --annotations: name the parts with `bachata moves review`", "usage")
    settings = load_settings()
    recordings, faults = split_recordings(settings, paths, quality)
    for name, fault in faults.items():
        print_line(f"error: {name}: {fault}")
    failed = {name: {"error": str(fault), "reason": fault.reason} for name, fault in faults.items()}
    if recordings:
        with stream(settings, print_line) as endpoint:
            print_recordings(settings, endpoint, recordings, None, as_json, failed=failed)
    elif as_json:
        print_json({"recordings": [], "failed": failed})
    if faults:
        raise SystemExit(1)


def index_clips(
    settings: Settings, paths: Sequence[Path], annotations: Path | None, quality: Quality = "fast"
) -> dict[str, Any]:
    """Submit the clips below `paths`, each content once, wait for all outcomes and return the report.

    A clip that the library has keeps its name there: a file with another name is a copy, and changes only annotations.
    Raises: `Poison` if a path does not exist (`not_found`), if there are no clips (`no_clips`), or for an invalid file
    of annotations (`invalid_annotations`).
    """
    from streams.cli.wait_watch import wait_for_complete_library
    from streams.files.clip_names import named_clips
    from streams.local.services import stream

    found, annotated = find_clips(paths), Annotations(annotations)
    clips, refused = store_clips(settings, found.files)
    entries = [_entry(title_of(file), status="failed", error=str(fault)) for file, fault in refused.items()]
    contents = {clip.files: clip.sha256 for clip in clips}
    annotated.check(contents)
    warnings = [*found.warnings, *annotated.warnings(contents | {(file,): "" for file in refused})]
    if clips:
        with stream(settings, print_line) as endpoint:
            wait_for_complete_library(settings, endpoint, print_line)
            with named_clips(settings, endpoint, clips) as named:
                indexed, more = _index(endpoint, named, annotated, quality)
        entries += [*indexed, *(entry for clip in named for entry in _copies(clip))]
        warnings += more
    return {"clips": sorted(entries, key=lambda entry: str(entry["clip"])), "warnings": list(dict.fromkeys(warnings))}


def _index(
    endpoint: Endpoint, clips: Sequence[NamedClip], annotated: Annotations, quality: Quality
) -> tuple[list[dict[str, Any]], list[str]]:
    """Index the clips that have to be, wait for all outcomes, and return their entries and warnings."""
    from streams.cli.follow_requests import follow
    from streams.files.clip_requests import clip_request, new_annotations
    from streams.operations.library_events import annotate_moves

    annotations = new_annotations(clips, annotated)
    asyncio.run(annotate_moves(endpoint.kafka, {clip.sha256: given for clip, given in annotations.items()}))
    requests = [
        clip_request(clip, annotations.get(clip), quality=quality)
        for clip in clips
        if clip.is_new or clip in annotations
    ]
    results = follow(endpoint, requests) if requests else {}
    entries, warnings = [], []
    for request in requests:
        result = results[str(request.request_id)]
        entries.append(_outcome(request, result))
        warnings += [f"{request.clip}: {warning}" for warning in (result.result.warnings if result.result else ())]
    return entries, warnings


def _print_report(report: dict[str, Any], failed: list[dict[str, Any]]) -> None:
    for warning in report["warnings"]:
        print_line(f"warning: {warning}")
    for clip in report["clips"]:
        if clip["status"] == "copy":
            print_line(f"{clip['file']}: copy of {clip['copy_of']}: skipped")
    for clip in failed:
        print_line(f"error: {clip['clip']}: {clip['error']}")
    count = Counter(clip["status"] for clip in report["clips"])
    copies = f", {count['copy']} copies skipped" if count["copy"] else ""
    print_output(f"{count['indexed']} clips indexed, {count['known']} cached, {len(failed)} failed{copies}")


def _entry(clip: str, **fields: Any) -> dict[str, Any]:
    names = ("move", "sha256", "duration_s", "tempo_bpm", "count", "count_confidence", "dancers", "copy_of", "error")
    return {"clip": clip, "beats": [], **dict.fromkeys(names), **fields}


def _copies(clip: NamedClip) -> Iterator[dict[str, Any]]:
    for file in clip.copies:
        fields = {"status": "copy", "file": str(file), "copy_of": clip.file.name if clip.file else clip.name}
        yield _entry(title_of(file), sha256=clip.sha256, **fields)


def _outcome(request: MoveSubmitted, result: RequestResult) -> dict[str, Any]:
    from schemas.move_indexed import MoveIndexed
    from streams.operations.first_one import count_fields

    fields = {"sha256": request.source.sha256, "steps": result.costs()}
    if not isinstance(result.result, MoveIndexed):
        return _entry(request.clip, status="failed", error=result.ended.error if result.ended else None, **fields)
    move = result.result.move
    return _entry(
        request.clip,
        move=move.move,
        duration_s=move.clip.duration_s,
        tempo_bpm=move.tempo_bpm,
        beats=list(move.beats),
        dancers=move.dancers.model_dump(),
        **count_fields(move),
        status="known" if result.is_cached else "indexed",
        **fields,
    )
