"""`/library` and `/moves`: list and search the moves of the library."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from infra.move_index import MoveIndex
from schemas.move_indexed import Move, MoveSummary

_MAX_HITS = 1000


def routes(index: MoveIndex) -> list[web.RouteDef]:
    """Return the routes over the move index, which is called on a thread: it may be a remote server."""

    async def library(_: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(_library, index))

    async def list_moves(request: web.Request) -> web.Response:
        embeddings = request.query.get("embeddings") == "1"
        return web.json_response({"moves": await asyncio.to_thread(_moves, index, embeddings)})

    async def get_move(request: web.Request) -> web.Response:
        found = await asyncio.to_thread(index.get, request.match_info["sha256"])
        if found is None:
            return web.json_response({"error": "no such move"}, status=404)
        return web.json_response(found.summary().model_dump(mode="json"))

    async def search(request: web.Request) -> web.Response:
        try:
            query = await request.json()
            return web.json_response({"moves": await asyncio.to_thread(_search, index, query)})
        except (ValueError, KeyError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)

    return [
        web.get("/library", library),
        web.get("/moves", list_moves),
        web.get("/moves/{sha256}", get_move),
        web.post("/moves/search", search),
    ]


def _library(index: MoveIndex) -> dict[str, Any]:
    return {"version": index.version(), "moves": index.count()}


def _moves(index: MoveIndex, embeddings: bool) -> list[dict[str, Any]]:
    if embeddings:
        return [_summary(move) | {"embedding": list(move.embedding)} for move in index.all_moves()]
    return [_summary(card) for card in index.all_moves(embeddings=False)]


def _search(index: MoveIndex, query: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the moves that pass the filters, most similar to `like` (a clip's name or hash) first."""
    like = _move(index, str(query["like"])) if query.get("like") else None
    hits = index.search(
        vector=like.embedding if like else None,
        tempo_bpm=tuple(query["tempo_bpm"]) if query.get("tempo_bpm") else None,
        difficulties=tuple(query.get("difficulties", ())),
        energies=tuple(query.get("energies", ())),
        limit=min(int(query.get("limit", 10)), _MAX_HITS),
    )
    versions = {like.embedding_version} if like else {hit.move.embedding_version for hit in hits}
    comparable = [hit for hit in hits if hit.move.embedding_version in versions]
    return [_summary(hit.move) | {"similarity": round(float(hit.similarity), 6)} for hit in comparable]


def _move(index: MoveIndex, like: str) -> Move:
    sha256 = next((card.clip.sha256 for card in index.all_moves(embeddings=False) if card.name == like), like)
    move = index.get(sha256)
    if move is not None:
        return move
    raise ValueError(f"no move '{like}' in the library; `bachata moves list` lists all")


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
        "duration_s": move.clip.duration_s,
        "dancers": move.dancers.model_dump(),
    }
