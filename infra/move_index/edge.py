"""The move index embedded in this process: Qdrant Edge (Qdrant's engine as a library) over one folder."""

from __future__ import annotations

import errno
import logging
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar, get_args

import qdrant_edge as qe

from infra.move_index.base import MoveIndex
from infra.move_index.config import VECTOR_SIZE
from infra.move_index.engine import Diversity
from infra.move_index.errors import MoveIndexError, MoveIndexLockedError
from infra.move_index.filters import KEYWORD_FIELDS, RANGE_FIELDS, MoveFilter
from infra.move_index.folder import (
    ensure_writable,
    move_aside,
    put_in_place,
    remove_left_over,
    replacement_of,
    restore,
    size_of,
)
from infra.move_index.points import SUMMARY_FIELD, NewPoint, StoredPoint
from schemas.base import Difficulty, Level
from schemas.faults import Poison

T = TypeVar("T")
log = logging.getLogger(__name__)
# Cached summaries, as JSON texts of about 3 kB each: the engine takes longer to unpack them than to search.
_MAX_CACHED_SUMMARIES = 32_768
_TEMPORARY_ERRNOS = {
    errno.EPERM,
    errno.ENOMEM,
    errno.EACCES,
    errno.EBUSY,
    errno.ENFILE,
    errno.EMFILE,
    errno.ENOSPC,
    errno.EROFS,
    errno.ESTALE,
    errno.EDQUOT,
}
_ANY_MOVE = MoveFilter((0.0, 1e9), get_args(Difficulty), get_args(Level), duration_s=(0.0, 1e9))
_ANY_VECTOR = (1.0, *(0.0,) * (VECTOR_SIZE - 1))
_MAX_LOCK_WAIT_S, _LOCK_POLL_S = 2.0, 0.05
_ERRNO = re.compile(r"(?:os error |Os \{ code: )(\d+)")


