"""`moves boundaries`: list how the couple stands where eights begin and end, the least sure first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import nsmallest
from pathlib import Path
from typing import Any

import click

from agents.step import throttled
from agents.texts import first_few
from infra.settings import load_settings
from schemas.boundary import Boundary
from schemas.move_indexed import MoveSummary
from streams.cli.choices import choices
from streams.cli.moves.group import moves, resolve
from streams.cli.output import command, print_json, print_line, print_output
from streams.files.user_files import check_targets, write_out
from streams.local.services import Endpoint, stream
from streams.operations.boundaries import ClipBoundary, boundaries_of

_FILE = click.Path(path_type=Path, dir_okay=False)
_PROGRESS_INTERVAL_S = 2.0
_MAX_LISTED = 2_000  # of about 20 KB in the page: with many more, a browser needs minutes to open it


@moves.command()
@click.argument("names", metavar="[MOVE]...", nargs=-1)
@click.option("--html", "page", type=_FILE, help="Write a page with a picture of each, to open in a browser.")
@click.option("--hold", type=choices(Boundary, "hold"), help="Only boundaries with this hold.")
@click.option("--count", "on_count", type=click.IntRange(1, 8), help="Only boundaries on this count.")
@click.option(
    "--limit", type=click.IntRange(1, _MAX_LISTED), default=200, show_default=True, help="Number of boundaries."
)
@command
def boundaries(
    names: tuple[str, ...], page: Path | None, hold: str | None, on_count: int | None, limit: int, as_json: bool
) -> None:
    """List hold, joined hands, free feet and facing where the eights of clips begin and end, the least sure first.

    MOVE is the name of a clip, or at least 4 digits of its SHA-256; without any, all moves.
    """
    if page is not None:
        check_targets([page])

    def is_wanted(each: ClipBoundary) -> bool:
        return hold in {None, each.boundary.hold} and on_count in {None, each.count}

    chosen = _Chosen(limit, is_wanted)
    with stream(load_settings(), print_line) as endpoint:
        chosen.choose(_read_moves(endpoint, names))
    chosen.print_notes()
    html = str(_write_page(chosen.listed, page)) if page is not None else None
    if as_json:
        listed = [each.fields() for each in chosen.listed]
        return print_json({"boundaries": listed, "found": chosen.found, "html": html})
    if html:
        return print_output(html)
    for each in chosen.listed:
        print_output(_line(each))
    return None


class _Chosen:
    """The boundaries to list, at most `limit`, and what was left out; only these are in memory at once."""

    def __init__(self, limit: int, is_wanted: Callable[[ClipBoundary], bool]) -> None:
        self._limit = limit
        self._is_wanted = is_wanted
        self._without: list[str] = []
        self._moves = 0
        self.listed: list[ClipBoundary] = []
        self.found = 0

    def choose(self, read: Iterable[MoveSummary]) -> None:
        """Choose the least sure boundaries of moves."""
        self.listed = nsmallest(self._limit, self._wanted(read), key=lambda each: each.by_confidence)

    def _wanted(self, read: Iterable[MoveSummary]) -> Iterator[ClipBoundary]:
        for move in read:
            self._moves += 1
            if not move.boundaries:
                self._without.append(move.name)
            for each in filter(self._is_wanted, boundaries_of(move)):
                self.found += 1
                yield each

    def print_notes(self) -> None:
        """Print which moves have no boundaries, and how many boundaries are left out."""
        if not self._moves:
            print_line("no moves; `bachata index FOLDER` adds clips to the library")
        if self._without:
            print_line(f"without boundaries, index them again: {first_few(self._without)} ({len(self._without)} moves)")
        if self.found > len(self.listed):
            print_line(f"the {len(self.listed)} least sure of {self.found} boundaries; --limit N lists more")


def _read_moves(endpoint: Endpoint, names: Sequence[str]) -> Iterator[MoveSummary]:
    """Yield the named moves, or all. A move that is removed meanwhile is left out."""
    entries = endpoint.get("/moves")["moves"]
    clips = list(dict.fromkeys(resolve(name, entries) for name in names)) or [entry["sha256"] for entry in entries]
    report = throttled(lambda fraction: print_line(f"reading the moves: {fraction:.0%}"), _PROGRESS_INTERVAL_S)
    for number, clip in enumerate(clips, 1):
        found = _read_move(endpoint, clip)
        if found:
            yield MoveSummary.model_validate(found)
        report(number / len(clips))


def _read_move(endpoint: Endpoint, clip: str) -> dict[str, Any] | None:
    try:
        return endpoint.get(f"/moves/{clip}")
    except LookupError:
        return None


def _line(each: ClipBoundary) -> str:
    facts = each.facts
    hands = f"{facts.hold.marked}, {facts.hands.marked}"
    feet = f"free: lead {facts.lead_foot.marked}, follow {facts.follow_foot.marked}"
    return f"{each.clip:28} {each.time_s:7.2f} s  {each.count}  {hands:40} {feet:42} {facts.facing.marked}"


def _write_page(listed: Sequence[ClipBoundary], page: Path) -> Path:
    from streams.cli.moves.boundaries_page import boundaries_page, stills

    content = boundaries_page(listed, stills(listed))
    return write_out(content.encode(), page)
