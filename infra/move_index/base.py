"""The part of the move index that does not depend on the engine: digests, library version, order of the hits."""

from __future__ import annotations

import math
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any, Literal, NamedTuple, Self, TypeVar, overload

from infra.move_index.config import VECTOR_SIZE
from infra.move_index.digests import Digests, move_digest
from infra.move_index.engine import Diversity, Engine
from infra.move_index.errors import BusyError, TooLargeError
from infra.move_index.filters import KEYWORD_FIELDS, RANGE_FIELDS, MoveFilter
from infra.move_index.parts import PartSize
from infra.move_index.points import (
    DIGEST_FIELDS,
    SUMMARY_FIELD,
    NewPoint,
    StoredPoint,
    bytes_of,
    move_of,
    new_point,
    payload_of,
    point_id,
    summary_of,
)
from schemas.faults import Poison
from schemas.move_indexed import Move, MoveSummary

T = TypeVar("T")
_ALL_FIELDS = tuple(dict.fromkeys((*DIGEST_FIELDS, SUMMARY_FIELD, *KEYWORD_FIELDS, *RANGE_FIELDS)))
_SUMMARY = (SUMMARY_FIELD,)
_PAGE_SIZE = 512  # points
_VECTORS_PAGE_SIZE = 128  # points with vectors: 1.3 MB of JSON
_BATCH_SIZE = 256  # points that are made at once
_MAX_WAIT_S = 60.0  # without a point that is written
_TURN_S = 0.001  # between two parts: without a pause a thread that waits for the lock may not get it
_MAX_SUM = 1e6  # of a query's vector, without signs; the squares of larger numbers overflow in the engine's 32 bits
_MIN_CANDIDATES, _CANDIDATES_FOR_EACH_HIT = 100, 5  # of which varied hits are chosen


class MoveHit(NamedTuple):
    """A move that matches a search, and its cosine similarity to the query, -1 to 1 (0 without a query)."""

    move: MoveSummary
    similarity: float


