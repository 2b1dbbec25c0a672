"""Serve what the move index uses of Qdrant's REST interface, with Qdrant's own engine and with faults on demand."""

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
    """One collection, in `folder`.

    Its methods raise `KeyError` where it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shard: qe.EdgeShard | None = None
        self.name = ""
        self.size = 0

    def make(self, name: str, wanted: dict[str, Any]) -> bool:
        """Create the collection; return False if it exists already."""
        if self._shard is not None:
            return False
        self._folder.mkdir(parents=True)
        self.name, self.size = name, int(wanted["vectors"]["size"])
        vectors = qe.EdgeVectorParams(size=self.size, distance=qe.Distance.Cosine)
        self._shard = qe.EdgeShard.create(str(self._folder), qe.EdgeConfig(vectors=vectors))
        return True

    def drop(self) -> None:
        """Delete the collection with all its points."""
        shard, self._shard = self._shard, None
        if shard is not None:
            shard.close()
            shutil.rmtree(self._folder)

    def of(self, name: str) -> qe.EdgeShard:
        """Return the engine of the collection."""
        if self._shard is None or name != self.name:
            raise KeyError(f"Collection `{name}` doesn't exist!")
        return self._shard


class FaultyQdrantServer:
    """A server on 127.0.0.1 in its own thread, without faults at first. `calls` counts the requests it received."""

    def __init__(self, folder: Path) -> None:
        self._collection = Collection(folder / "collection")
        self._port_socket = _bound(0)  # reserves the port while the server does not listen
        self._port = self._port_socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faulty-qdrant")
        self._site: web.SockSite | None = None
        self._runner: web.AppRunner
        self._mode = "answer"
        self._may_answer: asyncio.Event
        self.calls = 0

    @property
    def url(self) -> str:
        """Return the server's address."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> FaultyQdrantServer:
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
        self._port_socket.close()
        self._collection.drop()

    def recover(self) -> None:
        """Answer requests correctly again."""
        self._switch("answer")

    def refuse(self) -> None:
        """Close the port."""
        self._switch("refuse")

    def hang(self) -> None:
        """Accept requests and never answer them."""
        self._switch("hang")

    def fail(self) -> None:
        """Answer every request with status 500."""
        self._switch("fail")

    def drop_collection(self) -> None:
        """Delete the collection."""
        self._do(self._drop())

    def count(self) -> int:
        """Return the number of points in the engine, whatever the server answers."""
        return self._do(self._count())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def _switch(self, mode: str) -> None:
        self._do(self._set_mode(mode))

    async def _start(self) -> None:
        self._may_answer = asyncio.Event()
        self._may_answer.set()
        app = web.Application(middlewares=[self._handle], client_max_size=64 << 20)
        app.add_routes(self._routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await self._listen()

    async def _end(self) -> None:
        self._mode = "fail"
        self._may_answer.set()
        await self._runner.cleanup()

    async def _set_mode(self, mode: str) -> None:
        self._mode = mode
        self._may_answer.clear() if mode == "hang" else self._may_answer.set()
        if mode == "refuse" and self._site is not None:
            await self._site.stop()
            self._site = None
        elif mode != "refuse" and self._site is None:
            await self._listen()

    async def _listen(self) -> None:
        self._site = web.SockSite(self._runner, _bound(self._port))
        await self._site.start()

    async def _drop(self) -> None:
        self._collection.drop()

    async def _count(self) -> int:
        with suppress(KeyError):
            return self._collection.of(self._collection.name).count(qe.CountRequest(exact=True))
        return 0

    def _routes(self) -> list[web.RouteDef]:
        path = "/collections/{name}"
        return [
            web.get(f"{path}/exists", self._exists),
            web.put(path, self._make),
            web.get(path, self._info),
            web.put(f"{path}/index", self._index_field),
            web.put(f"{path}/points", self._upsert),
            web.post(f"{path}/points", self._retrieve),
            web.post(f"{path}/points/scroll", self._scroll),
            web.post(f"{path}/points/query", self._query),
            web.post(f"{path}/points/count", self._counted),
        ]

    @web.middleware
    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.calls += 1
        await self._may_answer.wait()
        if self._mode != "answer":
            return _refusal(500, "Service internal error: set to fail")
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
        request_to_engine = qe.ScrollRequest(
            offset=wanted.get("offset"),
            limit=wanted["limit"],
            filter=_filter(wanted.get("filter")),
            with_payload=wanted["with_payload"],
            with_vector=wanted["with_vector"],
        )
        found, following = self._shard(request).scroll(request_to_engine)
        offset = None if following is None else str(following)
        return _result({"points": [_record(point) for point in found], "next_page_offset": offset})

    async def _query(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        request_to_engine = qe.QueryRequest(
            limit=wanted["limit"],
            query=qe.Query.Nearest(wanted["query"]["nearest"]),
            filter=_filter(wanted.get("filter")),
            params=qe.SearchParams(exact=True),
            with_payload=wanted["with_payload"],
        )
        found = self._shard(request).query(request_to_engine)
        points = [
            {"id": str(point.id), "version": 0, "score": point.score, "payload": point.payload} for point in found
        ]
        return _result({"points": points})

    async def _counted(self, request: web.Request) -> web.Response:
        return _result({"count": self._shard(request).count(qe.CountRequest(exact=True))})


def _bound(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    return listener


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


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"status": {"error": message}, "time": 0.0}, status=status)


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
