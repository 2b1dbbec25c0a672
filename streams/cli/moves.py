"""`moves`: the library, listed, searched and drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from agents.move_indexing.draw_job import DRAW_MAP, DRAW_MOVE, DrawMap, DrawMove, MapPoint
from agents.step import throttled
from infra.settings import load_settings
from schemas.faults import Poison
from schemas.move_indexed import MoveSummary
from streams.cli.files import check_targets, copy_out
from streams.cli.output import command, print_json, print_line
from streams.jobs import run_job
from streams.local.services import stream

_FILE = click.Path(path_type=Path, dir_okay=False)
_SHORTEST_HASH = 4
_TELL_EVERY_S = 3.0


@click.group()
def moves() -> None:
    """List, search and draw the library."""


@moves.command(name="list")
@click.option("--embeddings", is_flag=True, help="With --json: also each move's 512 values.")
@command
def list_moves(embeddings: bool, as_json: bool) -> None:
    """List all moves."""
    with stream(load_settings(), print_line) as endpoint:
        found = endpoint.get("/moves" + ("?embeddings=1" if embeddings else ""))
    _show(found, as_json)


@moves.command()
@click.option("--like", metavar="MOVE", help="Moves that look and sound like this clip (its name or hash).")
@click.option("--tempo", metavar="LO-HI", help="Tempo range in BPM, such as 120-135.")
@click.option("--difficulty", type=click.Choice(["beginner", "intermediate", "advanced"]))
@click.option("--energy", type=click.Choice(["low", "medium", "high"]))
@click.option("--top", type=click.IntRange(1, 1000), default=10, show_default=True)
@command
def search(
    like: str | None, tempo: str | None, difficulty: str | None, energy: str | None, top: int, as_json: bool
) -> None:
    """Search for moves."""
    query = {
        "like": like,
        "tempo_bpm": _range(tempo) if tempo else None,
        "difficulties": [difficulty] if difficulty else [],
        "energies": [energy] if energy else [],
        "limit": top,
    }
    with stream(load_settings(), print_line) as endpoint:
        try:
            found = endpoint.post("/moves/search", query)
        except ValueError as error:
            raise Poison(str(error), reason="invalid_query") from error
    _show(found, as_json)


@moves.command()
@click.argument("move", metavar="MOVE")
@click.option("--png", type=_FILE, help="Draw its key frames with both skeletons, and its beats below (PNG).")
@click.option("--video", type=_FILE, help="Draw both skeletons and the counts on the clip (mp4).")
@command
def show(move: str, png: Path | None, video: Path | None, as_json: bool) -> None:
    """Draw the dancers of MOVE, a clip's name or the beginning of its hash."""
    wanted = {name: file for name, file in (("png", png), ("video", video)) if file}
    if not wanted:
        raise Poison("nothing to draw: give --png FILE, --video FILE or both", reason="no_target")
    _check(wanted.values())
    card = _card(move)
    _spare(wanted.values(), card)
    with TemporaryDirectory(prefix="bachata-") as folder:
        made = {name: Path(folder, name) for name in wanted}
        print_line(f"drawing {' and '.join(wanted)} of {card.name}")
        report = throttled(lambda fraction: print_line(f"{card.name}: {fraction:.0%}"), _TELL_EVERY_S)
        run_job(DRAW_MOVE, DrawMove(move=card, png=made.get("png"), video=made.get("video")), report)
        files = {name: str(copy_out(made[name], target)) for name, target in wanted.items()}
    _say({name: files.get(name) for name in ("png", "video")}, as_json)


@moves.command(name="map")
@click.option("--png", type=_FILE, required=True, help="Where to draw it (PNG).")
@command
def draw_map(png: Path, as_json: bool) -> None:
    """Draw all moves as points, near each other where they are alike, coloured by category."""
    _check([png])
    with stream(load_settings(), print_line) as endpoint:
        found = endpoint.get("/moves?embeddings=1")["moves"]
    if not found:
        raise Poison("no moves to draw; `bachata index FOLDER` takes clips into the library", reason="no_moves")
    newest = max(move["embedding_version"] for move in found)
    comparable = [move for move in found if move["embedding_version"] == newest]
    if len(comparable) < len(found):
        print_line(
            f"{len(found) - len(comparable)} moves were indexed by an older version: index them again to see them here"
        )
    with TemporaryDirectory(prefix="bachata-") as folder:
        _draw_map(comparable, Path(folder, "map"))
        _say({"png": str(copy_out(Path(folder, "map"), png))}, as_json)


def _draw_map(moves: Sequence[Mapping[str, Any]], target: Path) -> None:
    print_line(f"drawing {len(moves)} moves")
    points = [
        MapPoint(name=move["clip"], category=move["category"], embedding=tuple(move["embedding"])) for move in moves
    ]
    run_job(DRAW_MAP, DrawMap(points=tuple(points), png=target))


def _check(targets: Iterable[Path]) -> None:
    """Before anything is started. What lies in the media store is no file of a user's."""
    check_targets(targets, load_settings().media_dir)


def _spare(targets: Iterable[Path], card: MoveSummary) -> None:
    """The clip itself is not written over, wherever it was indexed from."""
    from infra.base.atomic_file import sha256_of

    for target in targets:
        alike = target.is_file() and target.stat().st_size == card.clip.size_bytes
        if alike and sha256_of(target) == card.clip.sha256:
            raise Poison(f"{target}: it is the clip itself; name another file", reason="bad_target")


def _card(move: str) -> MoveSummary:
    with stream(load_settings(), print_line) as endpoint:
        sha256 = resolve(move, endpoint.get("/moves")["moves"])
        return MoveSummary.model_validate(endpoint.get(f"/moves/{sha256}"))


def resolve(move: str, known: Sequence[Mapping[str, Any]]) -> str:
    """The hash of the clip that is meant by its name, or by its hash or the beginning of it.

    Raises `Poison` (`unknown_move`) where there is none, or several.
    """
    found = [entry["sha256"] for entry in known if entry["clip"] == move]
    if not found and len(move) >= _SHORTEST_HASH:
        found = [entry["sha256"] for entry in known if entry["sha256"].startswith(move.lower())]
    if len(found) == 1:
        return str(found[0])
    if found:
        which = ", ".join(sha256[:12] for sha256 in found[:5])
        raise Poison(f"'{move}' may be any of {len(found)} clips; name it by its hash: {which}", reason="unknown_move")
    raise Poison(f"no move '{move}' in the library; {_instead(move, known)}", reason="unknown_move")


def _instead(move: str, known: Sequence[Mapping[str, Any]]) -> str:
    near = get_close_matches(move, [str(entry["clip"]) for entry in known], n=3, cutoff=0.5)
    if near:
        return f"do you mean {' or '.join(near)}?"
    if known:
        return "`bachata moves list` names them"
    return "it is empty: `bachata index FOLDER` takes clips into it"


def _say(files: Mapping[str, str | None], as_json: bool) -> None:
    if as_json:
        return print_json(dict(files))
    for file in files.values():
        if file:
            click.echo(file)
    return None


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split("-"))
    except ValueError:
        raise Poison(f"'{text}' is no tempo range; write it as 120-135", reason="invalid_query") from None
    return low, high


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    if not found["moves"]:
        print_line("no moves; `bachata index FOLDER` takes clips into the library")
    for move in found["moves"]:
        alike = f"  {move['similarity']:.3f}" if "similarity" in move else ""
        click.echo(
            f"{move['clip']:28} {move['move']:24} {move['difficulty']:12} {move['energy']:7} "
            f"{move['tempo_bpm']:6.1f} BPM  {move['eights']} x 8{alike}"
        )
