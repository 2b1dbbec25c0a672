"""`moves`: list, search and draw the library, and remove moves from it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

import click

from agents.move_indexing.draw_job import DRAW_MAP, DRAW_MOVE, DrawMap, DrawMove, MapPoint
from agents.step import throttled
from infra.settings import load_settings
from schemas.base import Options
from schemas.faults import Poison, Retryable
from schemas.limits import MAX_SEARCHED_TEMPO_BPM
from schemas.move_indexed import MoveSummary
from schemas.safe_text import escaped
from streams.cli.choices import choices
from streams.cli.files import check_targets, copy_out
from streams.cli.output import command, print_json, print_line, print_output
from streams.cli.wait_watch import kafka_watch
from streams.jobs import run_job
from streams.local.services import Endpoint, stream

_FILE = click.Path(path_type=Path, dir_okay=False)
_MIN_HASH_DIGITS = 4
_PROGRESS_INTERVAL_S = 3.0
_MAX_SUGGESTIONS = 3
_RANGE = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,4})?)-([0-9]{1,4}(?:\.[0-9]{1,4})?)")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REMOVAL_TIMEOUT_S, _POLL_INTERVAL_S = 30.0, 0.1


@click.group()
def moves() -> None:
    """List, search and draw the library, and remove moves from it."""


@moves.command(name="list")
@click.option("--embeddings", is_flag=True, help="With --json: also each move's 512 values.")
@command
def list_moves(embeddings: bool, as_json: bool) -> None:
    """List all moves."""
    with stream(load_settings(), print_line) as endpoint:
        found = endpoint.get("/moves" + ("?embeddings=1" if embeddings else ""))
    _print_moves(found, as_json)


@moves.command()
@click.option("--like", metavar="MOVE", help="Order by similarity to this move: the name or SHA-256 of its clip.")
@click.option("--tempo", metavar="LO-HI", help="Only moves in this range of beats per minute, such as 120-135.")
@click.option("--difficulty", type=choices(Options, "difficulty"), help="Only moves of this difficulty.")
@click.option("--energy", type=choices(Options, "energy"), help="Only moves with this energy.")
@click.option("--top", type=click.IntRange(1, 1000), default=10, show_default=True, help="Number of moves to print.")
@command
def search(
    like: str | None, tempo: str | None, difficulty: str | None, energy: str | None, top: int, as_json: bool
) -> None:
    """Search the library."""
    query = {
        "like": like,
        "tempo_bpm": _parse_range(tempo) if tempo else None,
        "difficulties": [difficulty] if difficulty else [],
        "energies": [energy] if energy else [],
        "limit": top,
    }
    with stream(load_settings(), print_line) as endpoint:
        try:
            found = endpoint.post("/moves/search", query)
        except ValueError as error:
            raise Poison(str(error), reason="invalid_query") from error
    _print_moves(found, as_json)


@moves.command()
@click.argument("move", metavar="MOVE")
@click.option("--png", type=_FILE, help="Draw the frames on its beats with both skeletons (PNG).")
@click.option("--video", type=_FILE, help="Draw both skeletons and the counts on the clip (mp4).")
@command
def show(move: str, png: Path | None, video: Path | None, as_json: bool) -> None:
    """Draw the dancers of MOVE: the name of its clip, or at least 4 digits of the clip's SHA-256."""
    targets = {name: file for name, file in (("png", png), ("video", video)) if file}
    if not targets:
        raise Poison("nothing to draw: give --png FILE, --video FILE or both", reason="no_target")
    check_targets(targets.values())
    summary = _read_move(move)
    _check_not_clip(targets.values(), summary)
    with TemporaryDirectory(prefix="bachata-") as folder:
        outputs = {name: Path(folder, name) for name in targets}
        print_line(f"drawing {' and '.join(targets)} of {summary.name}")
        report = throttled(lambda fraction: print_line(f"{summary.name}: {fraction:.0%}"), _PROGRESS_INTERVAL_S)
        run_job(DRAW_MOVE, DrawMove(move=summary, png=outputs.get("png"), video=outputs.get("video")), report)
        files = {name: str(copy_out(outputs[name], target)) for name, target in targets.items()}
    _print_files({name: files.get(name) for name in ("png", "video")}, as_json)


