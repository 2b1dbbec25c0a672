"""What every move index does, whatever engine holds the vectors: moves in, hits and a library version out."""

from __future__ import annotations

import hashlib
import logging
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Literal, NamedTuple, overload

from pydantic import ValidationError

from schemas.faults import Unavailable
from schemas.move_indexed import Move, MoveSummary
from schemas.reasons import Reason

VECTOR_SIZE = 512
COLLECTION = "bachata_moves"
KEYWORD_FIELDS = ("clip_sha256", "difficulty", "energy", "category", "move")
RANGE_FIELDS = ("tempo_bpm",)
_DIGEST_FIELDS = ("clip_sha256", "digest")
_PAGE = 512
_CARDS_KEPT = 4096
log = logging.getLogger(__name__)


class MoveIndexError(Unavailable):
    """The move index cannot be used for now. No move is lost by that: `move-indexed` has them all."""

    def __init__(self, message: str, reason: Reason = "move_index") -> None:
        super().__init__(message, reason)


class MoveIndexLockedError(MoveIndexError):
    """Another process has the index open."""


class MoveHit(NamedTuple):
    """A move that was found, and its cosine similarity to the query, -1 to 1 (0 without a query)."""

    move: MoveSummary
    similarity: float


class MoveFilter(NamedTuple):
    """What a move must be. An empty filter lets all pass; both ends of the tempo range belong to it."""

    tempo_bpm: tuple[float, float] | None = None
    difficulties: tuple[str, ...] = ()
    energies: tuple[str, ...] = ()

    def keywords(self) -> dict[str, list[str]]:
        """The fields that must have one of some values."""
        asked = {"difficulty": list(self.difficulties), "energy": list(self.energies)}
        return {field: values for field, values in asked.items() if values}


class Stored(NamedTuple):
    """A point as the engine gives it back."""

    id: str
    payload: dict[str, Any]
    vector: Sequence[float]
    score: float


