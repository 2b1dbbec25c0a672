"""`index`: add clips to the library."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agents.media.formats import CLIP_SUFFIXES
from infra.settings import Settings, load_settings
from schemas.base import Quality
from schemas.faults import Poison
from schemas.move_submitted import MoveAnnotation, MoveSubmitted
from streams.cli.choices import field_option
from streams.cli.files import real_path
from streams.cli.output import command, print_json, print_line, print_output

if TYPE_CHECKING:
    from streams.client import RequestResult


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option(
    "--annotations",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A JSON file with the clips' moves, difficulty, energy and tempo.",
)
@field_option(MoveSubmitted, "quality", "How many frames are sampled to detect the dancers: 10, 20 or 30 per second.")
@command
def index(paths: tuple[Path, ...], annotations: Path | None, quality: Quality, as_json: bool) -> None:
    """Add clips to the library. PATH is a video file, or a folder: all videos below it are added."""
    report = index_clips(load_settings(), paths, annotations, quality)
    failed = [clip for clip in report["clips"] if clip["status"] == "failed"]
    if as_json:
        print_json(report)
    else:
        _print_report(report, failed)
    if failed:
        raise SystemExit(1)


def index_clips(
    settings: Settings, paths: Sequence[Path], annotations: Path | None, quality: Quality = "fast"
) -> dict[str, Any]:
    """Submit the clips below `paths`, wait for all outcomes and return the report.

    Raises: `Poison` if a path does not exist (`not_found`), if there are no clips (`no_clips`), or for an invalid file
    of annotations (`invalid_annotations`).
    """
    from streams.cli.follow_requests import follow
    from streams.local.services import stream

    files = _clips(paths)
    annotation_by_path, warnings = _annotations(annotations, files)
    requests, refused = _requests(settings, files, annotation_by_path, quality)
    results: dict[str, RequestResult] = {}
    if requests:
        with stream(settings, print_line) as endpoint:
            results = asyncio.run(follow(endpoint, requests))
    indexed = [_entry(request, results[str(request.request_id)]) for request in requests]
    for request in requests:
        result = results[str(request.request_id)].result
        warnings += [f"{request.clip}: {warning}" for warning in (result.warnings if result else ())]
    clips = sorted([*refused, *indexed], key=lambda clip: clip["clip"])
    return {"clips": clips, "warnings": list(dict.fromkeys(warnings))}


def _print_report(report: dict[str, Any], failed: list[dict[str, Any]]) -> None:
    for warning in report["warnings"]:
        print_line(f"warning: {warning}")
    for clip in failed:
        print_line(f"error: {clip['clip']}: {clip['error']}")
    count = {status: sum(clip["status"] == status for clip in report["clips"]) for status in ("indexed", "known")}
    print_output(f"{count['indexed']} clips indexed, {count['known']} cached, {len(failed)} failed")


def _clips(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise Poison(f"{path} does not exist", reason="not_found")
        below = sorted(file for file in path.rglob("*") if file.suffix.lower() in CLIP_SUFFIXES)
        found += below if path.is_dir() else [path]
    if not found:
        raise Poison(f"no video below {', '.join(str(path) for path in paths)}", reason="no_clips")
    return list(dict.fromkeys(real_path(file) for file in found))


def _annotations(file: Path | None, clips: Sequence[Path]) -> tuple[dict[Path, MoveAnnotation], list[str]]:
    if file is None:
        return {}, []
    try:
        entries = json.loads(file.read_text())["clips"]
        by_path = {real_path(file.parent / entry["video_path"]): _annotation(entry) for entry in entries}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Poison(f"{file} is not a valid file of annotations: {error}", reason="invalid_annotations") from error
    missing = [path for path in by_path if not path.exists()]
    warnings = [f"{path.name} is annotated but does not exist" for path in missing]
    warnings += [f"{clip.name} has no annotation" for clip in clips if clip not in by_path]
    return by_path, warnings


def _annotation(entry: dict[str, Any]) -> MoveAnnotation:
    return MoveAnnotation(
        move=entry["move_label"],
        category=entry.get("category") or entry["move_label"],
        difficulty=entry.get("difficulty"),
        energy=entry.get("energy_level"),
        tempo_bpm=entry.get("estimated_tempo"),
        notes=entry.get("notes") or "",
    )


def _requests(
    settings: Settings, files: Sequence[Path], annotation_by_path: dict[Path, MoveAnnotation], quality: Quality
) -> tuple[list[MoveSubmitted], list[dict[str, Any]]]:
    from schemas.base import Source
    from streams.cli.files import store_file, title_of
    from streams.ids import new_request_id

    requests, refused = [], []
    for file in files:
        try:
            source = Source(sha256=store_file(settings, file, "video").sha256)
        except Poison as fault:
            refused.append(_empty_entry(title_of(file)) | {"status": "failed", "error": str(fault)})
            continue
        requests.append(
            MoveSubmitted(
                source=source,
                clip=title_of(file),
                request_id=new_request_id(),
                annotation=annotation_by_path.get(file),
                quality=quality,
            )
        )
    return requests, refused


def _empty_entry(clip: str) -> dict[str, Any]:
    names = ("move", "sha256", "duration_s", "tempo_bpm", "dancers", "error")
    return {"clip": clip, "beats": [], **dict.fromkeys(names)}


def _entry(request: MoveSubmitted, result: RequestResult) -> dict[str, Any]:
    from schemas.move_indexed import MoveIndexed

    fields = _empty_entry(request.clip) | {"sha256": request.source.sha256, "steps": result.costs()}
    if not isinstance(result.result, MoveIndexed):
        return fields | {"status": "failed", "error": result.ended.error if result.ended else None}
    move = result.result.move
    return fields | {
        "move": move.move,
        "duration_s": move.clip.duration_s,
        "tempo_bpm": move.tempo_bpm,
        "beats": list(move.beats),
        "dancers": move.dancers.model_dump(),
        "status": "known" if result.is_cached else "indexed",
    }
