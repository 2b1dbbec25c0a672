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


def provide_moves(settings: Settings, endpoint: Endpoint, *, demo_moves: bool, as_json: bool) -> None:
    """Return if the library has moves to dance; else index the demo moves, if `demo_moves` or the user wants them.

    Raises: `Poison` (`empty_library`, `no_usable_moves`) where neither is the case.
    """
    with WaitWatch(partial(waits_for, settings), print_line):
        moves = _unusable_moves(endpoint)
    if moves is None:
        return
    problem = "no move of the library can be used" if moves else "the library has no moves"
    has_demo = any((settings.demo_dir / "clips").glob("*.mp4"))
    if has_demo and (demo_moves or _wants_demo_moves(problem, as_json)):
        index_demo_moves(settings)
        return
    offer = ", or give --demo-moves to index the demo moves" if has_demo else ""
    reason: Reason = "no_usable_moves" if moves else "empty_library"
    raise Poison(f"{problem}: index {'longer ' if moves else ''}clips, `bachata index FOLDER`{offer}", reason)


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


def _wants_demo_moves(problem: str, as_json: bool) -> bool:
    if as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return confirm(f"{problem[0].upper()}{problem[1:]}. Index the demo moves first?")
