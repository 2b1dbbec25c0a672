"""The part of the move index that does not depend on the engine: digests, library version, order of the hits."""

from __future__ import annotations

import logging
import math
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeVar, overload

from pydantic import ValidationError

from infra.move_index.digests import Digests, annotated_digest, move_digest, summary_json
from schemas.faults import Poison, Unavailable, invalid_event
from schemas.move_indexed import Move, MoveSummary
from schemas.reasons import Reason

VECTOR_SIZE = 512
COLLECTION = "bachata_moves"
KEYWORD_FIELDS = ("clip_sha256", "difficulty", "energy", "category", "move")
RANGE_FIELDS = ("tempo_bpm",)
_DIGEST_FIELDS = ("clip_sha256", "digest")
M = TypeVar("M", bound=MoveSummary)
_PAGE_SIZE = 512  # points
_BATCH_SIZE = 256  # points of one write
_MAX_SUM = 1e6  # of a query's vector, without signs; the squares of larger numbers overflow in the engine's 32 bits
_MAX_VALUES = 100  # of a filter
_MAX_CACHED_SUMMARIES = 4096
log = logging.getLogger(__name__)


class MoveIndexError(Unavailable):
    """The move index cannot be used now; no move is lost, since the topic `move-indexed` has all of them."""

    def __init__(self, message: str, reason: Reason = "move_index") -> None:
        super().__init__(message, reason)


class MoveIndexLockedError(MoveIndexError):
    """Another process has the index open."""


class MoveHit(NamedTuple):
    """A move that matches a search, and its cosine similarity to the query, -1 to 1 (0 without a query)."""

    move: MoveSummary
    similarity: float


class MoveFilter(NamedTuple):
    """The conditions that a move must meet; an empty filter matches every move.

    The tempo range includes both of its ends, which are finite.
    """

    tempo_bpm: tuple[float, float] | None = None
    difficulties: tuple[str, ...] = ()
    energies: tuple[str, ...] = ()

    def keywords(self) -> dict[str, list[str]]:
        """Return the restricted keyword fields, each with its allowed values."""
        allowed = {"difficulty": list(self.difficulties), "energy": list(self.energies)}
        return {field: values for field, values in allowed.items() if values}

    def problem(self) -> str | None:
        """Return what is not valid, else None: the engine may panic on such a filter."""
        if self.tempo_bpm is not None and not _is_range(self.tempo_bpm):
            return "the tempo range is not two finite numbers, the lower one first"
        for field, values in self.keywords().items():
            if len(values) > _MAX_VALUES or not all(isinstance(value, str) and value.isprintable() for value in values):
                return f"{field} has more than {_MAX_VALUES} values, or one that is no printable text"
        return None


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


