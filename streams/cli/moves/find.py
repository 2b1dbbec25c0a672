"""`moves list` and `moves search`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from agents.move_indexing.library_gaps import LibraryMove, library_gaps
from agents.texts import first_few
from infra.settings import load_settings
from schemas.base import Options
from schemas.faults import Poison
from schemas.limits import MAX_SEARCHED_DURATION_S, MAX_SEARCHED_TEMPO_BPM
from schemas.move_annotated import MoveAnnotation
from streams.cli.choices import choices
from streams.cli.moves.group import count_text, moves
from streams.cli.output import command, print_json, print_line, print_output
from streams.files.user_files import check_targets, write_out
from streams.local.services import stream
from streams.watch.state import clips_without_source

_FILE = click.Path(path_type=Path, dir_okay=False)
_DIVERSITY = 0.5  # of --varied: the weight of the difference between the moves
_OPTIONS = {  # of the conditions of a query
    "tempo_bpm": "tempo",
    "difficulties": "difficulty",
    "energies": "energy",
    "categories": "category",
    "roles": "role",
    "styles": "style",
    "duration_s": "duration",
}
_RANGE = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,4})?)-([0-9]{1,5}(?:\.[0-9]{1,4})?)")


@moves.command(name="list")
@click.option("--embeddings", is_flag=True, help="With --json: also each move's 512 values.")
@click.option("--html", "page", type=_FILE, help="Write a page with a picture of each move, to open in a browser.")
@command
def list_moves(embeddings: bool, page: Path | None, as_json: bool) -> None:
    """List all moves, how many there are of each category, and what the library lacks."""
    if page is not None:
        check_targets([page])
    settings = load_settings()
    with stream(settings, print_line) as endpoint:
        found = endpoint.get("/moves" + ("?embeddings=1" if embeddings else ""))
    gone = clips_without_source(settings)
    found["moves"] = [move | {"without_source": move["sha256"] in gone} for move in found["moves"]]
    found |= {"categories": _categories(found["moves"]), "gaps": library_gaps(list(map(_library_move, found["moves"])))}
    if page is not None:
        found["html"] = str(_write_page(found, page))
    _print_moves(found, as_json)
    if not as_json:
        _print_summary(found)


def _library_move(move: Mapping[str, Any]) -> LibraryMove:
    return LibraryMove(*(move[name] for name in LibraryMove._fields))


def _categories(moves: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return the number of moves of each category, the largest first."""
    return dict(Counter(move["category"] for move in moves).most_common())


def _write_page(found: Mapping[str, Any], page: Path) -> Path:
    from streams.cli.moves.library_page import library_page, stills

    content = library_page(found, stills(found["moves"]))
    return write_out(content.encode(), page)


def _print_summary(found: Mapping[str, Any]) -> None:
    if found["moves"]:
        counts = ", ".join(f"{category} {count}" for category, count in found["categories"].items())
        print_line(f"{len(found['moves'])} moves: {counts}")
        for gap in found["gaps"]:
            print_line(f"missing: {gap}")
        unsure = [move["clip"] for move in found["moves"] if move["count"] == "unsure"]
        if unsure:
            print_line(
                f"the 1 is unsure of {first_few(unsure)}: settle it with `bachata moves edit MOVE --first-one S`"
            )
    if "html" in found:
        print_output(found["html"])


@moves.command()
@click.option("--like", metavar="MOVE", help="Order by similarity to this move: the name or SHA-256 of its clip.")
@click.option("--tempo", metavar="LO-HI", help="Only moves in this range of beats per minute, such as 120-135.")
@click.option("--difficulty", type=choices(Options, "difficulty"), help="Only moves of this difficulty.")
@click.option("--energy", type=choices(Options, "energy"), help="Only moves with this energy.")
@click.option("--category", "categories", multiple=True, help="Only moves of this category; may be repeated.")
@click.option("--role", "roles", multiple=True, type=choices(MoveAnnotation, "role"), help="Only moves of this role.")
@click.option("--style", "styles", multiple=True, help="Only moves of this style; may be repeated.")
@click.option("--duration", metavar="LO-HI", help="Only clips of this range of seconds, such as 5-12.")
@click.option("--varied", is_flag=True, help="With --like: moves that also differ from each other.")
@click.option("--strict", is_flag=True, help="Soften no condition: print nothing where no move meets all of them.")
@click.option("--top", type=click.IntRange(1, 1000), default=10, show_default=True, help="Number of moves to print.")
@command
def search(
    like: str | None,
    tempo: str | None,
    difficulty: str | None,
    energy: str | None,
    categories: tuple[str, ...],
    roles: tuple[str, ...],
    styles: tuple[str, ...],
    duration: str | None,
    varied: bool,
    strict: bool,
    top: int,
    as_json: bool,
) -> None:
    """Search the library. Categories and styles are compared without regard to case.

    Where no move meets all conditions, some are softened: style, role, category, duration, energy, difficulty, tempo.
    """
    if varied and not like:
        raise Poison("--varied needs a move to be similar to: give --like MOVE", reason="invalid_query")
    query = {
        "like": like,
        "tempo_bpm": _parse_range(tempo, "tempo", MAX_SEARCHED_TEMPO_BPM) if tempo else None,
        "difficulties": [difficulty] if difficulty else [],
        "energies": [energy] if energy else [],
        "categories": categories,
        "roles": roles,
        "styles": styles,
        "duration_s": _parse_range(duration, "duration", MAX_SEARCHED_DURATION_S) if duration else None,
        "diversity": _DIVERSITY if varied else 0.0,
        "soften": not strict,
        "limit": top,
    }
    with stream(load_settings(), print_line) as endpoint:
        try:
            found = endpoint.post("/moves/search", query)
        except ValueError as error:
            raise Poison(str(error), reason="invalid_query") from error
    found["softened"] = [_OPTIONS[name] for name in found["softened"]]
    if found["softened"]:
        print_line(f"no move meets all conditions; softened: {', '.join(found['softened'])}")
    _print_moves(found, as_json)


def _parse_range(text: str, name: str, highest: float) -> tuple[float, float]:
    found = _RANGE.fullmatch(text)
    low, high = (float(part) for part in found.groups()) if found else (1.0, 0.0)
    if not low <= high <= highest:
        example = "120-135" if name == "tempo" else "5-12"
        message = f"'{text}' is not a {name} range; write it as {example}, at most {highest:.0f}"
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
        gone = "  its file is gone" if move.get("without_source") else ""
        print_output(
            f"{move['clip']:28} {move['move']:24} {move['difficulty']:12} {move['energy']:7} "
            f"{move['tempo_bpm']:6.1f} BPM  {move['eights']} x 8  {count_text(move, hint=False)}{similarity}{gone}"
        )
