"""The move index on a Qdrant server that several workers share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from qdrant_client import QdrantClient, models

from infra.move_index.base import MoveIndex
from infra.move_index.config import QdrantConfig
from infra.move_index.digests import Digests
from infra.move_index.engine import Diversity
from infra.move_index.errors import NotFoundError, TooLargeError
from infra.move_index.filters import MoveFilter
from infra.move_index.parts import PartSize
from infra.move_index.points import DIGEST_FIELDS, SUMMARY_FIELD, NewPoint, StoredPoint, clip_of
from infra.move_index.requests import Requests, make_client
from infra.move_index.server_collections import WRITTEN_FIELD, Collections
from infra.move_index.server_version import check_version
from schemas.faults import Fault

T = TypeVar("T")

_MAX_CLOCK_DIFFERENCE_S = 60.0
_COMPARED_EVERY_S = 300.0  # with all points: a restored snapshot has older ones
_PAGE_SIZE = 512  # points
_MAX_WRITTEN = 128  # points of one request


class QdrantServerMoveIndex(MoveIndex):
    """The moves of a Qdrant server, whose collection is created if it does not exist; `client` is for tests.

    Other workers write to the collection too. Each point has the time of its writing, and `version` and `digests` first
    read the points that are newer than the newest one read before, minus one minute for differences between clocks. All
    points are read again when their number is another one, after a request that failed, and every five minutes: a
    server can have lost points, or can have older ones of a snapshot. Points of other programs are not changed.

    Every call raises `Unavailable` while the server does not answer in time, denies access or refuses the request. A
    write that takes too long, or is too large for the server, is repeated with half as many points.
    """

    is_shared = True

    def __init__(
        self, server: QdrantConfig | str, api_key: str | None = None, *, client: QdrantClient | None = None
    ) -> None:
        super().__init__()
        self.config = server if isinstance(server, QdrantConfig) else QdrantConfig.of_url(server, api_key=api_key)
        self._name = self.config.collection_name
        self._client = client or make_client(self.config)
        self._is_own_client = client is None
        self._closes_client = True
        self._collections = Collections(self._client, self.config)
        self._requests = Requests(self.config.server)
        self._collection_exists = False
        self._is_replacement = False
        self._part_size = PartSize(_MAX_WRITTEN, self.config.timeout_s)
        self._newest_written_s = 0.0
        self._digests_of = ""  # name of a collection; empty: all points must be read
        self._others: set[str] = set()  # ids of points that are no moves
        self._compare_at_s = 0.0  # of the monotonic clock

    def replacement(self) -> QdrantServerMoveIndex:
        """Return an index over a new collection."""
        with self._lock:  # not opened: a measurement needs nothing but the new collection
            name = self._run(self._collections.add)
        client = None if self._is_own_client else self._client
        built = QdrantServerMoveIndex(replace(self.config, collection_name=name), client=client)
        built._is_replacement = built._collection_exists = True
        built._closes_client = self._is_own_client
        return built

    def replace_by(self, built: QdrantServerMoveIndex) -> None:
        """Let the alias point to the collection of `built`, and delete the old one."""
        with self._opened():
            self._run(lambda: self._collections.switch_to(built._name))
            self._left_out.clear()
        built.close()

    def exists(self) -> bool:
        """Return whether the server has the collection already."""
        return self._run(self._collections.exists)

    def discard(self) -> None:
        """Delete the collection with all its points."""
        self._run(lambda: self._client.delete_collection(self._collections.used()))
        self.close()

    def place(self) -> dict[str, Any]:
        """Return the backend and the server's address."""
        return {"backend": "server", "url": self.config.url, "collection": self._name}

    def description(self) -> dict[str, Any]:
        """Return the server's address and version, and its collection."""
        version = self._run(self._client.info).version
        used = self._run(self._collections.used)
        protocol = "HTTP" if self.config.grpc_port is None else f"gRPC at port {self.config.grpc_port}"
        server = {"engine": "Qdrant", "version": version, "protocol": protocol}
        return self.place() | server | {"alias": self._name, "collection": used}

    def _open(self) -> None:
        if not self._collection_exists:
            self._run(lambda: check_version(self._client, self.config.server))
            self._run(self._collections.ensure)
            self._collection_exists = True

    def _put(self, points: Sequence[NewPoint]) -> None:
        written = {WRITTEN_FIELD: time.time()}
        new = [models.PointStruct(id=p.id, vector=list(p.vector), payload=p.payload | written) for p in points]
        self._write(lambda: [self._client.upsert(self._name, new, wait=True)])

    def _put_payloads(self, payloads: Mapping[str, dict[str, Any]]) -> None:
        try:
            self._overwrite(payloads)
        except NotFoundError:  # of a point that another worker has removed; the server may have written some others
            stored = {point.id for point in self._retrieve(list(payloads), DIGEST_FIELDS, vectors=False)}
            self._overwrite({point_id: payload for point_id, payload in payloads.items() if point_id in stored})

    def _overwrite(self, payloads: Mapping[str, dict[str, Any]]) -> None:
        written = {WRITTEN_FIELD: time.time()}
        changes = [models.SetPayload(payload=payload | written, points=[point]) for point, payload in payloads.items()]
        operations = [models.OverwritePayloadOperation(overwrite_payload=change) for change in changes]
        if operations:
            self._write(lambda: self._client.batch_update_points(self._name, operations, wait=True))

    def _delete(self, point_ids: Sequence[str]) -> None:
        selector = models.PointIdsList(points=list(point_ids))
        self._write(lambda: [self._client.delete(self._name, selector, wait=True)])

    def _write(self, send: Callable[[], list[models.UpdateResult]]) -> None:
        """Send a write. Raises: `TooLargeError` where the server has not applied it in time."""
        results = self._run(send, is_write=True) or []  # the client's local engine returns none for a batch
        if any(result.status is not models.UpdateStatus.COMPLETED for result in results):
            self._digests_of = ""
            raise TooLargeError(self.config.server, "has not applied a write in time", "qdrant_away")

    def _check_answer(self) -> None:
        self._run(self._client.info)

    def _nearest(self, vector: Sequence[float], move_filter: MoveFilter, limit: int) -> list[StoredPoint]:
        return self._query(list(vector), move_filter, limit)

    def _varied(
        self, vector: Sequence[float], move_filter: MoveFilter, limit: int, diversity: Diversity
    ) -> list[StoredPoint]:
        varied = models.Mmr(diversity=diversity.weight, candidates_limit=diversity.candidates)
        return self._query(models.NearestQuery(nearest=list(vector), mmr=varied), move_filter, limit)

    def _query(self, query: models.NearestQuery | list[float], filters: MoveFilter, limit: int) -> list[StoredPoint]:
        response = self._run(
            lambda: self._client.query_points(
                self._name,
                query=query,
                query_filter=_filter(filters),
                limit=limit,
                with_payload=[SUMMARY_FIELD],
                search_params=models.SearchParams(exact=True),
            )
        )
        return [StoredPoint(str(p.id), p.payload or {}, (), p.score) for p in response.points]

    def _scroll(
        self, offset: str | None, limit: int, move_filter: MoveFilter, fields: Sequence[str] = (), vectors: bool = False
    ) -> tuple[list[StoredPoint], str | None]:
        return self._page(offset, limit, _filter(move_filter), fields or (SUMMARY_FIELD,), vectors)

    def _page(
        self, offset: str | None, limit: int, scroll_filter: models.Filter | None, fields: Sequence[str], vectors: bool
    ) -> tuple[list[StoredPoint], str | None]:
        records, next_offset = self._run(
            lambda: self._client.scroll(
                self._name,
                scroll_filter=scroll_filter,
                limit=limit,
                offset=offset,
                with_payload=list(fields),
                with_vectors=vectors,
            )
        )
        return [_stored_point(record) for record in records], None if next_offset is None else str(next_offset)

    def _retrieve(self, point_ids: Sequence[str], fields: Sequence[str], vectors: bool) -> list[StoredPoint]:
        ids: list[Any] = list(point_ids)
        records = self._run(
            lambda: self._client.retrieve(self._name, ids, with_payload=list(fields), with_vectors=vectors)
        )
        return [_stored_point(record) for record in records]

    def _count(self) -> int:
        return self._run(lambda: self._client.count(self._name, exact=True)).count

    def _flush(self) -> None:
        return  # each write waits until the server has applied it

    def _close(self) -> None:
        if self._closes_client:
            self._client.close()

    def _catch_up(self) -> None:
        used = self._run(self._collections.used)
        if used != self._digests_of or monotonic() > self._compare_at_s:
            self._read_all(used)  # of a collection that a worker has put in place, too
            return
        self._read_newer()
        if self._count() != len(self._digests) + len(self._others):  # one was deleted, or a clock is not right
            self._read_all(used)

    def _read_all(self, used: str) -> None:
        """Read the digests of all points, in place of those that were read before."""
        self._digests_of = ""
        read = [_Point.of(point) for point in self._pages(None)]
        self._others = {point.id for point in read if point.clip is None}
        self._digests = Digests({point.clip: point.digest for point in read if point.clip is not None})
        self._newest_written_s = max((point.written_s for point in read), default=0.0)
        self._digests_of, self._compare_at_s = used, monotonic() + _COMPARED_EVERY_S

    def _read_newer(self) -> None:
        since = models.Range(gte=self._newest_written_s - _MAX_CLOCK_DIFFERENCE_S)
        newer = models.Filter(must=[models.FieldCondition(key=WRITTEN_FIELD, range=since)])
        read = [_Point.of(point) for point in self._pages(newer)]
        self._digests.set({point.clip: point.digest for point in read if point.clip is not None})
        self._newest_written_s = max([self._newest_written_s, *(point.written_s for point in read)])

    def _pages(self, scroll_filter: models.Filter | None) -> Iterator[StoredPoint]:
        offset: str | None = None
        while True:
            fields = (*DIGEST_FIELDS, WRITTEN_FIELD)
            points, offset = self._page(offset, _PAGE_SIZE, scroll_filter, fields, vectors=False)
            yield from points
            if offset is None:
                return

    def unreadable(self) -> int:
        """Return the number of moves that searches have left out, and of points that another program has stored."""
        with self._lock:
            return len(self._left_out | self._others)

    def _run(self, call: Callable[[], T], *, is_write: bool = False) -> T:
        try:
            return self._requests.run(call, is_write=is_write)
        except NotFoundError:
            self._digests_of = ""
            if not self._is_replacement and not self._requests.run(self._collections.exists):
                self._collection_exists = False  # the server has lost it: the next call creates it
            raise
        except Fault:
            self._digests_of = ""  # it can be another server, or have other points, when it answers again
            raise