class MoveIndex(ABC):
    """512-d cosine search over moves, filtered by tempo, difficulty and energy. One lock: any thread may call.

    A move's point is named by its clip, so a clip that comes again replaces itself. A digest of every move is kept in
    memory: the version costs no scan, and a move that is there already costs no write. The engine is opened when it is
    first needed. Every call raises `Unavailable` while the engine cannot be used, and works again when it can.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._digests: dict[str, str] = {}
        self._version: str | None = None

    def upsert(self, move: Move) -> None:
        """Put a move in, in place of the one of the same clip. The same move again changes nothing."""
        text = move.model_dump_json()
        digest = hashlib.sha256(text.encode()).hexdigest()
        with self._opened():
            if self._digests.get(move.clip.sha256) == digest and self._upsert_once:
                return
            self._put(point_id(move.clip.sha256), move.embedding, _payload(move, digest))
            self._remember({move.clip.sha256: digest})

    def flush(self) -> None:
        """Make what was put in durable against a loss of power. A killed process loses nothing without it."""
        with self._opened():
            self._flush()

    def close(self) -> None:
        """Let go of the engine. Closing twice is harmless."""
        with self._lock:
            self._close()

    def count(self) -> int:
        """How many moves there are."""
        with self._opened():
            return self._count()

    def version(self) -> str:
        """A hash over every clip and its move, annotations included: 64 hex digits."""
        with self._opened():
            self._catch_up()
            if self._version is None:
                self._version = _version(self._digests)
            return self._version

    def search(
        self,
        *,
        vector: Sequence[float] | None = None,
        tempo_bpm: tuple[float, float] | None = None,
        difficulties: Sequence[str] = (),
        energies: Sequence[str] = (),
        limit: int = 10,
    ) -> list[MoveHit]:
        """The best moves that pass all filters: by falling similarity to `vector` (512), ties by point id.

        Without a vector the first moves by point id. The search is exact, so the same moves give the same hits.
        """
        wanted = MoveFilter(tempo_bpm, tuple(difficulties), tuple(energies))
        with self._opened():
            found = self._scroll(None, limit, wanted)[0] if vector is None else self._ranked(vector, wanted, limit)
        found = sorted(found, key=lambda point: (-point.score, point.id))[:limit]
        return [MoveHit(card, point.score) for point in found if (card := _card(point.payload["card"]))]

    def get(self, clip_sha256: str) -> Move | None:
        """The move of a clip, if it is in."""
        with self._opened():
            found = self._retrieve(point_id(clip_sha256))
        return _move(found) if found else None

    @overload
    def all_moves(self, embeddings: Literal[True] = True) -> list[Move]: ...

    @overload
    def all_moves(self, embeddings: Literal[False]) -> list[MoveSummary]: ...

    def all_moves(self, embeddings: bool = True) -> list[Move] | list[MoveSummary]:
        """Every move, by name; without embeddings as cards."""
        with self._opened():
            points = list(self._scan(vectors=embeddings))
        if embeddings:
            return sorted((move for point in points if (move := _move(point))), key=_by_name)
        return sorted((card for point in points if (card := _card(point.payload["card"]))), key=_by_name)

    @contextmanager
    def _opened(self) -> Iterator[None]:
        with self._lock:
            self._open()
            yield

    def _ranked(self, vector: Sequence[float], wanted: MoveFilter, limit: int) -> list[Stored]:
        """The `limit` nearest and all that are as near as the last of them: an engine cuts between equals at will."""
        asked = limit + 1
        while True:
            found = self._nearest(vector, wanted, asked)
            if len(found) < asked or found[-1].score < found[limit - 1].score:
                return found
            asked *= 4

    def _remember(self, digests: dict[str, str]) -> None:
        self._digests.update(digests)
        self._version = None

    def _recall(self) -> None:
        """Read every digest anew. Raises `KeyError` where a point has none."""
        points = self._scan(fields=_DIGEST_FIELDS)
        self._digests = {point.payload["clip_sha256"]: point.payload["digest"] for point in points}
        self._version = None

    def _scan(self, fields: Sequence[str] = (), vectors: bool = False) -> Iterator[Stored]:
        offset: str | None = None
        while True:
            points, offset = self._scroll(offset, _PAGE, MoveFilter(), fields, vectors)
            yield from points
            if offset is None:
                return

    _upsert_once = True  # whether nobody else writes, so that a known digest means a point that is there

    @abstractmethod
    def _open(self) -> None:
        """Make the engine ready for a call; nothing to do where it is."""

    @abstractmethod
    def _put(self, point: str, vector: Sequence[float], payload: dict[str, Any]) -> None: ...

    @abstractmethod
    def _nearest(self, vector: Sequence[float], wanted: MoveFilter, limit: int) -> list[Stored]: ...

    @abstractmethod
    def _scroll(
        self, offset: str | None, limit: int, wanted: MoveFilter, fields: Sequence[str] = (), vectors: bool = False
    ) -> tuple[list[Stored], str | None]: ...

    @abstractmethod
    def _retrieve(self, point: str) -> Stored | None: ...

    @abstractmethod
    def _count(self) -> int: ...

    @abstractmethod
    def _flush(self) -> None: ...

    @abstractmethod
    def _close(self) -> None: ...

    def _catch_up(self) -> None:
        """Learn what others wrote; nothing to do where there are no others."""
        return


def point_id(clip_sha256: str) -> str:
    """The name of a clip's point: a UUIDv5 of its content hash."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:sha256:{clip_sha256}"))


def _payload(move: Move, digest: str) -> dict[str, Any]:
    fields = {name: getattr(move, name) for name in (*RANGE_FIELDS, "difficulty", "energy", "category", "move")}
    return {"clip_sha256": move.clip.sha256, "digest": digest, "card": move.card().model_dump_json(), **fields}


def _version(digests: dict[str, str]) -> str:
    lines = "\n".join(f"{clip} {digest}" for clip, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


@lru_cache(maxsize=_CARDS_KEPT)
def _card(text: str) -> MoveSummary | None:
    """The stored card; None, with one warning, where another version of the program wrote it in another way."""
    try:
        return MoveSummary.model_validate_json(text)
    except ValidationError:
        log.warning("a move was indexed by another version and is left out until it is indexed again: %.120s", text)
        return None


def _move(point: Stored) -> Move | None:
    card = _card(point.payload["card"])
    return None if card is None else Move.model_construct(**dict(card), embedding=tuple(point.vector))


def _by_name(move: MoveSummary) -> tuple[str, str]:
    return move.name, move.clip.sha256