class EdgeMoveIndex(MoveIndex):
    """A persistent index in `folder`, opened by one process at a time; stored moves survive kill -9.

    Every call raises `MoveIndexLockedError` while another process has the folder open, and `MoveIndexError` while the
    folder cannot be used. After a failed write the engine is reopened, since it accepts no further write. A folder that
    the engine cannot read is moved aside, and a new, empty index is created: `count` then returns 0. Without
    `replaces_unreadable`, it stays, and each call raises `MoveIndexError`. A call that fails while the engine answers
    all others raises `Poison` (`invalid_query`), and the folder stays.
    """

    def __init__(self, folder: Path, *, replaces_unreadable: bool = True) -> None:
        super().__init__()
        self._folder = folder
        self._replaces_unreadable = replaces_unreadable
        self._segments = folder / "segments"
        self._shard: qe.EdgeShard | None = None
        self._unreadable: _UnreadableError | None = None
        self._closed = False
        self._loading = False
        self._is_locked = False  # by another process, when it was opened last
        self._may_be_left_over = replaces_unreadable  # what a rebuild that was killed has built
        self._summary_cache: dict[str, str] = {}  # JSON texts by point id

    def replacement(self) -> EdgeMoveIndex:
        """Return a new and empty index in a folder beside this one's."""
        self._may_be_left_over = False
        remove_left_over(self._folder)
        return EdgeMoveIndex(replacement_of(self._folder))

    def replace_by(self, built: EdgeMoveIndex) -> None:
        """Put the folder of `built` in the place of this one's; searches wait while it is opened."""
        built.flush()
        with self._lock:
            built.close()
            self._close_shard()
            put_in_place(built._folder, self._folder)
            self._open()

    def exists(self) -> bool:
        """Return whether the folder has an index already."""
        return self._segments.is_dir()

    def discard(self) -> None:
        """Close the engine and remove the folder with all its points."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def place(self) -> dict[str, Any]:
        """Return the backend and its folder."""
        return {"backend": "embedded", "folder": str(self._folder)}

    def description(self) -> dict[str, Any]:
        """Return the engine, its version, its folder and the folder's size."""
        engine = {"engine": "Qdrant Edge", "version": version("qdrant-edge-py")}
        return self.place() | engine | {"bytes": size_of(self._folder)}

    def _open(self) -> None:
        if self._closed:
            raise MoveIndexError(f"the move index {self._folder} is closed")
        if not self._segments.is_dir():
            self._close_shard()  # the folder was removed
        if self._shard is None:
            self._reopen()
        if self._may_be_left_over:
            self._may_be_left_over = False
            remove_left_over(self._folder)

    def _reopen(self) -> None:
        restore(self._folder)
        ensure_writable(self._folder)
        if self._unreadable is None:
            with suppress(_UnreadableError):
                self._load()
        if self._unreadable is not None:
            self._replace_unreadable(self._unreadable)

    def _replace_unreadable(self, why: _UnreadableError) -> None:
        self._unreadable = None
        if not self._replaces_unreadable:
            raise why
        move_aside(self._folder, why)
        self._load()

    def _load(self, *, check: bool = False) -> None:
        """Open the folder; with `check`, also read all that it contains."""
        self._loading = True
        try:
            with self._reading():
                self._shard = self._loaded()
                _ensure_fields(self._shard)
                self._load_digests()
                if check:
                    self._check()
        except MoveIndexError:
            self._close_shard()
            raise
        finally:
            self._loading = False

    def _loaded(self) -> qe.EdgeShard:
        """Return the engine over the folder. Raises: `MoveIndexLockedError` where it stays open elsewhere.

        The lock may outlive the engine for some milliseconds, since a process that is being started has it until then.
        """
        ends_s = monotonic() + (0.0 if self._is_locked else _MAX_LOCK_WAIT_S)
        while True:
            try:
                with _as_faults(self._folder):
                    shard = _load_or_create(self._folder)
            except MoveIndexLockedError:
                if monotonic() >= ends_s:
                    self._is_locked = True  # the next call does not wait
                    raise
                sleep(_LOCK_POLL_S)
            else:
                self._is_locked = False
                return shard

    def _check(self) -> None:
        """Read every point and vector, and search through each field. Raises: `_UnreadableError`."""
        for _ in self._scan(vectors=True):
            pass
        self._nearest(_ANY_VECTOR, _ANY_MOVE, 1)

    def _close_shard(self) -> None:
        shard, self._shard = self._shard, None
        self._summary_cache.clear()
        if shard is not None:
            try:
                with _as_faults(self._folder):
                    shard.close()
            except MoveIndexError as fault:
                log.warning("%s", fault)

    def _put(self, points: Sequence[NewPoint]) -> None:
        for point in points:
            self._summary_cache.pop(point.id, None)
        new = [qe.Point(point.id, list(point.vector), point.payload) for point in points]
        self._write(lambda shard: shard.update(qe.UpdateOperation.upsert_points(new)))
        self._cache_summaries({point.id: point.payload[SUMMARY_FIELD] for point in points})

    def _put_payloads(self, payloads: Mapping[str, dict[str, Any]]) -> None:
        for point_id, payload in payloads.items():
            self._summary_cache.pop(point_id, None)
            self._write(lambda shard: shard.update(qe.UpdateOperation.overwrite_payload([point_id], payload)))  # noqa: B023
            self._cache_summaries({point_id: payload[SUMMARY_FIELD]})

    def _delete(self, point_ids: Sequence[str]) -> None:
        for point_id in point_ids:
            self._summary_cache.pop(point_id, None)
        removed: list[Any] = list(point_ids)
        self._write(lambda shard: shard.update(qe.UpdateOperation.delete_points(removed)))

    def _nearest(self, vector: Sequence[float], move_filter: MoveFilter, limit: int) -> list[StoredPoint]:
        return self._query(qe.Query.Nearest(list(vector)), move_filter, limit)

    def _varied(
        self, vector: Sequence[float], move_filter: MoveFilter, limit: int, diversity: Diversity
    ) -> list[StoredPoint]:
        query = qe.Mmr(list(vector), 1.0 - diversity.weight, diversity.candidates)
        return self._query(query, move_filter, limit)

    def _query(self, query: Any, move_filter: MoveFilter, limit: int) -> list[StoredPoint]:
        request = qe.QueryRequest(
            limit=limit, query=query, filter=_filter(move_filter), params=qe.SearchParams(exact=True)
        )
        scores = [(str(point.id), point.score) for point in self._read(lambda shard: shard.query(request))]
        summaries = self._summaries([point_id for point_id, _ in scores])
        return [
            StoredPoint(point_id, {SUMMARY_FIELD: summaries.get(point_id, "")}, (), score) for point_id, score in scores
        ]

    def _summaries(self, point_ids: list[str]) -> dict[str, str]:
        """Return the summaries' JSON texts by point id, read from the engine where they are not cached."""
        cached = {point_id: self._summary_cache[point_id] for point_id in point_ids if point_id in self._summary_cache}
        missing: list[Any] = [point_id for point_id in point_ids if point_id not in cached]
        if not missing:
            return cached
        records = self._read(lambda shard: shard.retrieve(missing, with_payload=[SUMMARY_FIELD], with_vector=False))
        read = {str(record.id): str((record.payload or {}).get(SUMMARY_FIELD, "")) for record in records}
        self._cache_summaries(read)
        return cached | read

    def _cache_summaries(self, summaries: dict[str, str]) -> None:
        if len(self._summary_cache) + len(summaries) > _MAX_CACHED_SUMMARIES:
            self._summary_cache.clear()
        self._summary_cache.update(summaries)

    def _scroll(
        self, offset: str | None, limit: int, move_filter: MoveFilter, fields: Sequence[str] = (), vectors: bool = False
    ) -> tuple[list[StoredPoint], str | None]:
        request = qe.ScrollRequest(
            offset=offset,
            limit=limit,
            filter=_filter(move_filter),
            with_payload=list(fields) or [SUMMARY_FIELD],
            with_vector=vectors,
        )
        records, next_offset = self._read(lambda shard: shard.scroll(request))
        return [_stored_point(record) for record in records], None if next_offset is None else str(next_offset)

    def _retrieve(self, point_ids: Sequence[str], fields: Sequence[str], vectors: bool) -> list[StoredPoint]:
        wanted: list[Any] = list(point_ids)
        records = self._read(lambda shard: shard.retrieve(wanted, with_payload=list(fields), with_vector=vectors))
        return [_stored_point(record) for record in records]

    def _count(self) -> int:
        return self._read(lambda shard: shard.count(qe.CountRequest()))

    def _flush(self) -> None:
        self._write(lambda shard: shard.optimize())
        self._write(lambda shard: shard.flush())

    def _close(self) -> None:
        self._closed = True
        self._close_shard()

    def _read(self, call: Callable[[qe.EdgeShard], T]) -> T:
        try:
            with _as_faults(self._folder):
                return call(self._engine)
        except _UnreadableError as fault:
            if self._loading:
                raise
            self._close_shard()
            self._load(check=True)
            raise Poison(f"the move index cannot answer this search: {fault}", reason="invalid_query") from fault

    def _write(self, call: Callable[[qe.EdgeShard], object]) -> None:
        ensure_writable(self._folder)
        try:
            with _as_faults(self._folder):
                call(self._engine)
        except MoveIndexError:
            self._close_shard()
            raise

    @property
    def _engine(self) -> qe.EdgeShard:
        assert self._shard is not None  # noqa: S101 - every call opens it first
        return self._shard

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            with _as_faults(self._folder):
                yield
        except _UnreadableError as fault:
            self._unreadable = fault
            self._close_shard()
            raise