class MoveIndex(ABC):
    """512-d cosine search over moves, filtered by tempo, difficulty and energy; a lock makes every method thread-safe.

    The id of a move's point is derived from its clip, so a clip that is indexed again replaces its earlier move. A
    digest of every move is in memory: the version needs no scan, and a move that is already stored needs no write. The
    engine is opened on first use. Every call raises `Unavailable` while the engine cannot be used, and works again as
    soon as it can.
    """

    is_shared = False  # whether other processes write to it too, so that a digest in memory may be of an older point

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._digests = Digests({})
        self._left_out: set[str] = set()  # ids of points

    def upsert(self, *moves: Move) -> None:
        """Store moves in place of earlier ones of the same clips; an unchanged move is not written again."""
        digests = {move.clip.sha256: move_digest(move) for move in moves}
        with self._opened():
            stored = {} if self.is_shared else self._digests.by_clip
            changed = [move for move in moves if stored.get(_clip(move)) != digests[_clip(move)]]
            for part in _batches(changed):
                self._put([_new_point(move, digests[_clip(move)]) for move in part])
                self._left_out.difference_update(point_id(_clip(move)) for move in part)
                self._digests.set({_clip(move): digests[_clip(move)] for move in part})

    def summary(self, clip_sha256: str) -> MoveSummary | None:
        """Return the move of a clip without its embedding, or None where it is not stored."""
        with self._opened():
            point = self._retrieve(point_id(clip_sha256), vector=False)
        return _summary(point) if point else None

    def replace_summaries(self, *summaries: MoveSummary) -> None:
        """Replace the summaries of moves, except those that are no longer stored; their embeddings stay."""
        with self._opened():
            self._catch_up()
            stored = [summary for summary in summaries if _clip(summary) in self._digests.by_clip]
            digests = {_clip(summary): self._digest_of(summary) for summary in stored}
            for part in _batches(stored):
                self._put_payloads(
                    {point_id(_clip(summary)): _payload(summary, digests[_clip(summary)]) for summary in part}
                )
                self._digests.set({_clip(summary): digests[_clip(summary)] for summary in part})

    def digest_of(self, move: MoveSummary) -> str:
        """Return the digest that a move has, or a summary that replaces that of a stored move. Raises: `KeyError`."""
        with self._opened():
            return self._digest_of(move)

    def _digest_of(self, move: MoveSummary) -> str:
        return (
            move_digest(move) if isinstance(move, Move) else annotated_digest(move, self._digests.by_clip[_clip(move)])
        )

    def clear(self) -> None:
        """Remove all moves."""
        for clip in self.clips():
            self.remove(clip)

    def remove(self, clip_sha256: str) -> bool:
        """Remove the move of a clip, also one that cannot be read; return whether it was there."""
        with self._opened():
            self._catch_up()
            self._delete(point_id(clip_sha256))
            self._left_out.discard(point_id(clip_sha256))
            return self._digests.remove(clip_sha256)

    def clips(self) -> list[str]:
        """Return the sha256 of every move's clip, sorted; also of moves that cannot be read."""
        with self._opened():
            self._catch_up()
            return sorted(self._digests.by_clip)

    def flush(self) -> None:
        """Make the stored moves durable against a power failure; a killed process loses nothing even without it."""
        with self._opened():
            self._flush()

    def close(self) -> None:
        """Close the engine; closing it again has no effect."""
        with self._lock:
            self._close()

    def count(self) -> int:
        """Return the number of moves."""
        with self._opened():
            return self._count()

    def version(self) -> str:
        """Return a hash over every clip and its move, annotations included: 64 hex digits."""
        with self._opened():
            self._catch_up()
            return self._digests.version()

    def version_with(self, digests: Mapping[str, str | None]) -> str:
        """Return the version with these digests in place of those of the same clips, None: without the clip."""
        with self._opened():
            return self._digests.version(digests)

    def digest(self, clip_sha256: str) -> str | None:
        """Return the digest of the move of a clip, or None where it is not stored."""
        with self._opened():
            return self._digests.by_clip.get(clip_sha256)

    def search(
        self,
        *,
        vector: Sequence[float] | None = None,
        tempo_bpm: tuple[float, float] | None = None,
        difficulties: Sequence[str] = (),
        energies: Sequence[str] = (),
        limit: int = 10,
    ) -> list[MoveHit]:
        """Return the `limit` most similar moves that pass all filters, by falling similarity to `vector` (512 values).

        Moves of equal similarity are ordered by point id; without a vector, the first `limit` moves by point id are
        returned. The search is exact, so the same moves give the same hits. Moves that cannot be read are left out, and
        do not count. Raises: `Poison` (`invalid_query`) for a vector, filter or limit that no engine can search with.
        """
        move_filter = MoveFilter(tempo_bpm, tuple(difficulties), tuple(energies))
        problem = move_filter.problem() or _vector_problem(vector) or _limit_problem(limit)
        if problem:
            raise Poison(f"the search is not valid: {problem}", reason="invalid_query")
        searched = limit
        while True:
            with self._opened():
                if searched > _PAGE_SIZE:
                    searched = min(searched, self._count() + 1)  # the engine may reserve memory for all hits
                points = self._search(vector, move_filter, searched)
            hits = [MoveHit(move, point.score) for point in points if (move := self._readable(point))]
            if len(hits) >= limit or len(points) < searched:
                return hits[:limit]
            searched *= 4

    def unreadable(self) -> int:
        """Return the number of moves that searches have left out, as they cannot be read."""
        with self._lock:
            return len(self._left_out)

    def _readable(self, point: StoredPoint) -> MoveSummary | None:
        summary = _summary(point)
        if summary is None:
            self._left_out.add(point.id)
        return summary

    def _search(self, vector: Sequence[float] | None, move_filter: MoveFilter, limit: int) -> list[StoredPoint]:
        if vector is None:
            points = self._scroll(None, limit, move_filter)[0]
        else:
            points = self._nearest_with_ties(vector, move_filter, limit)
        return sorted(points, key=lambda point: (-point.score, point.id))[:limit]

    def get(self, clip_sha256: str) -> Move | None:
        """Return the move of a clip, or None where it is not stored."""
        with self._opened():
            point = self._retrieve(point_id(clip_sha256))
        return _move(point) if point else None

    @overload
    def all_moves(self, embeddings: Literal[True] = True) -> list[Move]: ...

    @overload
    def all_moves(self, embeddings: Literal[False]) -> list[MoveSummary]: ...

    def all_moves(self, embeddings: bool = True) -> list[Move] | list[MoveSummary]:
        """Return all moves sorted by name: `Move` with embeddings, `MoveSummary` without."""
        with self._opened():
            points = list(self._scan(vectors=embeddings))
        if embeddings:
            return sorted((move for point in points if (move := _move(point))), key=_by_name)
        return sorted((summary for point in points if (summary := _summary(point))), key=_by_name)

    @contextmanager
    def _opened(self) -> Iterator[None]:
        with self._lock:
            self._open()
            yield

    def _nearest_with_ties(self, vector: Sequence[float], move_filter: MoveFilter, limit: int) -> list[StoredPoint]:
        """Return the `limit` nearest points and all that tie with the last: which ties an engine cuts is undefined."""
        query_limit = limit + 1
        while True:
            points = self._nearest(vector, move_filter, query_limit)
            if len(points) < query_limit or points[-1].score < points[limit - 1].score:
                return points
            query_limit *= 4

    def _load_digests(self) -> None:
        """Replace the digests by those of the stored points. Raises: `KeyError` where a point has none."""
        points = self._scan(fields=_DIGEST_FIELDS)
        self._digests = Digests({point.payload["clip_sha256"]: point.payload["digest"] for point in points})

    def _scan(self, fields: Sequence[str] = (), vectors: bool = False) -> Iterator[StoredPoint]:
        offset: str | None = None
        while True:
            points, offset = self._scroll(offset, _PAGE_SIZE, MoveFilter(), fields, vectors)
            yield from points
            if offset is None:
                return

    @abstractmethod
    def _open(self) -> None:
        """Make the engine ready for a call, if it is not ready yet."""

    @abstractmethod
    def _put(self, points: Sequence[NewPoint]) -> None: ...

    @abstractmethod
    def _put_payloads(self, payloads: Mapping[str, dict[str, Any]]) -> None:
        """Replace the payloads of stored points, by the points' ids."""

    @abstractmethod
    def _delete(self, point_id: str) -> None: ...

    @abstractmethod
    def _nearest(self, vector: Sequence[float], move_filter: MoveFilter, limit: int) -> list[StoredPoint]: ...

    @abstractmethod
    def _scroll(
        self, offset: str | None, limit: int, move_filter: MoveFilter, fields: Sequence[str] = (), vectors: bool = False
    ) -> tuple[list[StoredPoint], str | None]: ...

    @abstractmethod
    def _retrieve(self, point_id: str, vector: bool = True) -> StoredPoint | None: ...

    @abstractmethod
    def _count(self) -> int: ...

    @abstractmethod
    def _flush(self) -> None: ...

    @abstractmethod
    def _close(self) -> None: ...

    def _catch_up(self) -> None:
        """Read the digests that other processes wrote; the default is for an index with one writer."""
        return


