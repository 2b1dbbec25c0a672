"""What the worker's page shows: the library and the requests, as plain JSON values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from infra.move_index import MoveIndex
from schemas.move_indexed import Move, MoveCard
from streams.views.requests import Requests

_ALIKE = 1000


class LibraryView:
    """Implements the page's `State`."""

    def __init__(self, index: MoveIndex, requests: Requests, health: Callable[[], dict[str, Any]]) -> None:
        self._index = index
        self._requests = requests
        self.health = health

    def request(self, request_id: str) -> dict[str, Any] | None:
        """Where a request is."""
        return self._requests.get(request_id)

    def requests(self) -> list[dict[str, Any]]:
        """The newest requests."""
        return self._requests.recent()

    def library(self) -> dict[str, Any]:
        """The library's version and size."""
        return {"version": self._index.version(), "moves": self._index.count()}

    def moves(self, embeddings: bool) -> list[dict[str, Any]]:
        """The library, by clip name."""
        if embeddings:
            return [_shown(move) | {"embedding": list(move.embedding)} for move in self._index.all_moves()]
        return [_shown(card) for card in self._index.all_moves(embeddings=False)]

    def move(self, sha256: str) -> dict[str, Any] | None:
        """All that is known of one clip but its embedding."""
        found = self._index.get(sha256)
        return None if found is None else found.card().model_dump(mode="json")

    def search(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        """Moves that pass the filters, those most like `like` (a clip's name or hash) first."""
        like = self._move(str(query["like"])) if query.get("like") else None
        hits = self._index.search(
            vector=like.embedding if like else None,
            tempo_bpm=tuple(query["tempo_bpm"]) if query.get("tempo_bpm") else None,
            difficulties=tuple(query.get("difficulties", ())),
            energies=tuple(query.get("energies", ())),
            limit=min(int(query.get("limit", 10)), _ALIKE),
        )
        versions = {like.embedding_version} if like else {hit.move.embedding_version for hit in hits}
        comparable = [hit for hit in hits if hit.move.embedding_version in versions]
        return [_shown(hit.move) | {"similarity": round(float(hit.similarity), 6)} for hit in comparable]

    def _move(self, like: str) -> Move:
        sha256 = next((card.clip.sha256 for card in self._index.all_moves(embeddings=False) if card.name == like), like)
        move = self._index.get(sha256)
        if move is not None:
            return move
        raise ValueError(f"no move '{like}' in the library; `bachata moves list` names them")


def _shown(move: MoveCard) -> dict[str, Any]:
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
