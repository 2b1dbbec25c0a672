"""Offer the moves of the demo set where the library has none of which a dance can be made."""

from __future__ import annotations

import sys
from functools import partial

from infra.settings import Settings
from schemas.faults import Poison, Retryable
from schemas.reasons import Reason
from streams.cli.output import confirm, print_line
from streams.cli.wait_watch import WaitWatch
from streams.local.services import Endpoint, waits_for

_LIBRARY_REASONS: tuple[Reason, Reason] = ("empty_library", "no_usable_moves")


def provide_moves(settings: Settings, endpoint: Endpoint, *, demo_moves: bool, as_json: bool) -> None:
    """Index the demo moves where the library has no moves to dance, and `demo_moves` or the user wants them.

    Without a terminal to ask on, the song is submitted all the same: what is wrong with it is found first, and then
    scoring refuses the library. Raises: `Poison` (`empty_library`, `no_usable_moves`) where the user refuses.
    """
    with WaitWatch(partial(waits_for, settings), print_line):
        moves = _unusable_moves(endpoint)
    if moves is None or not _has_demo_moves(settings):
        return
    if demo_moves:
        index_demo_moves(settings)
    elif not as_json and sys.stdin.isatty() and sys.stderr.isatty():
        _offer_on_terminal(settings, moves)


def with_offer(settings: Settings, message: str, reason: str) -> str:
    """Return the message of a failed song, with the option that helps where the library has no moves to dance."""
    helps = reason in _LIBRARY_REASONS and _has_demo_moves(settings)
    return f"{message}, or give --demo-moves to index the demo moves" if helps else message


def index_demo_moves(settings: Settings) -> None:
    """Index the moves of the demo set. Raises: `Poison` (`demo_clip`) where one of them fails."""
    from streams.cli.index import index_clips

    print_line("indexing the demo moves")
    report = index_clips(settings, [settings.demo_dir / "clips"], settings.demo_dir / "annotations.json")
    for clip in report["clips"]:
        if clip["status"] == "failed":
            raise Poison(f"{clip['clip']}: {clip['error']}", "demo_clip")


def _unusable_moves(endpoint: Endpoint) -> int | None:
    """Return the number of moves if none can be used, else None; also while that is not known, as scoring waits."""
    try:
        library = endpoint.get("/library/usable")
    except (Retryable, LookupError):
        return None
    return None if library["usable"] else int(library["moves"])


def _offer_on_terminal(settings: Settings, moves: int) -> None:
    problem = "no move of the library can be used" if moves else "the library has no moves"
    if not confirm(f"{problem[0].upper()}{problem[1:]}. Index the demo moves first?"):
        raise Poison(f"{problem}: index clips, `bachata index FOLDER`", _LIBRARY_REASONS[bool(moves)])
    index_demo_moves(settings)


def _has_demo_moves(settings: Settings) -> bool:
    return any((settings.demo_dir / "clips").glob("*.mp4"))
