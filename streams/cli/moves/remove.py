"""`moves remove`: remove moves from the library."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

from infra.settings import load_settings
from streams.cli.moves.group import moves, resolve
from streams.cli.output import command, print_json, print_line, print_output
from streams.cli.wait_watch import kafka_watch
from streams.local.library import library_clips, wait_until_applied
from streams.local.services import stream

_SHA256 = re.compile(r"[0-9a-f]{64}")


@moves.command()
@click.argument("names", metavar="MOVE...", nargs=-1, required=True)
@command
def remove(names: tuple[str, ...], as_json: bool) -> None:
    """Remove each MOVE from the library: the name of its clip, or at least 4 digits of the clip's SHA-256.

    The clip stays in the media store. To have the move again, index the clip again.
    """
    from streams.operations.library_events import remove_moves

    with stream(load_settings(), print_line) as endpoint:
        entries = removable(endpoint.get("/moves")["moves"], sorted(library_clips(endpoint)))
        removed = {clip: _name_of(clip, entries) for clip in (_removed_clip(name, entries) for name in names)}
        with kafka_watch(endpoint.kafka, print_line):
            asyncio.run(remove_moves(endpoint.kafka, list(removed)))
        wait_until_applied(lambda: library_clips(endpoint).isdisjoint(removed), "removed")
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
