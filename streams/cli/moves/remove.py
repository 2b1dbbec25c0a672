"""`moves remove`: remove moves from the library."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from time import monotonic, sleep
from typing import Any

import click

from infra.settings import load_settings
from schemas.faults import Retryable
from streams.cli.moves.group import moves, resolve
from streams.cli.output import command, print_json, print_line, print_output
from streams.cli.wait_watch import kafka_watch
from streams.local.services import Endpoint, stream

_SHA256 = re.compile(r"[0-9a-f]{64}")
_REMOVAL_TIMEOUT_S, _POLL_INTERVAL_S = 30.0, 0.1


@moves.command()
@click.argument("names", metavar="MOVE...", nargs=-1, required=True)
@command
def remove(names: tuple[str, ...], as_json: bool) -> None:
    """Remove each MOVE from the library: the name of its clip, or at least 4 digits of the clip's SHA-256.

    The clip stays in the media store. To have the move again, index the clip again.
    """
    from streams.operations.library_events import remove_moves

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
