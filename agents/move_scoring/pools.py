"""The moves to score for a song: a few dozen usable moves of the library for each energy level."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from agents.move_scoring.terms import DIFFICULTIES, LEVELS
from agents.playable import usable_eights
from agents.step import Hit, Library
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import Difficulty, Level
from schemas.faults import Poison

MAX_CANDIDATES = 20
_TARGET_POOL_SIZE = 30  # more than `MAX_CANDIDATES`, so that the best ones differ between parts of the song
_MIN_POOL_SIZE = 4
_SEARCH_LIMIT = 60
_NO_MOTION: Final = (0.0,) * 384  # a song has no motion: only the audio part of the embedding is compared
_TEMPO_NEAR, _TEMPO_FAR = 0.12, 0.25  # difference as a part of the song's tempo


class Pools:
    """One pool of moves for each energy level, searched on first use."""

    def __init__(self, library: Library, analysis: AudioAnalysis, difficulty: Difficulty) -> None:
        self._library = library
        self._query = (*_NO_MOTION, *analysis.embedding)
        self._tempo_bpm = analysis.tempo_bpm
        self._difficulties = DIFFICULTIES[: DIFFICULTIES.index(difficulty) + 1]
        self._pools: dict[Level, tuple[Hit, ...]] = {}

    def of(self, level: Level) -> tuple[Hit, ...]:
        """Return at least one usable move for this energy: by widening filter, then nearest in sound first.

        Raises: `Poison` where the library is empty (`empty_library`) or no move in it is usable (`no_usable_moves`).
        """
        if level not in self._pools:
            self._pools[level] = self._gather(level)
        return self._pools[level]

    def _gather(self, level: Level) -> tuple[Hit, ...]:
        pool: dict[str, Hit] = {}
        for filters in self._widening_filters(level):
            _add(pool, self._search(_SEARCH_LIMIT, **filters))
            if len(pool) >= _TARGET_POOL_SIZE:
                break
        if len(pool) < _MIN_POOL_SIZE:
            _add(pool, self._unfiltered())
        return tuple(pool.values())

    def _widening_filters(self, level: Level) -> Iterator[dict[str, Any]]:
        near, far = self._tempo_range(_TEMPO_NEAR), self._tempo_range(_TEMPO_FAR)
        allowed = {"difficulties": self._difficulties}
        yield allowed | {"tempo_bpm": near, "energies": (level,)}
        yield allowed | {"tempo_bpm": near, "energies": _neighbours(level)}
        yield allowed | {"tempo_bpm": far}
        yield allowed

    def _tempo_range(self, share: float) -> tuple[float, float]:
        return self._tempo_bpm * (1 - share), self._tempo_bpm * (1 + share)

    def _unfiltered(self) -> list[Hit]:
        limit = _SEARCH_LIMIT
        while True:
            hits = self._search(limit)
            usable = [hit for hit in hits if usable_eights(hit.move)]
            if len(usable) >= _MIN_POOL_SIZE or (usable and len(hits) < limit):
                return usable
            if len(hits) < limit:
                raise _no_usable_moves(bool(hits))
            limit *= 4

    def _search(self, limit: int, **filters: Any) -> Sequence[Hit]:
        return self._library.search(vector=self._query, limit=limit, **filters)


def _neighbours(level: Level) -> tuple[Level, ...]:
    index = LEVELS.index(level)
    return LEVELS[max(0, index - 1) : index + 2]


def _add(pool: dict[str, Hit], hits: Iterable[Hit]) -> None:
    for hit in hits:
        if usable_eights(hit.move):
            pool.setdefault(hit.move.clip.sha256, hit)


def _no_usable_moves(has_moves: bool) -> Poison:
    if has_moves:
        message = "no move in the library has a whole eight of beats: index longer clips, `bachata index FOLDER`"
        return Poison(message, reason="no_usable_moves")
    return Poison("the library is empty: index clips first, `bachata index FOLDER`", reason="empty_library")