class _UnreadableError(MoveIndexError):
    """The folder holds no index, or a damaged one."""


def _load_or_create(folder: Path) -> qe.EdgeShard:
    if any((folder / "segments").glob("*")):
        return qe.EdgeShard.load(str(folder))
    return qe.EdgeShard.create(str(folder), _config())


def _config() -> qe.EdgeConfig:
    # Without a graph (m=0) a search is exact: a graph is built by concurrent threads in no fixed order, and the hits
    # of two workers' copies would differ.
    return qe.EdgeConfig(
        vectors=qe.EdgeVectorParams(size=VECTOR_SIZE, distance=qe.Distance.Cosine),
        hnsw_config=qe.HnswIndexConfig(m=0, ef_construct=16, full_scan_threshold=10_000),
    )


def _ensure_fields(shard: qe.EdgeShard) -> None:
    indexed = shard.info().payload_schema
    kinds = dict.fromkeys(KEYWORD_FIELDS, qe.PayloadSchemaType.Keyword)
    kinds |= dict.fromkeys(RANGE_FIELDS, qe.PayloadSchemaType.Float)
    for field, kind in kinds.items():
        if field not in indexed or indexed[field].data_type != kind:
            shard.update(qe.UpdateOperation.create_field_index(field, kind))


def _filter(move_filter: MoveFilter) -> qe.Filter | None:
    keywords = move_filter.keywords().items()
    must: list[Any] = [qe.FieldCondition(field, match=qe.MatchAny(values)) for field, values in keywords]
    for field, (low, high) in move_filter.ranges().items():
        must.append(qe.FieldCondition(field, range=qe.RangeFloat(gte=low, lte=high)))
    must_not: list[Any] = [
        qe.FieldCondition(field, match=qe.MatchAny(values)) for field, values in move_filter.excluded().items()
    ]
    return qe.Filter(must=must, must_not=must_not) if must or must_not else None


def _stored_point(record: qe.Record) -> StoredPoint:
    vector: Any = record.vector or ()
    return StoredPoint(str(record.id), record.payload or {}, vector, 0.0)


@contextmanager
def _as_faults(folder: Path) -> Iterator[None]:
    """Raise the engine's errors as `MoveIndexError`, its panics too, which are no `Exception`."""
    try:
        yield
    except MoveIndexError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise _fault(folder, error) from error


def _fault(folder: Path, error: BaseException) -> MoveIndexError:
    message = str(error)
    if "WouldBlock" in message:
        return MoveIndexLockedError(f"another process has the move index {folder} open: stop it first")
    if (
        isinstance(error, OSError)
        or "Wrong input" in message
        or not _TEMPORARY_ERRNOS.isdisjoint(map(int, _ERRNO.findall(message)))
    ):
        return MoveIndexError(f"the move index {folder} cannot be used: {message}")
    return _UnreadableError(f"the move index {folder} cannot be read: {type(error).__name__}: {message}")
