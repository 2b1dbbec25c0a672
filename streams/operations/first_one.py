"""The count 1 of a clip: how sure it is, whether it can be where it is annotated, and the request to find it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agents.move_indexing.dancers.pose_quality import latest_pose
from agents.playable import certainty_of_one, displayed_windows, has_unsure_one, one_problem
from schemas.base import Source
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import MoveSummary
from schemas.move_submitted import MoveSubmitted
from streams.ids import new_request_id


def count_fields(move: MoveSummary) -> dict[str, Any]:
    """Return `count`, how sure a move's count 1 is, and `count_confidence`, 0 to 1, None where it is unknown.

    A count is also unsure where its 1 is not the annotated one; then its confidence may be high.
    """
    certainty = certainty_of_one(move)
    return {"count": certainty, "count_confidence": None if certainty == "unknown" else move.count_confidence}


def first_one_problem(move: MoveSummary, first_one_s: float | None) -> str:
    """Return why a clip cannot have a count 1 at a time, or nothing; None is no time."""
    return "" if first_one_s is None else one_problem(first_one_s, displayed_windows(move), move.beats, move.tempo_bpm)


def needs_recount(move: MoveSummary, before: MoveAnnotation | None) -> bool:
    """Return whether a move's counts are not those of its annotation. `before`: the annotation that it had earlier."""
    wanted_s = move.annotation.first_one_s if move.annotation else None
    if wanted_s != (before.first_one_s if before else None):
        return True
    return wanted_s is not None and has_unsure_one(move)


def recount_request(move: MoveSummary, cache_dir: Path) -> MoveSubmitted:
    """Return the request to index a move's clip again as it was, with its annotation.

    `cache_dir`: the folder of files that can be made again; with the detections that were kept there, nothing is looked
    at again.
    """
    return MoveSubmitted(
        source=Source(sha256=move.clip.sha256),
        clip=move.name,
        request_id=new_request_id(),
        annotation=move.annotation,
        **_quality(move.clip.sha256, cache_dir),
    )


def _quality(clip_sha256: str, cache_dir: Path) -> dict[str, Any]:
    """Return the fields of the pose detection that the clip was indexed with last; none where that is not known."""
    pose = latest_pose(cache_dir, clip_sha256)
    if pose is None:
        return {}
    if pose.quality is not None:
        return {"quality": pose.quality}
    return {"pose_rate_hz": pose.rate_hz, "pose_confidence": pose.confidence}
