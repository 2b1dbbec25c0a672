"""The move index in this process: Qdrant Edge, Qdrant's own engine, over one folder."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import qdrant_edge as qe

from infra.move_index.base import (
    KEYWORD_FIELDS,
    RANGE_FIELDS,
    VECTOR_SIZE,
    MoveFilter,
    MoveIndex,
    MoveIndexError,
    MoveIndexLockedError,
    Stored,
)
from infra.move_index.folder import ensure_writable, set_aside

T = TypeVar("T")
log = logging.getLogger(__name__)
_TEXTS_KEPT = 32_768  # cards as text, about 3 kB each: the engine takes longer to unpack them than to search
_PASSING = {1, 12, 13, 16, 23, 24, 28, 30, 116, 122}  # errno: not allowed, no memory, files or room, busy, read-only
_ERRNO = re.compile(r"(?:os error |Os \{ code: )(\d+)")


class EdgeMoveIndex(MoveIndex):
    """A persistent index in `folder`, owned by one process at a time. What was put in survives kill -9.

    Every call raises `MoveIndexLockedError` while another process has it open, and `MoveIndexError` while the folder
    cannot be used; a write that failed has the engine opened anew, since it takes no other after one. A folder that the
    engine cannot read is set aside, and the index begins again, empty: `count` says so.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._segments = folder / "segments"
        self._shard: qe.EdgeShard | None = None
        self._unreadable: _UnreadableError | None = None
        self._closed = False
        self._texts: dict[str, str] = {}

    def _open(self) -> None:
        if self._closed:
            raise MoveIndexError(f"the move index {self._folder} is closed")
        if not self._segments.is_dir():
            self._let_go()  # somebody took the folder away
        if self._shard is None:
            self._open_anew()

    def _open_anew(self) -> None:
        ensure_writable(self._folder)
        if self._unreadable is None:
            with suppress(_UnreadableError):
                self._load()
        if self._unreadable is not None:
            set_aside(self._folder, self._unreadable)
            self._unreadable = None
            self._load()

    def _load(self) -> None:
        try:
            with self._reading():
                self._shard = _load_or_create(self._folder)
                _ensure_fields(self._shard)
                self._recall()
        except MoveIndexError:
            self._let_go()
            raise

    def _let_go(self) -> None:
        shard, self._shard = self._shard, None
        self._texts.clear()
        if shard is not None:
            try:
                with _faults_told(self._folder):
                    shard.close()
            except MoveIndexError as fault:
                log.warning("%s", fault)

    def _put(self, point: str, vector: Sequence[float], payload: dict[str, Any]) -> None:
        points = [qe.Point(point, list(vector), payload)]
        self._texts.pop(point, None)
        self._write(lambda shard: shard.update(qe.UpdateOperation.upsert_points(points)))
        self._keep_texts({point: payload["card"]})

    def _nearest(self, vector: Sequence[float], wanted: MoveFilter, limit: int) -> list[Stored]:
        request = qe.QueryRequest(
            limit=limit,
            query=qe.Query.Nearest(list(vector)),
            filter=_filter(wanted),
            params=qe.SearchParams(exact=True),
        )
        found = [(str(point.id), point.score) for point in self._read(lambda shard: shard.query(request))]
        texts = self._cards([point for point, _ in found])
        return [Stored(point, {"card": texts[point]}, (), score) for point, score in found]

    def _cards(self, points: list[str]) -> dict[str, str]:
        known = {point: self._texts[point] for point in points if point in self._texts}
        missing: list[Any] = [point for point in points if point not in known]
        if not missing:
            return known
        records = self._read(lambda shard: shard.retrieve(missing, with_payload=["card"], with_vector=False))
        read = {str(record.id): (record.payload or {})["card"] for record in records}
        self._keep_texts(read)
        return known | read

    def _keep_texts(self, texts: dict[str, str]) -> None:
        if len(self._texts) + len(texts) > _TEXTS_KEPT:
            self._texts.clear()
        self._texts.update(texts)

    def _scroll(
        self, offset: str | None, limit: int, wanted: MoveFilter, fields: Sequence[str] = (), vectors: bool = False
    ) -> tuple[list[Stored], str | None]:
        request = qe.ScrollRequest(
            offset=offset,
            limit=limit,
            filter=_filter(wanted),
            with_payload=list(fields) or ["card"],
            with_vector=vectors,
        )
        records, following = self._read(lambda shard: shard.scroll(request))
        return [_stored(record) for record in records], None if following is None else str(following)

    def _retrieve(self, point: str) -> Stored | None:
        records = self._read(lambda shard: shard.retrieve([point], with_payload=["card"], with_vector=True))
        return _stored(records[0]) if records else None

    def _count(self) -> int:
        return self._read(lambda shard: shard.count(qe.CountRequest()))

    def _flush(self) -> None:
        self._write(lambda shard: shard.optimize())
        self._write(lambda shard: shard.flush())

    def _close(self) -> None:
        self._closed = True
        self._let_go()

    def _read(self, call: Callable[[qe.EdgeShard], T]) -> T:
        with self._reading():
            return call(self._engine)

    def _write(self, call: Callable[[qe.EdgeShard], object]) -> None:
        ensure_writable(self._folder)
        try:
            with _faults_told(self._folder):
                call(self._engine)
        except MoveIndexError:
            self._let_go()
            raise

    @property
    def _engine(self) -> qe.EdgeShard:
        assert self._shard is not None  # noqa: S101 - every call opens first
        return self._shard

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            with _faults_told(self._folder):
                yield
        except _UnreadableError as fault:
            self._unreadable = fault
            self._let_go()
            raise


class _UnreadableError(MoveIndexError):
    """What is in the folder is no index, or no whole one."""


def _load_or_create(folder: Path) -> qe.EdgeShard:
    if any((folder / "segments").glob("*")):
        return qe.EdgeShard.load(str(folder))
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


def _filter(wanted: MoveFilter) -> qe.Filter | None:
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
def _faults_told(folder: Path) -> Iterator[None]:
    """The engine's errors as ours. Its panics are no `Exception`; they are told all the same."""
    try:
        yield
    except MoveIndexError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise _fault(folder, error) from error


def _fault(folder: Path, error: BaseException) -> MoveIndexError:
    said = str(error)
    if "WouldBlock" in said:
        return MoveIndexLockedError(f"another process has the move index {folder} open: stop it first")
    if isinstance(error, OSError) or "Wrong input" in said or not _PASSING.isdisjoint(map(int, _ERRNO.findall(said))):
        return MoveIndexError(f"the move index {folder} cannot be used: {said}")
    return _UnreadableError(f"the move index {folder} cannot be read: {type(error).__name__}: {said}")
