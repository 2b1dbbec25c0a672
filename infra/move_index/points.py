"""A move as a point of the index: its id, payload and vector, and back."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import ValidationError

from infra.move_index.digests import summary_json
from infra.move_index.filters import filter_fields
from schemas.faults import invalid_event
from schemas.move_indexed import Move, MoveSummary

DIGEST_FIELDS = ("clip_sha256", "digest")
SUMMARY_FIELD = "card"  # a move without its embedding, as JSON: the name under which earlier versions stored it
# Each has about 30 objects, which Python's garbage collector visits: with thousands, some searches took 1 ms longer.
_MAX_CACHED_SUMMARIES = 512
log = logging.getLogger(__name__)


class StoredPoint(NamedTuple):
    """A point as the engine returns it."""

    id: str
    payload: dict[str, Any]
    vector: Sequence[float]
    score: float


class NewPoint(NamedTuple):
    """A point to write."""

    id: str
    payload: dict[str, Any]
    vector: Sequence[float]


def point_id(clip_sha256: str) -> str:
    """Return the id of a clip's point: a UUIDv5 of the clip's content hash."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:sha256:{clip_sha256}"))


def new_point(move: Move, digest: str) -> NewPoint:
    """Return the point of a move."""
    return NewPoint(point_id(move.clip.sha256), payload_of(move, digest), move.embedding)


def payload_of(move: MoveSummary, digest: str) -> dict[str, Any]:
    """Return what is stored beside a move's vector: its summary as JSON, its digest, and the fields of filters."""
    return {"clip_sha256": move.clip.sha256, "digest": digest, SUMMARY_FIELD: summary_json(move), **filter_fields(move)}


def clip_of(point: StoredPoint) -> str | None:
    """Return the clip's sha256 of a point that has the fields of `DIGEST_FIELDS`; None for one of another program."""
    clip, digest = (point.payload.get(field) for field in DIGEST_FIELDS)
    is_move = isinstance(clip, str) and isinstance(digest, str) and point_id(clip) == point.id
    return clip if is_move else None


def bytes_of(payload: Mapping[str, Any], vector: Sequence[float] = ()) -> int:
    """Return about how many bytes a point takes in a request: a quote of its summary takes two, a number up to 22."""
    return 2 * len(payload[SUMMARY_FIELD].encode()) + 22 * len(vector) + 500


def summary_of(point: StoredPoint) -> MoveSummary | None:
    """Return the move of a point, or None where it cannot be read."""
    return _parse_summary(str(point.payload.get(SUMMARY_FIELD, "")))


def move_of(point: StoredPoint) -> Move | None:
    """Return the move of a point that has its vector, or None where it cannot be read."""
    summary = summary_of(point)
    return None if summary is None else Move.model_construct(**dict(summary), embedding=tuple(point.vector))


@lru_cache(maxsize=_MAX_CACHED_SUMMARIES)
def _parse_summary(text: str) -> MoveSummary | None:
    """Return the stored summary, or None with one warning where it is not valid: another program version wrote it."""
    try:
        return MoveSummary.model_validate_json(text)
    except ValidationError as error:
        fault = invalid_event(MoveSummary, error)
        log.warning("a move is left out until its clip is indexed again or it is removed: %s: %.200s", fault, text)
        return None
