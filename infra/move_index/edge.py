"""The move index in this process: Qdrant Edge, Qdrant's own engine, over one folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import qdrant_edge as qe

from infra.move_index.base import (
    KEYWORD_FIELDS,
    RANGE_FIELDS,
    VECTOR_SIZE,
    MoveIndex,
    MoveIndexCorruptError,
    MoveIndexError,
    MoveIndexLockedError,
    Stored,
    Wanted,
)

T = TypeVar("T")
_TEXTS_KEPT = 32_768  # cards as text, about 3 kB each: the engine takes longer to unpack them than to search


class EdgeMoveIndex(MoveIndex):
    """A persistent index in `folder`, owned by one process at a time. What was put in survives kill -9.

    Opening raises `MoveIndexLockedError` while another process has it open, and `MoveIndexCorruptError` where the
    folder cannot be read: the caller may remove it and build it again.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._open: qe.EdgeShard | None = None
        self._texts: dict[str, str] = {}
        try:
            with _panics_are_errors():
                self._open = _load_or_create(folder)
                _ensure_fields(self._open)
                self._recall()
        except Exception as error:
            self._close()
            raise _why_not(folder, error) from error

    @property
    def _shard(self) -> qe.EdgeShard:
        if self._open is None:
            raise MoveIndexError("the move index is closed")
        return self._open

    def _put(self, point: str, vector: Sequence[float], payload: dict[str, Any]) -> None:
        points = [qe.Point(point, list(vector), payload)]
        self._texts.pop(point, None)
        self._run(lambda shard: shard.update(qe.UpdateOperation.upsert_points(points)))
        self._keep_texts({point: payload["card"]})

    def _nearest(self, vector: Sequence[float], wanted: Wanted, limit: int) -> list[Stored]:
        request = qe.QueryRequest(
            limit=limit,
            query=qe.Query.Nearest(list(vector)),
            filter=_filter(wanted),
            params=qe.SearchParams(exact=True),
        )
        found = [(str(point.id), point.score) for point in self._run(lambda shard: shard.query(request))]
        texts = self._cards([point for point, _ in found])
        return [Stored(point, {"card": texts[point]}, (), score) for point, score in found]

    def _cards(self, points: list[str]) -> dict[str, str]:
        known = {point: self._texts[point] for point in points if point in self._texts}
        missing: list[Any] = [point for point in points if point not in known]
        if not missing:
            return known
        records = self._run(lambda shard: shard.retrieve(missing, with_payload=["card"], with_vector=False))
        read = {str(record.id): (record.payload or {})["card"] for record in records}
        self._keep_texts(read)
        return known | read

    def _keep_texts(self, texts: dict[str, str]) -> None:
        if len(self._texts) + len(texts) > _TEXTS_KEPT:
            self._texts.clear()
        self._texts.update(texts)

    def _scroll(
        self, offset: str | None, limit: int, wanted: Wanted, fields: Sequence[str] = (), vectors: bool = False
    ) -> tuple[list[Stored], str | None]:
        request = qe.ScrollRequest(
            offset=offset,
            limit=limit,
            filter=_filter(wanted),
            with_payload=list(fields) or ["card"],
            with_vector=vectors,
        )
        records, following = self._run(lambda shard: shard.scroll(request))
        return [_stored(record) for record in records], None if following is None else str(following)

    def _retrieve(self, point: str) -> Stored | None:
        records = self._run(lambda shard: shard.retrieve([point], with_payload=["card"], with_vector=True))
        return _stored(records[0]) if records else None

    def _count(self) -> int:
        return self._run(lambda shard: shard.count(qe.CountRequest()))

    def _flush(self) -> None:
        self._run(lambda shard: shard.optimize())
        self._run(lambda shard: shard.flush())

    def _close(self) -> None:
        if self._open is not None:
            shard, self._open = self._open, None
            shard.close()

    def _run(self, call: Callable[[qe.EdgeShard], T]) -> T:
        with _panics_are_errors():
            return call(self._shard)


def _load_or_create(folder: Path) -> qe.EdgeShard:
    if any((folder / "segments").glob("*")):
        return qe.EdgeShard.load(str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    return qe.EdgeShard.create(str(folder), _config())


def _config() -> qe.EdgeConfig:
    # Without a graph (m=0) a search is exact: a graph is built by threads that race, and its hits would differ from
    # one worker's copy to the next.
    return qe.EdgeConfig(
        vectors=qe.EdgeVectorParams(size=VECTOR_SIZE, distance=qe.Distance.Cosine),
        hnsw_config=qe.HnswIndexConfig(m=0, ef_construct=16, full_scan_threshold=10_000),
    )


def _ensure_fields(shard: qe.EdgeShard) -> None:
    there = shard.info().payload_schema
    kinds = dict.fromkeys(KEYWORD_FIELDS, qe.PayloadSchemaType.Keyword)
    kinds |= dict.fromkeys(RANGE_FIELDS, qe.PayloadSchemaType.Float)
    for field, kind in kinds.items():
        if field not in there:
            shard.update(qe.UpdateOperation.create_field_index(field, kind))


def _filter(wanted: Wanted) -> qe.Filter | None:
    asked = wanted.keywords().items()
    must: list[Any] = [qe.FieldCondition(field, match=qe.MatchAny(values)) for field, values in asked]
    if wanted.tempo_bpm:
        low, high = wanted.tempo_bpm
        must.append(qe.FieldCondition("tempo_bpm", range=qe.RangeFloat(gte=low, lte=high)))
    return qe.Filter(must=must) if must else None


def _stored(record: qe.Record) -> Stored:
    vector: Any = record.vector or ()
    return Stored(str(record.id), record.payload or {}, vector, 0.0)


@contextmanager
def _panics_are_errors() -> Iterator[None]:
    """The engine's panics are no `Exception`; a caller's `except Exception` must see them all the same."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise MoveIndexError(f"the vector engine panicked: {error}") from error


def _why_not(folder: Path, error: Exception) -> MoveIndexError:
    if "WouldBlock" in str(error):
        return MoveIndexLockedError(f"another process has the move index {folder} open: stop it first")
    if isinstance(error, OSError):
        return MoveIndexError(f"the move index {folder} cannot be opened: {error}")
    return MoveIndexCorruptError(f"the move index {folder} cannot be read and must be built again: {error}")
