"""Serve what the move index uses of Qdrant's REST interface, with Qdrant's own engine and with faults on demand."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import ssl
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import qdrant_edge as qe
from aiohttp import web

_KINDS = {"keyword": qe.PayloadSchemaType.Keyword, "float": qe.PayloadSchemaType.Float}
_MAX_REQUEST_BYTES = 32 << 20  # as Qdrant has it
_COMPLETED = {"operation_id": 0, "status": "completed"}
_DEFAULT_LINKS = 16  # of a point in the HNSW graph
T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Collections:
    """The collections and aliases, in `folder`; they are there again when another process opens it.

    Its methods raise `KeyError` where a collection does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "collections.json"
        self._shards: dict[str, qe.EdgeShard] = {}
        stored = json.loads(self._file.read_text()) if self._file.exists() else {}
        self.sizes: dict[str, int] = stored.get("sizes", {})
        self.aliases: dict[str, str] = stored.get("aliases", {})
        self.links: dict[str, int] = {}  # of a point in the graph, where it is not the default

    def make(self, name: str, wanted: dict[str, Any]) -> bool:
        """Create a collection; return False if there is one of this name already."""
        if name in self.sizes or name in self.aliases:
            return False
        (self._folder / name).mkdir(parents=True)
        self.sizes[name] = int(wanted["vectors"]["size"])
        self.links[name] = int((wanted.get("hnsw_config") or {}).get("m", _DEFAULT_LINKS))
        vectors = qe.EdgeVectorParams(size=self.sizes[name], distance=qe.Distance.Cosine)
        self._shards[name] = qe.EdgeShard.create(str(self._folder / name), qe.EdgeConfig(vectors=vectors))
        self._save()
        return True

    def drop(self, name: str) -> None:
        """Delete a collection with all its points and aliases."""
        if self.sizes.pop(name, None) is not None:
            self._close(name)
            shutil.rmtree(self._folder / name)
            self.aliases = {alias: used for alias, used in self.aliases.items() if used != name}
            self._save()

    def change_aliases(self, actions: list[dict[str, Any]]) -> None:
        """Create and delete aliases, all at once."""
        aliases = dict(self.aliases)
        for action in actions:
            if deleted := action.get("delete_alias"):
                del aliases[deleted["alias_name"]]
            else:
                made = action["create_alias"]
                if made["alias_name"] in self.sizes or made["collection_name"] not in self.sizes:
                    raise KeyError(f"Collection `{made['collection_name']}` doesn't exist, or the alias has its name")
                aliases[made["alias_name"]] = made["collection_name"]
        self.aliases = aliases
        self._save()

    def of(self, name: str) -> qe.EdgeShard:
        """Return the engine of a collection, or of an alias."""
        name = self.aliases.get(name, name)
        if name not in self.sizes:
            raise KeyError(f"Collection `{name}` doesn't exist!")
        if name not in self._shards:
            self._shards[name] = qe.EdgeShard.load(str(self._folder / name))
        return self._shards[name]

    def close(self) -> None:
        """Close all engines."""
        for name in list(self._shards):
            self._close(name)

    def _close(self, name: str) -> None:
        shard = self._shards.pop(name, None)
        if shard is not None:
            shard.close()

    def _save(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        written = self._file.with_suffix(".new")
        written.write_text(json.dumps({"sizes": self.sizes, "aliases": self.aliases}))
        written.replace(self._file)


class FaultyQdrantServer:
    """A server on 127.0.0.1 in its own thread, without faults at first. `calls` counts the requests it received.

    It denies access without the `api_key`, where it has one. `tls`: with which it is served by HTTPS.
    """

    def __init__(
        self, folder: Path, port: int = 0, api_key: str | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._collections = Collections(folder / "collections")
        self._api_key = api_key
        self._tls = tls
        self._seconds_per_point = 0.0
        self._drops_late_writes = False
        self._refuses_write: Callable[[int], web.Response | None] = lambda points: None
        self._refuses_aliases = False
        self.version = "1.19.0-test"
        self._port_socket = _bound(port)  # reserves the port while the server does not listen
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
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

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
        self._collections.close()

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

    def slow_down(self, seconds_per_point: float, *, drops_late_writes: bool = False) -> None:
        """Let each write take so long for each of its points; it is applied even if nobody waits for it any more.

        `drops_late_writes`: it is not.
        """
        self._seconds_per_point, self._drops_late_writes = seconds_per_point, drops_late_writes

    def refuse_writes(self, refusal: Callable[[int], web.Response | None]) -> None:
        """Answer a write of so many points with the response that this function returns, unless it is None."""
        self._refuses_write = refusal

    def ignore_alias_changes(self) -> None:
        """Answer that aliases were not changed in time."""
        self._refuses_aliases = True

    def info(self, name: str) -> dict[str, Any]:
        """Return what is known of a collection."""
        return self._do(self._described(name))

    def collections(self) -> dict[str, int]:
        """Return the number of points of each collection."""
        return self._do(self._counts())

    def add_plain_collection(self, name: str, size: int = 512) -> None:
        """Create a collection without an alias, as an earlier version did."""
        self._do(self._make_plain(name, size))

    def drop_collection(self) -> None:
        """Delete all collections."""
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
        app = web.Application(middlewares=[self._handle], client_max_size=_MAX_REQUEST_BYTES)
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
        self._site = web.SockSite(self._runner, _bound(self._port), ssl_context=self._tls)
        await self._site.start()

    async def _drop(self) -> None:
        for name in list(self._collections.sizes):
            self._collections.drop(name)

    async def _counts(self) -> dict[str, int]:
        return {name: self._collections.of(name).count(qe.CountRequest(exact=True)) for name in self._collections.sizes}

    async def _make_plain(self, name: str, size: int) -> None:
        self._collections.make(name, {"vectors": {"size": size}})

    async def _count(self) -> int:
        return sum((await self._counts()).values())

    def _routes(self) -> list[web.RouteDef]:
        path = "/collections/{name}"
        return [
            web.get("/", self._version),
            web.get("/readyz", self._version),
            web.get("/aliases", self._aliases),
            web.post("/collections/aliases", self._change_aliases),
            web.get("/collections", self._all),
            web.get(f"{path}/exists", self._exists),
            web.put(path, self._make),
            web.delete(path, self._remove),
            web.get(path, self._info),
            web.put(f"{path}/index", self._index_field),
            web.put(f"{path}/points", self._upsert),
            web.post(f"{path}/points", self._retrieve),
            web.post(f"{path}/points/batch", self._batch),
            web.post(f"{path}/points/delete", self._delete),
            web.post(f"{path}/points/scroll", self._scroll),
            web.post(f"{path}/points/query", self._query),
            web.post(f"{path}/points/count", self._counted),
        ]

    @web.middleware
    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.calls += 1
        await self._may_answer.wait()
        if self._mode != "answer":
            return refusal(500, "Service internal error: set to fail")
        is_open = self._api_key is None or request.path == "/readyz"  # as Qdrant has it
        if not is_open and request.headers.get("api-key") != self._api_key:
            return refusal(401, "Must provide an API key or an Authorization bearer token")
        try:
            return await handler(request)
        except KeyError as error:
            return refusal(404, str(error))

    def _shard(self, request: web.Request) -> qe.EdgeShard:
        return self._collections.of(request.match_info["name"])

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({"title": "qdrant", "version": self.version, "commit": None})

    async def _aliases(self, request: web.Request) -> web.Response:
        aliases = self._collections.aliases.items()
        return _result({"aliases": [{"alias_name": alias, "collection_name": name} for alias, name in aliases]})

    async def _change_aliases(self, request: web.Request) -> web.Response:
        if not self._refuses_aliases:
            self._collections.change_aliases((await request.json())["actions"])
        return _result(not self._refuses_aliases)

    async def _all(self, request: web.Request) -> web.Response:
        return _result({"collections": [{"name": name} for name in self._collections.sizes]})

    async def _remove(self, request: web.Request) -> web.Response:
        self._collections.drop(request.match_info["name"])
        return _result(True)

    async def _exists(self, request: web.Request) -> web.Response:
        try:
            self._shard(request)
        except KeyError:
            return _result({"exists": False})
        return _result({"exists": True})

    async def _make(self, request: web.Request) -> web.Response:
        made = self._collections.make(request.match_info["name"], await request.json())
        return _result(True) if made else refusal(409, "Collection already exists!")

    async def _info(self, request: web.Request) -> web.Response:
        return _result(await self._described(request.match_info["name"]))

    async def _described(self, name: str) -> dict[str, Any]:
        fields = self._collections.of(name).info().payload_schema
        name = self._collections.aliases.get(name, name)
        types = {field: kind for field, found in fields.items() for kind in _KINDS if _KINDS[kind] == found.data_type}
        return _described(self._collections.sizes[name], types, self._collections.links.get(name, _DEFAULT_LINKS))

    async def _index_field(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        kind = _KINDS[wanted["field_schema"]]
        self._shard(request).update(qe.UpdateOperation.create_field_index(wanted["field_name"], kind))
        return _result(_COMPLETED)

    async def _upsert(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        points = [qe.Point(point["id"], point["vector"], point["payload"]) for point in wanted["points"]]
        operation = qe.UpdateOperation.upsert_points(points)
        return await self._written(request, len(points), lambda: self._shard(request).update(operation))

    async def _batch(self, request: web.Request) -> web.Response:
        changes = [operation["overwrite_payload"] for operation in (await request.json())["operations"]]
        shard = self._shard(request)

        def overwrite() -> None:
            for change in changes:  # those before one that fails are applied
                if not shard.retrieve(change["points"], with_payload=False, with_vector=False):
                    raise KeyError(f"Not found: No point with id {change['points'][0]} found")
                shard.update(qe.UpdateOperation.overwrite_payload(change["points"], change["payload"]))

        return await self._written(request, len(changes), overwrite, [_COMPLETED for _ in changes])

    async def _delete(self, request: web.Request) -> web.Response:
        points = (await request.json())["points"]
        operation = qe.UpdateOperation.delete_points(points)
        return await self._written(request, len(points), lambda: self._shard(request).update(operation))

    async def _written(
        self, request: web.Request, points: int, write: Callable[[], None], result: object = None
    ) -> web.Response:
        """Write so many points, with the faults that are set, and return the result."""
        if refused := self._refuses_write(points):
            return refused
        await asyncio.sleep(points * self._seconds_per_point)
        is_late = request.transport is None or request.transport.is_closing()
        if not (is_late and self._drops_late_writes):
            write()
        return _result(result or _COMPLETED)

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
            query=_engine_query(wanted["query"]),
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


def _engine_query(wanted: dict[str, Any]) -> Any:
    if varied := wanted.get("mmr"):
        return qe.Mmr(wanted["nearest"], 1.0 - varied["diversity"], varied["candidates_limit"])
    return qe.Query.Nearest(wanted["nearest"])


def _filter(wanted: dict[str, Any] | None) -> qe.Filter | None:
    if not wanted:
        return None
    return qe.Filter(
        must=[_condition(part) for part in wanted.get("must") or ()],
        must_not=[_condition(part) for part in wanted.get("must_not") or ()],
    )


def _condition(wanted: dict[str, Any]) -> qe.FieldCondition:
    if wanted.get("match"):
        return qe.FieldCondition(wanted["key"], match=qe.MatchAny(wanted["match"]["any"]))
    ends = {name: value for name, value in wanted["range"].items() if value is not None}
    return qe.FieldCondition(wanted["key"], range=qe.RangeFloat(**ends))


def _record(found: qe.Record) -> dict[str, Any]:
    return {"id": str(found.id), "payload": found.payload, "vector": found.vector}


def _result(result: object) -> web.Response:
    return web.json_response({"result": result, "status": "ok", "time": 0.0})


def refusal(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    """Return the response of an error, as Qdrant gives it."""
    return web.json_response({"status": {"error": message}, "time": 0.0}, status=status, headers=headers)


def _described(size: int, types: dict[str, str], links: int) -> dict[str, Any]:
    optimizers = {
        "deleted_threshold": 0.2,
        "vacuum_min_vector_number": 1000,
        "default_segment_number": 0,
        "flush_interval_sec": 5,
    }
    config = {
        "params": {"vectors": {"size": size, "distance": "Cosine"}},
        "hnsw_config": {"m": links, "ef_construct": 100, "full_scan_threshold": 10000},
        "optimizer_config": optimizers,
    }
    schema = {field: {"data_type": kind, "points": 0} for field, kind in types.items()}
    return {
        "status": "green",
        "optimizer_status": "ok",
        "segments_count": 1,
        "config": config,
        "payload_schema": schema,
    }


def main(folder: str, port: str, api_key: str = "") -> None:
    """Serve a folder until the process is killed."""
    with FaultyQdrantServer(Path(folder), int(port), api_key or None) as server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