def point_id(clip_sha256: str) -> str:
    """Return the id of a clip's point: a UUIDv5 of the clip's content hash."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:sha256:{clip_sha256}"))


def _batches(moves: Sequence[M]) -> Iterator[Sequence[M]]:
    return (moves[start : start + _BATCH_SIZE] for start in range(0, len(moves), _BATCH_SIZE))


def _clip(move: MoveSummary) -> str:
    return move.clip.sha256


def _new_point(move: Move, digest: str) -> NewPoint:
    return NewPoint(point_id(_clip(move)), _payload(move, digest), move.embedding)


def _is_range(values: tuple[float, float]) -> bool:
    return len(values) == 2 and -math.inf < values[0] <= values[1] < math.inf  # false for NaN


def _vector_problem(vector: Sequence[float] | None) -> str | None:
    if vector is None or (len(vector) == VECTOR_SIZE and sum(map(abs, vector)) <= _MAX_SUM):  # false for NaN
        return None
    return f"the vector is not {VECTOR_SIZE} finite numbers, together at most {_MAX_SUM:g}"


def _limit_problem(limit: int) -> str | None:
    return None if isinstance(limit, int) and limit >= 1 else "the limit is not a whole number from 1 on"


def _payload(move: MoveSummary, digest: str) -> dict[str, Any]:
    fields = {name: getattr(move, name) for name in (*RANGE_FIELDS, "difficulty", "energy", "category", "move")}
    return {"clip_sha256": move.clip.sha256, "digest": digest, "card": summary_json(move), **fields}


def _summary(point: StoredPoint) -> MoveSummary | None:
    return _parse_summary(str(point.payload.get("card", "")))


@lru_cache(maxsize=_MAX_CACHED_SUMMARIES)
def _parse_summary(text: str) -> MoveSummary | None:
    """Return the stored summary, or None with one warning where it is not valid: another program version wrote it."""
    try:
        return MoveSummary.model_validate_json(text)
    except ValidationError as error:
        fault = invalid_event(MoveSummary, error)
        log.warning("a move is left out until its clip is indexed again or it is removed: %s: %.200s", fault, text)
        return None


def _move(point: StoredPoint) -> Move | None:
    summary = _summary(point)
    return None if summary is None else Move.model_construct(**dict(summary), embedding=tuple(point.vector))


def _by_name(move: MoveSummary) -> tuple[str, str]:
    return move.name, move.clip.sha256