@moves.command()
@click.argument("names", metavar="MOVE...", nargs=-1, required=True)
@command
def remove(names: tuple[str, ...], as_json: bool) -> None:
    """Remove each MOVE from the library: the name of its clip, or at least 4 digits of the clip's SHA-256.

    The clip stays in the media store. To have the move again, index the clip again.
    """
    from streams.operations.removal import remove_moves

    with stream(load_settings(), print_line) as endpoint:
        entries = removable(endpoint.get("/moves")["moves"], endpoint.get("/library/clips")["clips"])
        removed = {clip: _name_of(clip, entries) for clip in (_removed_clip(name, entries) for name in names)}
        with kafka_watch(endpoint.kafka, print_line):
            asyncio.run(remove_moves(endpoint.kafka, list(removed)))
        _wait_until_removed(endpoint, set(removed))
    if as_json:
        return print_json({"removed": [{"clip": name, "sha256": clip} for clip, name in removed.items()]})
    for clip, name in removed.items():
        print_output(f"removed {name or 'a move that cannot be read'} ({clip[:12]})")
    return None


def removable(moves: Sequence[Mapping[str, Any]], clips: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the moves of the library, with those that cannot be read, which have no name."""
    readable = {move["sha256"] for move in moves}
    return [*moves, *({"clip": "", "sha256": clip} for clip in clips if clip not in readable)]


def _removed_clip(move: str, entries: Sequence[Mapping[str, Any]]) -> str:
    """Return the sha256 of a move's clip; a whole sha256 need not be in the library. Raises: as `resolve`."""
    return move if _SHA256.fullmatch(move) else resolve(move, entries)


def _name_of(clip: str, entries: Sequence[Mapping[str, Any]]) -> str | None:
    return next((str(entry["clip"]) for entry in entries if entry["sha256"] == clip and entry["clip"]), None)


def _wait_until_removed(endpoint: Endpoint, clips: set[str]) -> None:
    """Return when the worker's library has none of the clips. Raises: `Retryable` (`worker`) after 30 s."""
    deadline = monotonic() + _REMOVAL_TIMEOUT_S
    while not clips.isdisjoint(endpoint.get("/library/clips")["clips"]):
        if monotonic() > deadline:
            raise Retryable("the moves will be removed, but the worker has not done so yet", reason="worker")
        sleep(_POLL_INTERVAL_S)


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


def resolve(move: str, entries: Sequence[Mapping[str, Any]]) -> str:
    """Return the sha256 of the clip with this name, as it is or as it is printed, or with this beginning of its sha256.

    Raises: `Poison` (`unknown_move`) if there is none, or several.
    """
    found = [entry["sha256"] for entry in entries if move and move in {entry["clip"], escaped(entry["clip"])}]
    if not found and len(move) >= _MIN_HASH_DIGITS:
        found = [entry["sha256"] for entry in entries if entry["sha256"].startswith(move.lower())]
    if len(found) == 1:
        return str(found[0])
    if found:
        hashes = ", ".join(sha256[:12] for sha256 in found[:5])
        raise Poison(f"'{move}' is ambiguous: {len(found)} clips; give a hash: {hashes}", reason="unknown_move")
    raise Poison(f"no move '{move}' in the library; {_suggestion(move, entries)}", reason="unknown_move")


def _suggestion(move: str, entries: Sequence[Mapping[str, Any]]) -> str:
    similar = get_close_matches(move, [str(entry["clip"]) for entry in entries], n=_MAX_SUGGESTIONS, cutoff=0.5)
    if similar:
        return f"do you mean {' or '.join(similar)}?"
    if entries:
        return "`bachata moves list` lists all"
    return "it is empty: `bachata index FOLDER` adds clips"


def _print_files(files: Mapping[str, str | None], as_json: bool) -> None:
    if as_json:
        return print_json(dict(files))
    for file in files.values():
        if file:
            print_output(file)
    return None


def _parse_range(text: str) -> tuple[float, float]:
    found = _RANGE.fullmatch(text)
    low, high = (float(part) for part in found.groups()) if found else (1.0, 0.0)
    if not low <= high <= MAX_SEARCHED_TEMPO_BPM:
        message = f"'{text}' is not a tempo range; write it as 120-135, at most {MAX_SEARCHED_TEMPO_BPM:.0f}"
        raise Poison(message, reason="invalid_query")
    return low, high


def _print_moves(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    if not found["moves"]:
        print_line("no moves; `bachata index FOLDER` adds clips to the library")
    for move in found["moves"]:
        similarity = f"  {move['similarity']:.3f}" if "similarity" in move else ""
        print_output(
            f"{move['clip']:28} {move['move']:24} {move['difficulty']:12} {move['energy']:7} "
            f"{move['tempo_bpm']:6.1f} BPM  {move['eights']} x 8{similarity}"
        )
