"""`/library`, `/moves` and `/couples`: list and search moves of the library, and the clips of all, readable or not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from agents.move_indexing.motion.version import VERSION as EMBEDDING_VERSION
from agents.playable import usable_eights
from infra.move_index import MoveIndex
from infra.move_index.filters import MoveFilter
from infra.move_index.softening import softened_search, strict_search
from schemas.base import Difficulty, EmbeddingValue, Level, Name, Role, UnitLength
from schemas.faults import Fault, Poison
from schemas.limits import MAX_SEARCHED_DURATION_S, MAX_SEARCHED_TEMPO_BPM
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Move, MoveSummary
from streams.operations.first_one import count_fields
from streams.page.queries import takes_query
from streams.page.responses import error_response

_BODY_TIMEOUT_S = 10.0
_MAX_HITS = 1000
_CONDITIONS = ("tempo_bpm", "difficulties", "energies", "categories", "roles", "styles", "duration_s")
_CAUGHT_UP_TIMEOUT_S = 5.0

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Tempo = Annotated[float, Field(ge=0, le=MAX_SEARCHED_TEMPO_BPM)]
_Duration = Annotated[float, Field(ge=0, le=MAX_SEARCHED_DURATION_S)]
_Texts = Annotated[tuple[Name, ...], Field(max_length=10)]
_Vector = Annotated[tuple[EmbeddingValue, ...], Field(min_length=512, max_length=512, fail_fast=True), UnitLength]


class MoveQuery(BaseModel):
    """The body of `/moves/search`: filters, and the move (a clip's name or hash) whose similar ones are searched.

    `diversity`, 0 to 1: how much the moves that are found differ from each other.
    `soften`: whether filters are softened where no move passes all of them; the answer names those that were.
    `vector`: an embedding of this version, in place of a move's.
    """

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)

    like: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    tempo_bpm: tuple[_Tempo, _Tempo] | None = None
    difficulties: Annotated[tuple[Difficulty, ...], Field(max_length=10)] = ()
    energies: Annotated[tuple[Level, ...], Field(max_length=10)] = ()
    categories: _Texts = ()
    roles: Annotated[tuple[Role, ...], Field(max_length=10)] = ()
    styles: _Texts = ()
    duration_s: tuple[_Duration, _Duration] | None = None
    diversity: float = Field(default=0.0, ge=0, le=1)
    soften: bool = False
    limit: int = Field(default=10, ge=1, le=_MAX_HITS)
    vector: _Vector | None = None

    @field_validator("tempo_bpm", "duration_s")
    @classmethod
    def _rising(cls, ends: tuple[float, float] | None) -> tuple[float, float] | None:
        if ends is not None and ends[0] > ends[1]:
            raise ValueError("the lower number comes first")
        return ends


def routes(index: MoveIndex, unknown: Callable[[], list[str]] = list) -> list[web.RouteDef]:
    """Return the routes over the move index, which is called on a thread: it may be a remote server.

    `unknown`: returns the clips of its moves that are not on the topics.
    """

    async def library(_: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(_library, index))

    async def describe(_: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(_described, index) | {"unknown": unknown()})

    async def clips(_: web.Request) -> web.Response:
        return web.json_response({"clips": await asyncio.to_thread(index.clips)})

    @takes_query("embeddings")
    async def list_moves(request: web.Request) -> web.Response:
        embeddings = request.query.get("embeddings") == "1"
        return web.json_response({"moves": await asyncio.to_thread(_moves, index, embeddings)})

    couples = _StoredCouples(index)

    async def list_couples(_: web.Request) -> web.Response:
        return web.json_response(body=await couples.as_json())

    async def get_move(request: web.Request) -> web.Response:
        found = await asyncio.to_thread(index.get, request.match_info["sha256"])
        if found is None:
            return error_response(404, "no such move")
        return web.json_response(found.summary().model_dump(mode="json"))

    async def search(request: web.Request) -> web.Response:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            body = await request.read()
        return web.json_response(await asyncio.to_thread(_search, index, _query(body)))

    return [
        web.get("/library", library),
        web.get("/library/index", describe),
        web.get("/library/clips", clips),
        web.get("/moves", list_moves),
        web.get("/couples", list_couples),
        web.get("/moves/{sha256}", get_move),
        web.post("/moves/search", search),
    ]


def usable_route(
    index: MoveIndex, has_clip: Callable[[str], bool], caught_up: Callable[[], Awaitable[None]]
) -> web.RouteDef:
    """Return the route that says how many moves there are and whether a dance can be made of any of them.

    It is answered when the index has all moves that are published, or with 503 if that takes long.
    """

    async def usable(_: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(_usable, index, has_clip))

    return web.get("/library/usable", _complete(caught_up, usable))


def annotations_route(
    annotations: Callable[[], Mapping[str, MoveAnnotation]], caught_up: Callable[[], Awaitable[None]]
) -> web.RouteDef:
    """Return the route of the annotations that hold, by the SHA-256 of the clip, also of clips without a move.

    It is answered when all annotations that are published are read, or with 503 if that takes long.
    """

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"annotations": await asyncio.to_thread(_dumped, annotations)})

    return web.get("/library/annotations", _complete(caught_up, answer))


def _complete(caught_up: Callable[[], Awaitable[None]], handler: _Handler) -> _Handler:
    """Return a handler that answers when the library is complete, or with 503."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            await asyncio.wait_for(caught_up(), _CAUGHT_UP_TIMEOUT_S)
        except TimeoutError:
            return error_response(503, "the move index is being built")
        return await handler(request)

    return answer


def _dumped(annotations: Callable[[], Mapping[str, MoveAnnotation]]) -> dict[str, dict[str, Any]]:
    return {clip: found.model_dump(mode="json", exclude_defaults=True) for clip, found in annotations().items()}


def _usable(index: MoveIndex, has_clip: Callable[[str], bool]) -> dict[str, Any]:
    def is_usable(move: MoveSummary) -> bool:
        return bool(usable_eights(move)) and has_clip(move.clip.sha256)

    some = (hit.move for hit in index.search(limit=_MAX_HITS))
    found = any(map(is_usable, some)) or any(map(is_usable, index.all_moves(embeddings=False)))
    return {"moves": index.count(), "usable": found}


def _library(index: MoveIndex) -> dict[str, Any]:
    return {"version": index.version(), "moves": index.count()}


def _described(index: MoveIndex) -> dict[str, Any]:
    try:
        return {"reachable": True, "moves": index.count(), **index.description(), "error": ""}
    except Fault as fault:
        return {**index.place(), "reachable": False, "moves": None, "error": str(fault)}


def _moves(index: MoveIndex, embeddings: bool) -> list[dict[str, Any]]:
    if embeddings:
        return [_summary(move) | {"embedding": list(move.embedding)} for move in index.all_moves()]
    return [_summary(move) for move in index.all_moves(embeddings=False)]


class _StoredCouples:
    """The answer to `/couples`, computed once for each version of the library, one at a time: large ones take long."""

    def __init__(self, index: MoveIndex) -> None:
        self._index = index
        self._lock = asyncio.Lock()
        self._version, self._body = "", b""

    async def as_json(self) -> bytes:
        """Return the couples of the library as it is now."""
        async with self._lock:
            await asyncio.to_thread(self._update)
            return self._body

    def _update(self) -> None:
        version = self._index.version()  # before the moves: one that is written meanwhile makes another version
        if version != self._version:
            self._body = json.dumps({"couples": _couples(self._index)}).encode()
            self._version = version


def _couples(index: MoveIndex) -> list[dict[str, Any]]:
    """Return the couples, the one with the most clips first, each with its moves."""
    from agents.couples.couples import couples

    return [
        {
            "name": couple.name,
            "rooms": couple.rooms,
            "moves": [_summary(move) | {"room": room} for move, room in couple.moves],
        }
        for couple in couples(index.all_moves(embeddings=False))
    ]


def _query(body: bytes) -> MoveQuery:
    """Return the query in a body. Raises: `Poison` (`invalid_query`), with the first error only."""
    try:
        return MoveQuery.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the body"
        raise Poison(f"{place}: {first['msg']}", reason="invalid_query") from None


def _search(index: MoveIndex, query: MoveQuery) -> dict[str, Any]:
    """Return the moves that pass the filters, most similar to `like` first, and the names of softened filters."""
    like = None if query.like is None else _move(index, query.like)
    version = like.embedding_version if like else EMBEDDING_VERSION if query.vector else None
    conditions = {name: getattr(query, name) for name in _CONDITIONS}
    wanted = MoveFilter(**conditions, embedding_version=version)
    search = softened_search if query.soften else strict_search
    found = search(index, wanted, like.embedding if like else query.vector, query.limit, query.diversity)
    moves = [_summary(hit.move) | {"similarity": round(float(hit.similarity), 6)} for hit in found.hits]
    return {"moves": moves, "softened": found.softened}


def _move(index: MoveIndex, like: str) -> Move:
    sha256 = next((hit.move.clip.sha256 for hit in index.find(MoveFilter(names=(like,)), None, 1)), like)
    move = index.get(sha256)
    if move is not None:
        return move
    raise Poison(f"no move '{like}' in the library; `bachata moves list` lists all", reason="unknown_move")


def _summary(move: MoveSummary) -> dict[str, Any]:
    return {
        "move": move.move,
        "clip": move.name,
        "sha256": move.clip.sha256,
        "category": move.category,
        "embedding_version": move.embedding_version,
        "difficulty": move.difficulty,
        "energy": move.energy,
        "tempo_bpm": move.tempo_bpm,
        "eights": len(move.eights),
        "first_eight_s": move.beats[move.eights[0].start_beat] if move.eights else 0.0,
        "duration_s": move.clip.duration_s,
        **count_fields(move),
        "dancers": move.dancers.model_dump(),
        "annotation": move.annotation and move.annotation.model_dump(mode="json", exclude_defaults=True),
        "judged": move.judged and move.judged.model_dump(mode="json"),
    }
