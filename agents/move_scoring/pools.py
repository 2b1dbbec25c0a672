"""The moves to score for a song: a few dozen usable moves of the library for each energy level."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from agents.move_scoring.terms import DIFFICULTIES, LEVELS
from agents.playable import has_unsure_one, usable_eights
from agents.step import Hit, Library
from agents.texts import first_few
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import Difficulty, Level, joined_warnings
from schemas.faults import Poison
from schemas.limits import MAX_MISSING_CLIPS
from schemas.move_indexed import MoveSummary

log = logging.getLogger(__name__)

MAX_CANDIDATES = 20
_TARGET_POOL_SIZE = 30  # more than `MAX_CANDIDATES`, so that the best ones differ between parts of the song
_MIN_POOL_SIZE = 4
_WRONG_FACTS = (ValueError, ArithmeticError, LookupError, TypeError)  # what Python raises for numbers that cannot be
_SEARCH_LIMIT, _WIDE_SEARCH_LIMIT = 60, 480
_NO_MOTION: Final = (0.0,) * 384  # a song has no motion: only the audio part of the embedding is compared
_TEMPO_NEAR, _TEMPO_FAR = 0.12, 0.25  # difference as a part of the song's tempo


class Pools:
    """One pool of moves for each energy level, searched on first use."""

    def __init__(
        self, library: Library, analysis: AudioAnalysis, difficulty: Difficulty, has_clip: Callable[[str], bool]
    ) -> None:
        self._library = library
        self._has_clip = has_clip
        self._without_clip: dict[str, str] = {}  # names of moves, by the sha256 of the clip
        self._contradictory: dict[str, str] = {}
        self._query = (*_NO_MOTION, *analysis.embedding)
        self._tempo_bpm = analysis.tempo_bpm
        self._difficulties = DIFFICULTIES[: DIFFICULTIES.index(difficulty) + 1]
        self._pools: dict[Level, tuple[Hit, ...]] = {}

    def of(self, level: Level) -> tuple[Hit, ...]:
        """Return at least one usable move for this energy: by widening filter, then nearest in sound first.

        Moves whose 1 is unsure do not fill it: the filter widens as if they were not there.

        Raises: `Poison` where the library is empty (`empty_library`) or no move in it is usable (`no_usable_moves`).
        """
        if level not in self._pools:
            self._pools[level] = self._gather(level)
        return self._pools[level]

    def without_clip(self) -> tuple[str, ...]:
        """Return the clips that the media store lacks, the first hundred."""
        return tuple(sorted(self._without_clip)[:MAX_MISSING_CLIPS])

    def warnings(self) -> tuple[str, ...]:
        """Return warnings for moves without a clip and with wrong facts, with some names, and for unreadable moves."""
        missing = _named("the media store lacks the clips of these moves, index them again", self._without_clip)
        wrong = _named("the eights of these moves are not in their pictures, index them again", self._contradictory)
        return joined_warnings(missing, wrong, self._reading_warning())

    def _reading_warning(self) -> Iterator[str]:
        count = self._library.unreadable()
        if count:
            yield f"moves of the library that cannot be read, see the worker's log: {count}"

    def _gather(self, level: Level) -> tuple[Hit, ...]:
        pool: dict[str, Hit] = {}
        for filters in self._widening_filters(level):
            self._add(pool, self._search(_SEARCH_LIMIT, **filters))
            if _sure(pool) >= _TARGET_POOL_SIZE:
                break
        if pool and _sure(pool) < _MIN_POOL_SIZE:  # the nearest in sound are unsure
            self._add(pool, self._search(_WIDE_SEARCH_LIMIT, difficulties=self._difficulties))
        if len(pool) < _MIN_POOL_SIZE:
            self._add(pool, self._unfiltered())
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
            usable = [hit for hit in hits if self._is_usable(hit.move)]
            if len(usable) >= _MIN_POOL_SIZE or (usable and len(hits) < limit):
                return usable
            if len(hits) < limit:
                raise _no_usable_moves(bool(hits), bool(self._without_clip))
            limit *= 4

    def _add(self, pool: dict[str, Hit], hits: Iterable[Hit]) -> None:
        for hit in hits:
            sha256 = hit.move.clip.sha256
            if sha256 not in pool and self._is_usable(hit.move):
                pool[sha256] = hit

    def _is_usable(self, move: MoveSummary) -> bool:
        if move.clip.sha256 in self._without_clip or move.clip.sha256 in self._contradictory:
            return False
        if not self._has_usable_eights(move):
            return False
        if not self._has_clip(move.clip.sha256):
            self._without_clip[move.clip.sha256] = move.name
            log.warning("the move %s (%s) is left out: the media store lacks its clip", move.name, move.clip.sha256)
            return False
        return True

    def _has_usable_eights(self, move: MoveSummary) -> bool:
        try:
            usable = bool(usable_eights(move))
        except _WRONG_FACTS:
            log.warning("the facts of the move %s (%s) are wrong", move.name, move.clip.sha256, exc_info=True)
            usable = False
        if move.eights and not usable:
            self._contradictory[move.clip.sha256] = move.name
        return usable

    def _search(self, limit: int, **filters: Any) -> Sequence[Hit]:
        return self._library.search(vector=self._query, limit=limit, **filters)


def _named(warning: str, names: Mapping[str, str]) -> Iterator[str]:
    if names:
        yield f"{warning}: {first_few(sorted(names.values()))}"


def _sure(pool: Mapping[str, Hit]) -> int:
    """Return the number of moves whose 1 is sure."""
    return sum(not has_unsure_one(hit.move) for hit in pool.values())


def _neighbours(level: Level) -> tuple[Level, ...]:
    index = LEVELS.index(level)
    return LEVELS[max(0, index - 1) : index + 2]


def _no_usable_moves(has_moves: bool, lacks_clips: bool) -> Poison:
    if lacks_clips:
        message = "the media store lacks the clips of the library: index them again, `bachata index FOLDER`"
        return Poison(message, reason="no_usable_moves")
    if has_moves:
        message = "no move in the library has a whole eight of beats: index longer clips, `bachata index FOLDER`"
        return Poison(message, reason="no_usable_moves")
    return Poison("the library is empty: index clips first, `bachata index FOLDER`", reason="empty_library")