class MoveIndex(Engine):
    """512-d cosine search over moves with filters; a lock makes every method thread-safe.

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
        self._part_size = PartSize(_BATCH_SIZE, math.inf)

    @abstractmethod
    def replacement(self) -> Self:
        """Return a new and empty index of the same kind, to be filled while this one is used."""

    @abstractmethod
    def replace_by(self, built: Self) -> None:
        """Replace what this one holds by what a replacement holds, atomically, and close the replacement."""

    @abstractmethod
    def exists(self) -> bool:
        """Return whether there is something to open; an index that is used is created first."""

    @abstractmethod
    def discard(self) -> None:
        """Remove the index with all its moves, and close it."""

    @abstractmethod
    def place(self) -> dict[str, Any]:
        """Return the backend and where its points are, without asking it."""

    @abstractmethod
    def description(self) -> dict[str, Any]:
        """Return which engine this is and where it stores its points. Raises: `Unavailable`."""

    def upsert(self, *moves: Move) -> None:
        """Store moves in place of earlier ones of the same clips; an unchanged move is not written again."""
        digests = {_clip(move): move_digest(move) for move in moves}
        with self._opened():
            stored = {} if self.is_shared else self._digests.by_clip
            changed = [move for move in moves if stored.get(_clip(move)) != digests[_clip(move)]]
        for batch in _batches(changed):
            self.write_points([new_point(move, digests[_clip(move)]) for move in batch])

    def write_points(self, points: Sequence[NewPoint]) -> None:
        """Store points of moves."""
        self._in_parts(points, self._write_points, lambda point: bytes_of(point.payload, point.vector))

    def _write_points(self, points: Sequence[NewPoint]) -> None:
        with self._opened():
            self._put(points)
            self._left_out.difference_update(point.id for point in points)
            self._digests.set({point.payload["clip_sha256"]: point.payload["digest"] for point in points})

    def read_points(self, after: str | None = None) -> tuple[list[StoredPoint], str | None]:
        """Return some points with vectors and all that is stored about them, and where to read on, None at the end."""
        with self._opened():
            return self._scroll(after, _VECTORS_PAGE_SIZE, MoveFilter(), _ALL_FIELDS, vectors=True)

    def find_points(self, point_ids: Sequence[str]) -> list[StoredPoint]:
        """Return those of these points that are stored, as `read_points` does."""
        with self._opened():
            return self._retrieve(point_ids, _ALL_FIELDS, vectors=True)

    def replace_summaries(self, *moves: Move) -> None:
        """Replace what is stored of moves beside their embeddings, except of those that are no longer stored."""
        with self._opened():
            self._catch_up()
            stored = [move for move in moves if _clip(move) in self._digests.by_clip]
        for batch in _batches(stored):
            payloads = [payload_of(move, move_digest(move)) for move in batch]
            self._in_parts(payloads, self._write_payloads, bytes_of)

    def _write_payloads(self, payloads: Sequence[dict[str, Any]]) -> None:
        with self._opened():
            self._put_payloads({point_id(payload["clip_sha256"]): payload for payload in payloads})
            self._digests.set({payload["clip_sha256"]: payload["digest"] for payload in payloads})

    def remove(self, *clips: str) -> int:
        """Remove the moves of clips, by sha256, also those that cannot be read; return how many of them were there."""
        removed: list[str] = []
        self._in_parts(clips, lambda part: removed.extend(self._remove(part)), len)
        return len(removed)

    def _remove(self, clips: Sequence[str]) -> list[str]:
        """Return the ids of those of the points that were there."""
        ids = [point_id(clip) for clip in clips]
        with self._opened():
            stored = [point.id for point in self._retrieve(ids, DIGEST_FIELDS, vectors=False)]
            if stored:
                self._delete(stored)
            self._left_out.difference_update(ids)
            for clip in clips:
                self._digests.remove(clip)
            return stored

    def digests(self) -> Mapping[str, str]:
        """Return the digest of each clip's move, by the clip's sha256; those that other processes wrote are read first.

        It is a copy, which later writes do not change.
        """
        with self._opened():
            self._catch_up()
            return dict(self._digests.by_clip)

    def clips(self) -> list[str]:
        """Return the sha256 of every move's clip, sorted; also of moves that cannot be read."""
        return sorted(self.digests())

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

    def search(  # noqa: PLR0913 - the conditions of a search
        self,
        *,
        vector: Sequence[float] | None = None,
        tempo_bpm: tuple[float, float] | None = None,
        difficulties: Sequence[str] = (),
        energies: Sequence[str] = (),
        categories: Sequence[str] = (),
        roles: Sequence[str] = (),
        styles: Sequence[str] = (),
        duration_s: tuple[float, float] | None = None,
        limit: int = 10,
        diversity: float = 0.0,
    ) -> list[MoveHit]:
        """Return the `limit` most similar moves that pass all filters, by falling similarity to `vector` (512 values).

        Moves of equal similarity are ordered by point id; without a vector, the first `limit` moves by point id are
        returned. The search is exact, so the same moves give the same hits. Moves that cannot be read are left out, and
        do not count. `diversity`, 0 to 1: the weight of the difference between the hits, which then are ordered by
        their maximal marginal relevance. Raises: `Poison` (`invalid_query`) for values that no engine can search with.
        """
        move_filter = MoveFilter(
            tempo_bpm=tempo_bpm,
            difficulties=tuple(difficulties),
            energies=tuple(energies),
            categories=tuple(categories),
            roles=tuple(roles),
            styles=tuple(styles),
            duration_s=duration_s,
        )
        return self.find(move_filter, vector, limit, diversity)

    def find(
        self, move_filter: MoveFilter, vector: Sequence[float] | None, limit: int, diversity: float = 0.0
    ) -> list[MoveHit]:
        """Return the hits of `search` for a filter. Raises: `Poison` (`invalid_query`)."""
        problem = move_filter.problem() or _vector_problem(vector) or _limit_problem(limit)
        problem = problem or _diversity_problem(vector, diversity)
        if problem:
            raise Poison(f"the search is not valid: {problem}", reason="invalid_query")
        varied = Diversity(diversity, max(_MIN_CANDIDATES, _CANDIDATES_FOR_EACH_HIT * limit)) if diversity else None
        searched = limit
        while True:
            with self._opened():
                if searched > _PAGE_SIZE:
                    searched = min(searched, self._count() + 1)  # the engine may reserve memory for all hits
                points = self._search(vector, move_filter, searched, varied)
            hits = [MoveHit(move, point.score) for point in points if (move := self._readable(point))]
            if len(hits) >= limit or len(points) < searched:
                return hits[:limit]
            searched *= 4

    def unreadable(self) -> int:
        """Return the number of moves that searches have left out, as they cannot be read."""
        with self._lock:
            return len(self._left_out)

    def _readable(self, point: StoredPoint) -> MoveSummary | None:
        summary = summary_of(point)
        if summary is None:
            self._left_out.add(point.id)
        return summary

    def _search(
        self, vector: Sequence[float] | None, move_filter: MoveFilter, limit: int, varied: Diversity | None
    ) -> list[StoredPoint]:
        if vector is None:
            points = self._scroll(None, limit, move_filter)[0]
        elif varied is not None:
            candidates = min(varied.candidates, self._count() + 1)
            return self._varied(vector, move_filter, min(limit, candidates), varied._replace(candidates=candidates))
        else:
            points = self._nearest_with_ties(vector, move_filter, limit)
        return sorted(points, key=lambda point: (-point.score, point.id))[:limit]

    def get(self, clip_sha256: str) -> Move | None:
        """Return the move of a clip, or None where it is not stored."""
        with self._opened():
            points = self._retrieve([point_id(clip_sha256)], _SUMMARY, vectors=True)
        return move_of(points[0]) if points else None

    def read(self, clips: Sequence[str]) -> list[Move]:
        """Return the moves of clips with their embeddings, except those that are not stored or cannot be read."""
        found: dict[str, Move] = {}
        for start in range(0, len(clips), _VECTORS_PAGE_SIZE):
            ids = [point_id(clip) for clip in clips[start : start + _VECTORS_PAGE_SIZE]]
            with self._opened():
                points = self._retrieve(ids, _SUMMARY, vectors=True)
            found |= {point.id: move for point in points if self._readable(point) and (move := move_of(point))}
        return [found[key] for clip in clips if (key := point_id(clip)) in found]

    @overload
    def all_moves(self, embeddings: Literal[True] = True) -> list[Move]: ...

    @overload
    def all_moves(self, embeddings: Literal[False]) -> list[MoveSummary]: ...

    def all_moves(self, embeddings: bool = True) -> list[Move] | list[MoveSummary]:
        """Return all moves sorted by name: `Move` with embeddings, `MoveSummary` without."""
        with self._opened():
            points = list(self._scan(vectors=embeddings))
        if embeddings:
            return sorted((move for point in points if (move := move_of(point))), key=_by_name)
        return sorted((summary for point in points if (summary := summary_of(point))), key=_by_name)

    def _in_parts(
        self, items: Sequence[T], write: Callable[[Sequence[T]], object], item_bytes: Callable[[T], int]
    ) -> None:
        """Write items in parts that the engine takes in time; between two of them the index can be searched.

        Raises: `Unavailable` where the engine does not take a single item.
        """
        done, waited_s = 0, 0.0
        while done < len(items):
            part = self._part_size.part(items, done, item_bytes)
            started = monotonic()
            try:
                write(part)
            except (TooLargeError, BusyError) as fault:
                waited_s += self._wait(fault, len(part), waited_s)
            else:
                self._part_size.succeeded(len(part), monotonic() - started)
                done, waited_s = done + len(part), 0.0
                sleep(_TURN_S)

    def _wait(self, fault: TooLargeError | BusyError, points: int, waited_s: float) -> float:
        """Wait until a part can be tried again; return the seconds. Raises the fault where there is no reason to."""
        is_too_large = isinstance(fault, TooLargeError)
        wait_s = fault.retry_after_s if fault.reason == "qdrant_away" else 0.0
        if (is_too_large and points == 1) or waited_s + wait_s > _MAX_WAIT_S:
            raise fault
        if is_too_large:
            self._part_size.failed(points)
        sleep(wait_s)
        self._check_answer()
        return wait_s

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
        points = self._scan(fields=DIGEST_FIELDS)
        self._digests = Digests({point.payload["clip_sha256"]: point.payload["digest"] for point in points})


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _BATCH_SIZE] for start in range(0, len(items), _BATCH_SIZE))


def _clip(move: MoveSummary) -> str:
    return move.clip.sha256


def _vector_problem(vector: Sequence[float] | None) -> str | None:
    if vector is None or (len(vector) == VECTOR_SIZE and sum(map(abs, vector)) <= _MAX_SUM):  # false for NaN
        return None
    return f"the vector is not {VECTOR_SIZE} finite numbers, together at most {_MAX_SUM:g}"


def _limit_problem(limit: int) -> str | None:
    return None if isinstance(limit, int) and limit >= 1 else "the limit is not a whole number from 1 on"


def _diversity_problem(vector: Sequence[float] | None, diversity: float) -> str | None:
    if not 0 <= diversity <= 1:  # true for NaN
        return "the diversity is not a number from 0 to 1"
    return "varied moves need a vector" if diversity and vector is None else None


def _by_name(move: MoveSummary) -> tuple[str, str]:
    return move.name, move.clip.sha256
