"""`moves show` and `moves map`: draw moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import click

from agents.move_indexing.draw_job import DRAW_MAP, DRAW_MOVE, DrawMap, DrawMove, MapPoint
from agents.step import throttled
from agents.texts import first_few
from infra.settings import load_settings
from schemas.faults import Poison
from schemas.move_indexed import MoveSummary
from streams.cli.moves.group import count_text, moves, resolve
from streams.cli.output import command, print_json, print_line, print_output
from streams.files.user_files import check_targets, copy_out
from streams.jobs import run_job
from streams.local.services import stream
from streams.operations.first_one import count_fields

_FILE = click.Path(path_type=Path, dir_okay=False)
_PROGRESS_INTERVAL_S = 3.0
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@moves.command()
@click.argument("move", metavar="MOVE")
@click.option("--png", type=_FILE, help="Draw the frames on its beats with both skeletons (PNG).")
@click.option("--video", type=_FILE, help="Draw both skeletons and the counts on the clip (mp4).")
@command
def show(move: str, png: Path | None, video: Path | None, as_json: bool) -> None:
    """Show what is known of MOVE, and draw its dancers.

    MOVE is the name of its clip, or at least 4 digits of the clip's SHA-256.
    """
    targets = {name: file for name, file in (("png", png), ("video", video)) if file}
    check_targets(targets.values())
    summary = _read_move(move)
    if not targets:
        return _print_card(summary, as_json)
    _check_not_clip(targets.values(), summary)
    with TemporaryDirectory(prefix="bachata-") as folder:
        outputs = {name: Path(folder, name) for name in targets}
        print_line(f"drawing {' and '.join(targets)} of {summary.name}")
        report = throttled(lambda fraction: print_line(f"{summary.name}: {fraction:.0%}"), _PROGRESS_INTERVAL_S)
        run_job(DRAW_MOVE, DrawMove(move=summary, png=outputs.get("png"), video=outputs.get("video")), report)
        files = {name: str(copy_out(outputs[name], target)) for name, target in targets.items()}
    return _print_files({name: files.get(name) for name in ("png", "video")}, as_json, _card(summary))


@moves.command(name="map")
@click.option("--png", type=_FILE, required=True, help="The file to draw to (PNG).")
@command
def draw_map(png: Path, as_json: bool) -> None:
    """Draw all moves as points, coloured by category; similar moves are near each other."""
    check_targets([png])
    with stream(load_settings(), print_line) as endpoint:
        found = endpoint.get("/moves?embeddings=1")["moves"]
    if not found:
        raise Poison("no moves to draw; `bachata index FOLDER` adds clips to the library", reason="no_moves")
    newest = max(move["embedding_version"] for move in found)
    comparable = [move for move in found if move["embedding_version"] == newest]
    if len(comparable) < len(found):
        print_line(
            f"{len(found) - len(comparable)} moves were indexed by an older version: index them again to draw them"
        )
    with TemporaryDirectory(prefix="bachata-") as folder:
        _draw_map(comparable, Path(folder, "map"))
        _print_files({"png": str(copy_out(Path(folder, "map"), png))}, as_json)


def _draw_map(moves: Sequence[Mapping[str, Any]], target: Path) -> None:
    print_line(f"drawing {len(moves)} moves")
    points = [
        MapPoint(name=move["clip"], category=move["category"], embedding=tuple(move["embedding"])) for move in moves
    ]
    run_job(DRAW_MAP, DrawMap(points=tuple(points), png=target))


def _check_not_clip(targets: Iterable[Path], summary: MoveSummary) -> None:
    """Raise `Poison` (`bad_target`) for an output file that is the clip itself, by its content."""
    from infra.base.atomic_file import sha256_of

    for target in targets:
        same_size = target.is_file() and target.stat().st_size == summary.clip.size_bytes
        if same_size and sha256_of(target) == summary.clip.sha256:
            raise Poison(f"{target}: it is the clip itself; name another file", reason="bad_target")


def _read_move(move: str) -> MoveSummary:
    with stream(load_settings(), print_line) as endpoint:
        sha256 = resolve(move, endpoint.get("/moves")["moves"])
        return MoveSummary.model_validate(endpoint.get(f"/moves/{sha256}"))


def _card(move: MoveSummary) -> dict[str, Any]:
    """Return what is known of a move as fields of JSON."""
    ones = [beat for beat, count in zip(move.beats, move.counts, strict=True) if count == 1]
    return {
        "clip": move.name,
        "sha256": move.clip.sha256,
        **{name: getattr(move, name) for name in ("move", "category", "difficulty", "energy", "tempo_bpm")},
        "duration_s": move.clip.duration_s,
        "eights": len(move.eights),
        **count_fields(move),
        "ones_s": ones,
        "annotation": move.annotation and move.annotation.model_dump(mode="json", exclude_defaults=True),
    }


def _print_card(move: MoveSummary, as_json: bool) -> None:
    card = _card(move)
    if as_json:
        return print_json({"png": None, "video": None, **card})
    print_output(f"{move.name}: {move.move}, {move.category}, {move.difficulty}, {move.energy} energy")
    print_output(f"{move.tempo_bpm:.1f} BPM, {len(move.eights)} x 8 in {move.clip.duration_s:.1f} s")
    ones = first_few([f"{time:.2f}" for time in card["ones_s"]])
    print_output(count_text(card) + (f"; 1 at {ones} s" if ones else ""))
    for name, value in (card["annotation"] or {}).items():
        print_output(f"annotated: {name} {value}")
    return None


def _print_files(files: Mapping[str, str | None], as_json: bool, card: Mapping[str, Any] = _NOTHING) -> None:
    if as_json:
        return print_json({**files, **card})
    for file in files.values():
        if file:
            print_output(file)
    return None
