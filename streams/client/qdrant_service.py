"""Store and search the embeddings of moves from another program: on a Qdrant server, or in a folder of this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, overload

from agents.move_indexing.motion.version import VERSION as EMBEDDING_VERSION
from infra.data_folder import check_data_folder
from infra.move_index import MoveHit, QdrantConfig, open_index_of
from infra.move_index.filters import MoveFilter
from infra.move_index.points import point_id
from infra.move_index.softening import SoftenedHits, softened_search, strict_search
from infra.settings import Settings, load_settings
from schemas.faults import Poison
from schemas.move_indexed import Move

__all__ = ["MoveHit", "QdrantConfig", "QdrantEmbeddingService", "SimilarMoves"]

_MOTION_VALUES, _AUDIO_VALUES = 384, 128  # of a move's embedding; a song has no motion
_COUNTED = ("category", "difficulty", "energy")
_NAMES = {  # of the conditions, as the methods call them
    "styles": "style",
    "roles": "role",
    "categories": "category",
    "duration_s": "duration_range",
    "energies": "energy",
    "difficulties": "difficulty",
    "tempo_bpm": "tempo_range",
}
Texts = str | Sequence[str] | None


@dataclass(frozen=True)
class SimilarMoves(Sequence[MoveHit]):
    """The moves that a search found, best first: `for move, similarity in results`.

    `softened`: the conditions that were softened, since no move met all of them; a tempo range may be wider only.
    `applied`: the conditions that all of these moves meet.
    """

    hits: tuple[MoveHit, ...]
    softened: tuple[str, ...]
    applied: MoveFilter

    @overload
    def __getitem__(self, index: int) -> MoveHit: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[MoveHit, ...]: ...

    def __getitem__(self, index: int | slice) -> MoveHit | tuple[MoveHit, ...]:
        return self.hits[index]

    def __len__(self) -> int:
        return len(self.hits)


class QdrantEmbeddingService:
    """The moves of one collection. Without a config, that of the settings (`BACHATA_QDRANT_URL`), if they name one.

    Else the moves are in `embeddings` in the data folder: the folder of a worker can be opened by the worker only.

    Every method raises `Unavailable` while Qdrant cannot be used: call it again later. A search raises `Poison`
    (`invalid_query`) for values that no search can have. A move that is stored here is not on `move-indexed`: a rebuild
    of the index from the topic leaves it out, so use a collection of your own, or submit its clip.
    """

    def __init__(self, config: QdrantConfig | None = None) -> None:
        self.config = config or _default_config(load_settings())
        self._index = open_index_of(self.config)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, or the folder."""
        self._index.close()

    def store_move_embedding(self, move: Move) -> str:
        """Store a move, in place of an earlier one of the same clip; return the id of its point."""
        return self.store_move_embeddings([move])[0]

    def store_move_embeddings(self, moves: Iterable[Move]) -> list[str]:
        """Store moves in batches; return the ids of their points. To store them again changes nothing."""
        stored = list(moves)
        self._index.upsert(*stored)
        self._index.flush()
        return [point_id(move.clip.sha256) for move in stored]

    def search_similar_moves(  # noqa: PLR0913 - the conditions of a search
        self,
        query_embedding: Iterable[float] | None = None,
        limit: int = 10,
        *,
        tempo_range: tuple[float, float] | None = None,
        difficulty: Texts = None,
        energy: Texts = None,
        category: Texts = None,
        role: Texts = None,
        style: Texts = None,
        duration_range: tuple[float, float] | None = None,
        without: Texts = None,
        embedding_version: int | None = None,
        diversity: float = 0.0,
        soften: bool = True,
    ) -> SimilarMoves:
        """Return the moves that are nearest to an embedding of 512 values, or any moves without one.

        A condition on texts may have several values, of which a move meets one; categories and styles are compared
        without regard to case. `tempo_range`: lowest and highest beats per minute. `duration_range`: of the clip, in
        seconds. `without`: the SHA-256 of clips whose moves are left out. `embedding_version`: of `query_embedding`;
        moves of other versions cannot be compared and are left out. Without it, this program's version is meant, as
        long as any move has it. `diversity`, 0 to 1: the weight of the difference between the moves (maximal marginal
        relevance).

        With `soften`, conditions are softened where no move meets all of them: style, role, category, duration, energy,
        difficulty, and at last the tempo, which is widened by 15 % first. None is softened that the others allow.
        """
        wanted = MoveFilter(
            tempo_bpm=tempo_range,
            difficulties=_texts(difficulty),
            energies=_texts(energy),
            categories=_texts(category),
            roles=_texts(role),
            styles=_texts(style),
            duration_s=duration_range,
            without_clips=_texts(without),
            embedding_version=embedding_version,
        )
        vector = None if query_embedding is None else [float(value) for value in query_embedding]  # also of numpy
        search = softened_search if soften else strict_search
        if vector is None or embedding_version is not None:
            return _similar(search(self._index, wanted, vector, limit, diversity))
        comparable = wanted._replace(embedding_version=EMBEDDING_VERSION)
        found = search(self._index, comparable, vector, limit, diversity)
        if not found.hits and not self._index.find(MoveFilter(embedding_version=EMBEDDING_VERSION), None, 1):
            found = search(self._index, wanted, vector, limit, diversity)
        return _similar(found)

    def search_by_move(self, move: Move | str, limit: int = 10, **conditions: Any) -> SimilarMoves:
        """Return the moves that are nearest to a move, or to the stored move of a clip's SHA-256, without itself.

        `conditions`: those of `search_similar_moves`. Raises: `Poison` (`unknown_move`).
        """
        query_move = move if isinstance(move, Move) else self._stored(move)
        conditions["without"] = (query_move.clip.sha256, *_texts(conditions.get("without")))
        conditions["embedding_version"] = query_move.embedding_version
        return self.search_similar_moves(query_move.embedding, limit, **conditions)

    def search_by_song(self, audio_embedding: Sequence[float], limit: int = 10, **conditions: Any) -> SimilarMoves:
        """Return the moves whose own music is nearest to a song's: the 128 values of its `audio-analyzed` event.

        A song has no motion, so that only the part of the music is compared, as in move scoring. `conditions`: those
        of `search_similar_moves`.
        """
        if len(audio_embedding) != _AUDIO_VALUES:
            raise Poison(f"the embedding of a song has {_AUDIO_VALUES} values", reason="invalid_query")
        return self.search_similar_moves((*(0.0,) * _MOTION_VALUES, *audio_embedding), limit, **conditions)

    def get_move(self, clip_sha256: str) -> Move | None:
        """Return the move of a clip with its embedding, or None where it is not stored."""
        return self._index.get(clip_sha256)

    def delete_move(self, clip_sha256: str) -> bool:
        """Delete the move of a clip; return whether it was there."""
        return self._index.remove(clip_sha256) > 0

    def stats(self) -> dict[str, Any]:
        """Return the number of moves, how many there are of each kind, their tempos, and which Qdrant has them."""
        moves = self._index.all_moves(embeddings=False)
        counts = {name: dict(Counter(getattr(move, name) for move in moves)) for name in _COUNTED}
        tempos = [move.tempo_bpm for move in moves]
        facts = {"moves": self._index.count(), "version": self._index.version(), **counts}
        facts["tempo_range"] = (min(tempos), max(tempos)) if tempos else None
        return facts | {"vector_size": self.config.vector_size, "qdrant": self._index.description()}

    def _stored(self, clip_sha256: str) -> Move:
        move = self._index.get(clip_sha256)
        if move is None:
            raise Poison(f"no move of the clip '{clip_sha256}' is stored", reason="unknown_move")
        return move


def _default_config(settings: Settings) -> QdrantConfig:
    server = QdrantConfig.of_settings(settings)
    if server is not None:
        return server
    check_data_folder(settings)
    settings.embeddings_dir.mkdir(mode=0o700, exist_ok=True)
    return QdrantConfig(folder=settings.embeddings_dir)


def _texts(values: Texts) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values or ())


def _similar(found: SoftenedHits) -> SimilarMoves:
    return SimilarMoves(tuple(found.hits), tuple(_NAMES[field] for field in found.softened), found.applied)
