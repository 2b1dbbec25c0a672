"""Index clips again whose count 1 is annotated anew: beats, eights and boundary states depend on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agents.playable import follows_annotated_one
from infra.settings import Settings
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import MoveIndexed, MoveSummary
from streams.cli.output import print_line
from streams.local.services import Endpoint
from streams.operations.first_one import first_one_problem, recount_request


def read_moves(endpoint: Endpoint, clips: Sequence[str]) -> list[MoveSummary]:
    """Return the library's moves of these clips, named by their sha256."""
    return [MoveSummary.model_validate(endpoint.get(f"/moves/{clip}")) for clip in clips]


def first_one_problems(endpoint: Endpoint, annotations: Mapping[str, MoveAnnotation]) -> dict[str, str]:
    """Return why an annotated time cannot be a count 1, by clip, for each clip of which it cannot."""
    times = {clip: annotation.first_one_s for clip, annotation in annotations.items()}
    moves = read_moves(endpoint, [clip for clip, time in times.items() if time is not None])
    problems = {move.clip.sha256: first_one_problem(move, times[move.clip.sha256]) for move in moves}
    return {clip: problem for clip, problem in problems.items() if problem}


def recount(endpoint: Endpoint, settings: Settings, moves: Sequence[MoveSummary]) -> dict[str, str]:
    """Index the clips of moves again with their annotations, wait, and return the errors, by clip.

    Warnings are printed, and progress as by `index`. Raises: as `follow`.
    """
    from streams.cli.follow_requests import follow

    requests = {move.clip.sha256: recount_request(move, settings.derived_dir) for move in moves}
    results, errors = follow(endpoint, list(requests.values())) if requests else {}, {}
    for clip, request in requests.items():
        result = results[str(request.request_id)]
        if not isinstance(result.result, MoveIndexed):
            errors[clip] = (result.ended.error if result.ended else None) or "no outcome"
            print_line(f"error: {request.clip}: {errors[clip]}")
            continue
        warnings = list(result.result.warnings)
        if not follows_annotated_one(result.result.move):
            warnings.append("its count 1 is not where it is annotated: index its clip again")
        for warning in warnings:
            print_line(f"warning: {request.clip}: {warning}")
    return errors
