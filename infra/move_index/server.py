"""The move index on a Qdrant server that several workers share."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, TypeVar

from httpx import HTTPError
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from infra.move_index.base import (
    COLLECTION,
    KEYWORD_FIELDS,
    RANGE_FIELDS,
    VECTOR_SIZE,
    MoveFilter,
    MoveIndex,
    NewPoint,
    StoredPoint,
)
from infra.move_index.digests import Digests
from schemas.faults import Fault, Poison, Unavailable

T = TypeVar("T")

_WRITTEN_FIELD = "written_s"
_MAX_CLOCK_DIFFERENCE_S = 60.0
_INVALID_REQUEST_STATUSES = (400, 422)
_PAGE_SIZE = 4096  # points, each with three short fields
_TIMEOUT_S = 10
_RETRY_AFTER_S = 1.0


class QdrantServerMoveIndex(MoveIndex):
    """The collection `bachata_moves` at `url`, created if it does not exist; `client` replaces the default client.

    Other workers write to the collection too. Each point has the time of its writing, and `version` first reads the
    points that are newer than the newest one read before, minus one minute for differences between clocks.

    Every call raises `Unavailable` while the server does not answer within 10 s or denies access, and `Poison` where it
    rejects the request itself (400, 422). After a request without an answer, all calls of the next second fail with the
    same error and send nothing, so that all waiting threads fail together.
    """

    is_shared = True

    def __init__(self, url: str, api_key: str | None = None, *, client: QdrantClient | None = None) -> None:
        super().__init__()
        self._url = url
        self._client = client or _client(url, api_key)
        self._collection_exists = False
        self._newest_written_s = 0.0
        self._next_attempt_s = 0.0  # of the monotonic clock
        self._last_error = ""

    def _open(self) -> None:
        if not self._collection_exists:
            self._run(self._ensure_collection)
            self._collection_exists = True

    def _ensure_collection(self) -> None:
        if not self._client.collection_exists(COLLECTION):
            vectors = models.VectorParams(size=VECTOR_SIZE, distance=models.Distance.COSINE)
            self._client.create_collection(COLLECTION, vectors_config=vectors)
        indexed = self._client.get_collection(COLLECTION).payload_schema
        kinds = dict.fromkeys(KEYWORD_FIELDS, models.PayloadSchemaType.KEYWORD)
        kinds |= dict.fromkeys((*RANGE_FIELDS, _WRITTEN_FIELD), models.PayloadSchemaType.FLOAT)
        for field in kinds.keys() - indexed.keys():
            self._client.create_payload_index(COLLECTION, field, field_schema=kinds[field])

    def _put(self, points: Sequence[NewPoint]) -> None:
        written = {_WRITTEN_FIELD: time.time()}
        new = [models.PointStruct(id=p.id, vector=list(p.vector), payload=p.payload | written) for p in points]
        self._run(lambda: self._client.upsert(COLLECTION, new, wait=True))

    def _put_payloads(self, payloads: Mapping[str, dict[str, Any]]) -> None:
        written = {_WRITTEN_FIELD: time.time()}
        operations = [
            models.OverwritePayloadOperation(
                overwrite_payload=models.SetPayload(payload=payload | written, points=[point_id])
            )
            for point_id, payload in payloads.items()
        ]
        self._run(lambda: self._client.batch_update_points(COLLECTION, operations, wait=True))

    def _delete(self, point_id: str) -> None:
        selector = models.PointIdsList(points=[point_id])
        self._run(lambda: self._client.delete(COLLECTION, selector, wait=True))

    def _nearest(self, vector: Sequence[float], move_filter: MoveFilter, limit: int) -> list[StoredPoint]:
        response = self._run(
            lambda: self._client.query_points(
                COLLECTION,
                query=list(vector),
                query_filter=_filter(move_filter),
                limit=limit,
                with_payload=["card"],
                search_params=models.SearchParams(exact=True),
            )
        )
        return [StoredPoint(str(p.id), p.payload or {}, (), p.score) for p in response.points]

    def _scroll(
        self, offset: str | None, limit: int, move_filter: MoveFilter, fields: Sequence[str] = (), vectors: bool = False
    ) -> tuple[list[StoredPoint], str | None]:
        return self._page(offset, limit, _filter(move_filter), fields or ("card",), vectors)

    def _page(
        self, offset: str | None, limit: int, scroll_filter: models.Filter | None, fields: Sequence[str], vectors: bool
    ) -> tuple[list[StoredPoint], str | None]:
        records, next_offset = self._run(
            lambda: self._client.scroll(
                COLLECTION,
                scroll_filter=scroll_filter,
                limit=limit,
                offset=offset,
                with_payload=list(fields),
                with_vectors=vectors,
            )
        )
        return [_stored_point(record) for record in records], None if next_offset is None else str(next_offset)

    def _retrieve(self, point_id: str, vector: bool = True) -> StoredPoint | None:
        records = self._run(
            lambda: self._client.retrieve(COLLECTION, [point_id], with_payload=["card"], with_vectors=vector)
        )
        return _stored_point(records[0]) if records else None

    def _count(self) -> int:
        return self._run(lambda: self._client.count(COLLECTION, exact=True)).count

    def _flush(self) -> None:
        return  # each write waits until the server has applied it

    def _close(self) -> None:
        self._client.close()

    def _catch_up(self) -> None:
        self._read_since(self._newest_written_s - _MAX_CLOCK_DIFFERENCE_S)
        if self._count() != len(self._digests):  # a point was deleted, or a clock is off by more than a minute
            self._digests = Digests({})
            self._read_since(0.0)

    def _read_since(self, since_s: float) -> None:
        newer = models.Filter(must=[models.FieldCondition(key=_WRITTEN_FIELD, range=models.Range(gte=since_s))])
        offset: str | None = None
        while True:
            points, offset = self._page(
                offset, _PAGE_SIZE, newer, ("clip_sha256", "digest", _WRITTEN_FIELD), vectors=False
            )
            self._add_points([point.payload for point in points])
            if offset is None:
                return

    def _add_points(self, payloads: list[dict[str, Any]]) -> None:
        digests = {payload["clip_sha256"]: payload["digest"] for payload in payloads}
        self._newest_written_s = max([self._newest_written_s, *(payload[_WRITTEN_FIELD] for payload in payloads)])
        self._digests.set(digests)

    def _run(self, call: Callable[[], T]) -> T:
        if monotonic() < self._next_attempt_s:
            raise Unavailable(self._last_error, reason="qdrant_away")
        try:
            return call()
        except UnexpectedResponse as error:
            raise self._status_fault(error) from error
        except (ApiException, ResponseHandlingException, HTTPError, OSError) as error:
            raise self._no_answer(str(error)) from error

    def _status_fault(self, error: UnexpectedResponse) -> Fault:
        status = error.status_code or 500
        message = f"{status} {error.reason_phrase} {_server_message(error)}".rstrip()
        if status == 429 or status >= 500:
            return self._no_answer(message)
        if status == 404:
            self._collection_exists = False  # the server has lost the collection: the next call creates it
        # A wrong key or address can be corrected, so it is waited for.
        fault = Poison if status in _INVALID_REQUEST_STATUSES else Unavailable
        return fault(f"Qdrant at {self._url} refuses the request: {message}", reason="qdrant_refuses")

    def _no_answer(self, message: str) -> Unavailable:
        fault = Unavailable(f"Qdrant at {self._url} does not answer: {message}", reason="qdrant_away")
        self._next_attempt_s, self._last_error = monotonic() + _RETRY_AFTER_S, str(fault)
        return fault


def _client(url: str, api_key: str | None) -> QdrantClient:
    try:
        return QdrantClient(
            url=url,
            api_key=api_key,
            timeout=_TIMEOUT_S,
            check_compatibility=False,
            trust_env=False,  # a proxy must not receive the key
            verify=ssl.create_default_context(),  # what `trust_env` turns off too: SSL_CERT_FILE
        )
    except ValueError as error:
        raise Poison(f"BACHATA_QDRANT_URL is '{url}', not a valid address: {error}", reason="settings") from error


def _server_message(error: UnexpectedResponse) -> str:
    """Return the error message in the response's body, in parentheses; empty without one."""
    try:
        message = json.loads(error.content)["status"]["error"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f"({message})"


def _filter(move_filter: MoveFilter) -> models.Filter | None:
    must: list[models.Condition] = [
        models.FieldCondition(key=field, match=models.MatchAny(any=values))
        for field, values in move_filter.keywords().items()
    ]
    if move_filter.tempo_bpm:
        low, high = move_filter.tempo_bpm
        must.append(models.FieldCondition(key="tempo_bpm", range=models.Range(gte=low, lte=high)))
    return models.Filter(must=must) if must else None


def _stored_point(record: models.Record) -> StoredPoint:
    vector: Any = record.vector or ()
    return StoredPoint(str(record.id), record.payload or {}, vector, 0.0)
