"""The move index on a Qdrant server that several workers share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, TypeVar

from httpx import HTTPError
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from infra.move_index.base import COLLECTION, KEYWORD_FIELDS, RANGE_FIELDS, VECTOR_SIZE, MoveFilter, MoveIndex, Stored
from schemas.faults import Fault, Poison, Unavailable

T = TypeVar("T")

_WRITTEN = "written_s"
_CLOCKS_DIFFER_S = 60.0
_THE_REQUEST_IS_AT_FAULT = (400, 422)
_NEWS = 4096  # points of three short fields a page
_ANSWER_WITHIN_S = 10
_REST_S = 1.0


class QdrantServerMoveIndex(MoveIndex):
    """The collection `bachata_moves` at `url`; made where it is not there. `client` serves instead of a new one.

    Others write to it too: each point says when it was written, and the version first reads what is newer than the
    newest point known, give or take a minute of clock difference. Every call raises `Unavailable` while the server does
    not answer within 10 s or lets nobody in, and `Poison` where it finds fault with the request itself (400, 422).
    After a server that did not answer nobody asks for a second, so that all who wait are told of it together.
    """

    _upsert_once = False

    def __init__(self, url: str, api_key: str | None = None, *, client: QdrantClient | None = None) -> None:
        super().__init__()
        self._url = url
        self._client = client or _client(url, api_key)
        self._is_there = False
        self._newest_s = 0.0
        self._resting: tuple[float, str] = (0.0, "")

    def _open(self) -> None:
        if not self._is_there:
            self._run(self._ensure_collection)
            self._is_there = True

    def _ensure_collection(self) -> None:
        if not self._client.collection_exists(COLLECTION):
            vectors = models.VectorParams(size=VECTOR_SIZE, distance=models.Distance.COSINE)
            self._client.create_collection(COLLECTION, vectors_config=vectors)
        there = self._client.get_collection(COLLECTION).payload_schema
        kinds = dict.fromkeys(KEYWORD_FIELDS, models.PayloadSchemaType.KEYWORD)
        kinds |= dict.fromkeys((*RANGE_FIELDS, _WRITTEN), models.PayloadSchemaType.FLOAT)
        for field in kinds.keys() - there.keys():
            self._client.create_payload_index(COLLECTION, field, field_schema=kinds[field])

    def _put(self, point: str, vector: Sequence[float], payload: dict[str, Any]) -> None:
        stamped = models.PointStruct(id=point, vector=list(vector), payload={**payload, _WRITTEN: time.time()})
        self._run(lambda: self._client.upsert(COLLECTION, [stamped], wait=True))

    def _nearest(self, vector: Sequence[float], wanted: MoveFilter, limit: int) -> list[Stored]:
        answer = self._run(
            lambda: self._client.query_points(
                COLLECTION,
                query=list(vector),
                query_filter=_filter(wanted),
                limit=limit,
                with_payload=["card"],
                search_params=models.SearchParams(exact=True),
            )
        )
        return [Stored(str(p.id), p.payload or {}, (), p.score) for p in answer.points]

    def _scroll(
        self, offset: str | None, limit: int, wanted: MoveFilter, fields: Sequence[str] = (), vectors: bool = False
    ) -> tuple[list[Stored], str | None]:
        return self._page(offset, limit, _filter(wanted), fields or ("card",), vectors)

    def _page(
        self, offset: str | None, limit: int, allowed: models.Filter | None, fields: Sequence[str], vectors: bool
    ) -> tuple[list[Stored], str | None]:
        records, following = self._run(
            lambda: self._client.scroll(
                COLLECTION,
                scroll_filter=allowed,
                limit=limit,
                offset=offset,
                with_payload=list(fields),
                with_vectors=vectors,
            )
        )
        return [_stored(record) for record in records], None if following is None else str(following)

    def _retrieve(self, point: str) -> Stored | None:
        found = self._run(lambda: self._client.retrieve(COLLECTION, [point], with_payload=["card"], with_vectors=True))
        return _stored(found[0]) if found else None

    def _count(self) -> int:
        return self._run(lambda: self._client.count(COLLECTION, exact=True)).count

    def _flush(self) -> None:
        return  # each write waits until the server has it

    def _close(self) -> None:
        self._client.close()

    def _catch_up(self) -> None:
        self._read_since(self._newest_s - _CLOCKS_DIFFER_S)
        if self._count() != len(self._digests):  # a point was deleted, or a clock is off by more than a minute
            self._digests.clear()
            self._version = None
            self._read_since(0.0)

    def _read_since(self, moment_s: float) -> None:
        newer = models.Filter(must=[models.FieldCondition(key=_WRITTEN, range=models.Range(gte=moment_s))])
        offset: str | None = None
        while True:
            points, offset = self._page(offset, _NEWS, newer, ("clip_sha256", "digest", _WRITTEN), vectors=False)
            self._learn([point.payload for point in points])
            if offset is None:
                return

    def _learn(self, payloads: list[dict[str, Any]]) -> None:
        news = {payload["clip_sha256"]: payload["digest"] for payload in payloads}
        self._newest_s = max([self._newest_s, *(payload[_WRITTEN] for payload in payloads)])
        if news.items() - self._digests.items():
            self._remember(news)

    def _run(self, call: Callable[[], T]) -> T:
        until, said = self._resting
        if monotonic() < until:
            raise Unavailable(said, reason="qdrant_away")
        try:
            return call()
        except UnexpectedResponse as error:
            raise self._refusal(error) from error
        except (ApiException, ResponseHandlingException, HTTPError, OSError) as error:
            raise self._away(str(error)) from error

    def _refusal(self, error: UnexpectedResponse) -> Fault:
        status = error.status_code or 500
        said = f"{status} {error.reason_phrase} {_reason(error)}".rstrip()
        if status == 429 or status >= 500:
            return self._away(said)
        if status == 404:
            self._is_there = False  # it came back without our collection: the next call makes it
        fault = Poison if status in _THE_REQUEST_IS_AT_FAULT else Unavailable  # a wrong key or address can be mended
        return fault(f"Qdrant at {self._url} refuses: {said}", reason="qdrant_refuses")

    def _away(self, said: str) -> Unavailable:
        fault = Unavailable(f"Qdrant at {self._url} does not answer: {said}", reason="qdrant_away")
        self._resting = (monotonic() + _REST_S, str(fault))
        return fault


def _client(url: str, api_key: str | None) -> QdrantClient:
    try:
        return QdrantClient(url=url, api_key=api_key, timeout=_ANSWER_WITHIN_S, check_compatibility=False)
    except ValueError as error:
        raise Poison(f"BACHATA_QDRANT_URL is '{url}', which is no address: {error}", reason="settings") from error


def _reason(error: UnexpectedResponse) -> str:
    """What the server itself says, where it says something."""
    try:
        said = json.loads(error.content)["status"]["error"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f"({said})"


def _filter(wanted: MoveFilter) -> models.Filter | None:
    must: list[models.Condition] = [
        models.FieldCondition(key=field, match=models.MatchAny(any=values))
        for field, values in wanted.keywords().items()
    ]
    if wanted.tempo_bpm:
        low, high = wanted.tempo_bpm
        must.append(models.FieldCondition(key="tempo_bpm", range=models.Range(gte=low, lte=high)))
    return models.Filter(must=must) if must else None


def _stored(record: models.Record) -> Stored:
    vector: Any = record.vector or ()
    return Stored(str(record.id), record.payload or {}, vector, 0.0)