class _Point(NamedTuple):
    """What is read of a point to compare it. `clip` is None for a point of another program."""

    id: str
    clip: str | None
    digest: str
    written_s: float

    @classmethod
    def of(cls, point: StoredPoint) -> _Point:
        """Return what is compared of a stored point. A time in the future, of a wrong clock, counts as now."""
        clip, written_s = clip_of(point), point.payload.get(WRITTEN_FIELD)
        known_s = min(float(written_s), time.time()) if isinstance(written_s, int | float) else 0.0
        return cls(point.id, clip, "" if clip is None else point.payload["digest"], known_s)


def _filter(move_filter: MoveFilter) -> models.Filter | None:
    must = _any_of(move_filter.keywords())
    must += [
        models.FieldCondition(key=field, range=models.Range(gte=low, lte=high))
        for field, (low, high) in move_filter.ranges().items()
    ]
    must_not = _any_of(move_filter.excluded())
    return models.Filter(must=must or None, must_not=must_not or None) if must or must_not else None


def _any_of(values: Mapping[str, list[str]]) -> list[models.Condition]:
    return [models.FieldCondition(key=field, match=models.MatchAny(any=some)) for field, some in values.items()]


def _stored_point(record: models.Record) -> StoredPoint:
    vector: Any = record.vector or ()
    return StoredPoint(str(record.id), record.payload or {}, vector, 0.0)
