"""The moves of the library that a plan names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schemas.faults import Poison
from schemas.move_indexed import MoveSummary
from schemas.moves_scored import MoveFit
from streams.cli.moves.group import resolve
from streams.local.library import wait_for_library
from streams.local.services import Endpoint

_MAX_CLIPS = 20  # of one move


def moves_of_library(endpoint: Endpoint, move: str) -> tuple[dict[str, MoveSummary], dict[str, MoveFit]]:
    """Return the clips with this name, or of a move with this name, by SHA-256, and their couples and rooms.

    Raises: `Poison` (`unknown_move`) if there is none.
    """
    wait_for_library(endpoint)
    entries = endpoint.get("/moves")["moves"]
    of_move = [entry["sha256"] for entry in entries if entry["move"].casefold() == move.casefold()][:_MAX_CLIPS]
    by_name = [entry["sha256"] for entry in entries if entry["clip"].casefold() == move.casefold()]
    clips = by_name or of_move or [resolve(move, entries)]
    moves = {sha: MoveSummary.model_validate(endpoint.get(f"/moves/{sha}")) for sha in clips}
    places = {
        found["sha256"]: MoveFit(couple=couple["name"], room=found["room"])
        for couple in endpoint.get("/couples")["couples"]
        for found in couple["moves"]
    }
    return moves, {sha: places[sha] for sha in clips if sha in places}


def check_moves(endpoint: Endpoint, planned: Mapping[str, MoveSummary], used: Iterable[str]) -> None:
    """Check that the library has the clips of a plan, with the same beats.

    Raises: `Poison` (`invalid_plan`) with a line for each clip that differs.
    """
    wait_for_library(endpoint)
    errors = []
    for sha in used:
        try:
            move = MoveSummary.model_validate(endpoint.get(f"/moves/{sha}"))
        except LookupError:
            errors.append(f"{planned[sha].name} is not in the library: `bachata index` adds it, or take another clip")
            continue
        if move.beats != planned[sha].beats:
            errors.append(f"{move.name} was indexed again since, with other beats: export the plan again, or change it")
    if errors:
        raise Poison(errors[0], reason="invalid_plan", errors=errors if len(errors) > 1 else ())
