"""Qdrant's REST interface, as far as the move index uses it, over Qdrant's own engine; it can be made to misbehave."""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import qdrant_edge as qe
from aiohttp import web

_KINDS = {"keyword": qe.PayloadSchemaType.Keyword, "float": qe.PayloadSchemaType.Float}
T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Collection:
    """One collection, in `folder`. Raises `KeyError` where it is asked for and not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shard: qe.EdgeShard | None = None
        self.name = ""
        self.size = 0

    def make(self, name: str, wanted: dict[str, Any]) -> bool:
        """Make it where it is not there."""
        if self._shard is not None:
            return False
        self._folder.mkdir(parents=True)
        self.name, self.size = name, int(wanted["vectors"]["size"])
        vectors = qe.EdgeVectorParams(size=self.size, distance=qe.Distance.Cosine)
        self._shard = qe.EdgeShard.create(str(self._folder), qe.EdgeConfig(vectors=vectors))
        return True

    def drop(self) -> None:
        """Lose it, with all that is in it."""
        shard, self._shard = self._shard, None
        if shard is not None:
            shard.close()
            shutil.rmtree(self._folder)

    def of(self, name: str) -> qe.EdgeShard:
        """The engine."""
        if self._shard is None or name != self.name:
            raise KeyError(f"Collection `{name}` doesn't exist!")
        return self._shard


class QdrantGate:
    """A server on 127.0.0.1 in a thread of its own; well until told otherwise. `calls` counts what reached it."""

    def __init__(self, folder: Path) -> None:
        self._collection = Collection(folder / "collection")
        self._place = _bound(0)  # keeps the port ours while nobody listens
        self._port = self._place.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="qdrant-gate")
        self._site: web.SockSite | None = None
        self._runner: web.AppRunner
        self._mode = "well"
        self._moving: asyncio.Event
        self.calls = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> QdrantGate:
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._place.close()
        self._collection.drop()

    def well(self) -> None:
        """Answer as it should."""
        self._turn("well")

    def refuse(self) -> None:
        """Close the port."""
        self._turn("refuse")

    def hang(self) -> None:
        """Take requests and never answer them."""
        self._turn("hang")

    def fail(self) -> None:
        """Answer 500 to everything."""
        self._turn("fail")

    def forget(self) -> None:
        """Lose the collection."""
        self._do(self._forget())

    def count(self) -> int:
        """How many points the engine has, whatever the server says."""
        return self._do(self._count())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def _turn(self, mode: str) -> None:
        self._do(self._turned(mode))

    async def _start(self) -> None:
        self._moving = asyncio.Event()
        self._moving.set()
        app = web.Application(middlewares=[self._door], client_max_size=64 << 20)
        app.add_routes(self._routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await self._listen()

    async def _end(self) -> None:
        self._mode = "fail"
        self._moving.set()
        await self._runner.cleanup()

    async def _turned(self, mode: str) -> None:
        self._mode = mode
        self._moving.clear() if mode == "hang" else self._moving.set()
        if mode == "refuse" and self._site is not None:
            await self._site.stop()
            self._site = None
        elif mode != "refuse" and self._site is None:
            await self._listen()

    async def _listen(self) -> None:
        self._site = web.SockSite(self._runner, _bound(self._port))
        await self._site.start()

    async def _forget(self) -> None:
        self._collection.drop()

    async def _count(self) -> int:
        with suppress(KeyError):
            return self._collection.of(self._collection.name).count(qe.CountRequest(exact=True))
        return 0

    def _routes(self) -> list[web.RouteDef]:
        place = "/collections/{name}"
        return [
            web.get(f"{place}/exists", self._exists),
            web.put(place, self._make),
            web.get(place, self._info),
            web.put(f"{place}/index", self._index_field),
            web.put(f"{place}/points", self._upsert),
            web.post(f"{place}/points", self._retrieve),
            web.post(f"{place}/points/scroll", self._scroll),
            web.post(f"{place}/points/query", self._query),
            web.post(f"{place}/points/count", self._counted),
        ]

    @web.middleware
    async def _door(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.calls += 1
        await self._moving.wait()
        if self._mode != "well":
            return _refusal(500, "Service internal error: told to fail")
        try:
            return await handler(request)
        except KeyError as error:
            return _refusal(404, str(error))

    def _shard(self, request: web.Request) -> qe.EdgeShard:
        return self._collection.of(request.match_info["name"])

    async def _exists(self, request: web.Request) -> web.Response:
        try:
            self._shard(request)
        except KeyError:
            return _result({"exists": False})
        return _result({"exists": True})

    async def _make(self, request: web.Request) -> web.Response:
        made = self._collection.make(request.match_info["name"], await request.json())
        return _result(True) if made else _refusal(409, "Collection already exists!")

    async def _info(self, request: web.Request) -> web.Response:
        fields = self._shard(request).info().payload_schema
        return _result(_described(self._collection.size, list(fields)))

    async def _index_field(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        kind = _KINDS[wanted["field_schema"]]
        self._shard(request).update(qe.UpdateOperation.create_field_index(wanted["field_name"], kind))
        return _done()

    async def _upsert(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        points = [qe.Point(point["id"], point["vector"], point["payload"]) for point in wanted["points"]]
        self._shard(request).update(qe.UpdateOperation.upsert_points(points))
        return _done()

    async def _retrieve(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        what = {"with_payload": wanted["with_payload"], "with_vector": wanted["with_vector"]}
        return _result([_record(found) for found in self._shard(request).retrieve(wanted["ids"], **what)])

    async def _scroll(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        asked = qe.ScrollRequest(
            offset=wanted.get("offset"),
            limit=wanted["limit"],
            filter=_filter(wanted.get("filter")),
            with_payload=wanted["with_payload"],
            with_vector=wanted["with_vector"],
        )
        found, following = self._shard(request).scroll(asked)
        offset = None if following is None else str(following)
        return _result({"points": [_record(point) for point in found], "next_page_offset": offset})

    async def _query(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        asked = qe.QueryRequest(
            limit=wanted["limit"],
            query=qe.Query.Nearest(wanted["query"]["nearest"]),
            filter=_filter(wanted.get("filter")),
            params=qe.SearchParams(exact=True),
            with_payload=wanted["with_payload"],
        )
        found = self._shard(request).query(asked)
        points = [
            {"id": str(point.id), "version": 0, "score": point.score, "payload": point.payload} for point in found
        ]
        return _result({"points": points})

    async def _counted(self, request: web.Request) -> web.Response:
        return _result({"count": self._shard(request).count(qe.CountRequest(exact=True))})


def _bound(port: int) -> socket.socket:
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    place.bind(("127.0.0.1", port))
    return place


def _filter(wanted: dict[str, Any] | None) -> qe.Filter | None:
    return qe.Filter(must=[_condition(part) for part in wanted["must"]]) if wanted else None


def _condition(wanted: dict[str, Any]) -> qe.FieldCondition:
    if wanted.get("match"):
        return qe.FieldCondition(wanted["key"], match=qe.MatchAny(wanted["match"]["any"]))
    ends = {name: value for name, value in wanted["range"].items() if value is not None}
    return qe.FieldCondition(wanted["key"], range=qe.RangeFloat(**ends))


def _record(found: qe.Record) -> dict[str, Any]:
    return {"id": str(found.id), "payload": found.payload, "vector": found.vector}


def _result(result: object) -> web.Response:
    return web.json_response({"result": result, "status": "ok", "time": 0.0})


def _done() -> web.Response:
    return _result({"operation_id": 0, "status": "completed"})


def _refusal(status: int, said: str) -> web.Response:
    return web.json_response({"status": {"error": said}, "time": 0.0}, status=status)


def _described(size: int, fields: list[str]) -> dict[str, Any]:
    optimizers = {
        "deleted_threshold": 0.2,
        "vacuum_min_vector_number": 1000,
        "default_segment_number": 0,
        "flush_interval_sec": 5,
    }
    config = {
        "params": {"vectors": {"size": size, "distance": "Cosine"}},
        "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
        "optimizer_config": optimizers,
    }
    schema = {field: {"data_type": "keyword", "points": 0} for field in fields}
    return {
        "status": "green",
        "optimizer_status": "ok",
        "segments_count": 1,
        "config": config,
        "payload_schema": schema,
    }
