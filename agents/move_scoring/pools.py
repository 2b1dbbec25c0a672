"""The moves worth scoring: a library, a tempo and a level in, a few dozen usable moves out."""

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
_AMPLE = 30  # so that the best twenty are not the same for every part of the song
_FEW = 4
_LIMIT = 60
_MOTION: Final = (0.0,) * 384  # the clip's motion says nothing about a song: only the audio part is compared
_NEAR, _FAR = 0.12, 0.25  # of the tempo


class Pools:
    """One pool of moves for each energy level, searched for when first asked for."""

    def __init__(self, library: Library, analysis: AudioAnalysis, difficulty: Difficulty) -> None:
        self._library = library
        self._query = (*_MOTION, *analysis.embedding)
        self._tempo_bpm = analysis.tempo_bpm
        self._difficulties = DIFFICULTIES[: DIFFICULTIES.index(difficulty) + 1]
        self._pools: dict[Level, tuple[Hit, ...]] = {}

    def of(self, level: Level) -> tuple[Hit, ...]:
        """Usable moves for this energy, nearest in sound first within each step of relaxation; never none.

        Raises `Poison` where the library is empty or no move in it is usable.
        """
        if level not in self._pools:
            self._pools[level] = self._gather(level)
        return self._pools[level]

    def _gather(self, level: Level) -> tuple[Hit, ...]:
        found: dict[str, Hit] = {}
        for filters in self._ever_wider(level):
            _add(found, self._search(_LIMIT, **filters))
            if len(found) >= _AMPLE:
                break
        if len(found) < _FEW:
            _add(found, self._any_at_all())
        return tuple(found.values())

    def _ever_wider(self, level: Level) -> Iterator[dict[str, Any]]:
        near, far = self._tempo_within(_NEAR), self._tempo_within(_FAR)
        allowed = {"difficulties": self._difficulties}
        yield allowed | {"tempo_bpm": near, "energies": (level,)}
        yield allowed | {"tempo_bpm": near, "energies": _neighbours(level)}
        yield allowed | {"tempo_bpm": far}
        yield allowed

    def _tempo_within(self, share: float) -> tuple[float, float]:
        return self._tempo_bpm * (1 - share), self._tempo_bpm * (1 + share)

    def _any_at_all(self) -> list[Hit]:
        limit = _LIMIT
        while True:
            hits = self._search(limit)
            usable = [hit for hit in hits if usable_eights(hit.move)]
            if len(usable) >= _FEW or (usable and len(hits) < limit):
                return usable
            if len(hits) < limit:
                raise _nothing_usable(bool(hits))
            limit *= 4

    def _search(self, limit: int, **filters: Any) -> Sequence[Hit]:
        return self._library.search(vector=self._query, limit=limit, **filters)


def _neighbours(level: Level) -> tuple[Level, ...]:
    place = LEVELS.index(level)
    return LEVELS[max(0, place - 1) : place + 2]


def _add(found: dict[str, Hit], hits: Iterable[Hit]) -> None:
    for hit in hits:
        if usable_eights(hit.move):
            found.setdefault(hit.move.clip.sha256, hit)


def _nothing_usable(there_are_moves: bool) -> Poison:
    if there_are_moves:
        message = "no move in the library has a whole eight of beats: index longer clips, `bachata index FOLDER`"
        return Poison(message, reason="no_usable_moves")
    return Poison("the library is empty: index clips first, `bachata index FOLDER`", reason="empty_library")
