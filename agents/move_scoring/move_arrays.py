"""The eights of moves as arrays, in the memory of the process: built again only for moves that changed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from agents.arrays import Bools, Floats, Ints
from agents.couples.appearance import Appearance
from agents.couples.couples import Place, places_of
from agents.dance.parts import Part, Parts, parts_of, style_of
from agents.dance.states import UNKNOWN
from agents.playable import EIGHT, usable_eights
from schemas.base import UNKNOWN_GROUP
from schemas.move_indexed import Move, MoveSummary

log = logging.getLogger(__name__)

_WRONG_FACTS = (ValueError, ArithmeticError, LookupError, TypeError)  # what Python raises for numbers that cannot be
_MOTION_VALUES: Final = 384  # of an embedding; the others are of the sound
_SOUND_VALUES: Final = 128
_BATCH = 256  # moves that are read at once
_MAX_PARTS = 200_000  # of all moves: about 200 MB
_MIN_PARTS_OF_A_MOVE = 4


@dataclass(frozen=True)
class MoveArrays:
    """The usable moves of a library, ordered by clip, and their whole eights.

    `names`: of each clip its own and its label. `parts`: their eights, of which `parts.clip` is the row of the clip;
    `parts.fit` is to be set for a song. `starts`: of each clip, the row of its first eight. `sounds`: unit vectors, 0
    without a sound, (clips, 128). `places`: couple and room of each clip. `contradictory`: names of moves that have
    eights, but not in their pictures. `versions`: of what each clip was built from.
    """

    clips: tuple[str, ...]
    names: tuple[tuple[str, str], ...]
    parts: Parts
    starts: Ints
    sounds: Floats
    places: tuple[Place, ...]
    contradictory: tuple[str, ...]
    versions: Mapping[str, object]

    def row_of(self, clip: str) -> int:
        """Return the row of a clip."""
        return self._rows[clip]

    def rows_of(self, clip: int) -> Ints:
        """Return the rows of the eights of a clip, by its row."""
        end = self.starts[clip + 1] if clip + 1 < len(self.starts) else len(self.parts.parts)
        return np.arange(self.starts[clip], end)

    def fits_to(self, sound: Sequence[float]) -> Floats:
        """Return how well each clip's sound fits a song's: the cosine, 0-1; half for one without a sound, (clips,)."""
        fits: Floats = np.clip(self.sounds @ np.asarray(sound, np.float32), 0.0, 1.0)
        return np.where(self.sounds.any(axis=1), fits, np.float32(0.5))

    def least_of_clips(self, values: Floats) -> Floats:
        """Return the least value of each clip's eights, (…, clips), from those of the eights, (…, eights)."""
        least: Floats = np.minimum.reduceat(values, self.starts, axis=-1)
        return least

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {clip: row for row, clip in enumerate(self.clips)}


@dataclass(frozen=True)
class _Clip:
    """What is known of a move. `version`: of what it was built from.

    `eights`: the number of its usable eights. `parts`: of those that the arrays have, the first ones.
    """

    version: object
    name: str
    move: str
    style: str
    appearance: Appearance
    sound: Floats
    eights: int
    parts: int
    is_contradictory: bool


class KnownMoves:
    """Builds the arrays of a library, and remembers them."""

    def __init__(self) -> None:
        self._clips: dict[str, _Clip] = {}
        self._unreadable: dict[str, object] = {}
        self._parts: Parts | None = None
        self._places: dict[str, Place] = {}
        self._current: MoveArrays | None = None

    def current(self, versions: Mapping[str, object], read: Callable[[Sequence[str]], Iterable[Move]]) -> MoveArrays:
        """Return the arrays of all clips in `versions`: the same, whatever they were before.

        `read`: returns the moves of clips, except of those that cannot be read. A clip is built if its version is new.
        """
        known = {clip: fact.version for clip, fact in self._clips.items()} | self._unreadable
        changed = sorted(clip for clip, version in versions.items() if not is_same(known.get(clip), version))
        gone = known.keys() - versions.keys()
        if changed or gone or self._current is None:
            self._current = self._updated(changed, gone, versions, read)
        return self._current

    def _updated(
        self,
        changed: Sequence[str],
        gone: Iterable[str],
        versions: Mapping[str, object],
        read: Callable[[Sequence[str]], Iterable[Move]],
    ) -> MoveArrays:
        before = {clip: self._clips[clip].appearance for clip in self._clips}
        most = max(_MIN_PARTS_OF_A_MOVE, _MAX_PARTS // max(1, len(versions)))
        lacking = {clip for clip, fact in self._clips.items() if fact.parts < min(fact.eights, most)}
        self._remove({*changed, *gone, *lacking})
        self._shorten(most)
        new = sorted({*changed, *(lacking & versions.keys())})
        for start in range(0, len(new), _BATCH):
            clips = new[start : start + _BATCH]
            self._unreadable |= {clip: versions[clip] for clip in clips}
            self._add(list(read(clips)), versions, most)
        self._regroup(before)
        return self._arrays()

    def _shorten(self, most: int) -> None:
        """Remove the eights of clips beyond the first `most`: a larger library has fewer of each."""
        if self._parts is None or all(fact.parts <= most for fact in self._clips.values()):
            return
        number = Counter[str]()
        rows = []
        for row, part in enumerate(self._parts.parts):
            number[part.clip] += 1
            if number[part.clip] <= most:
                rows.append(row)
        self._parts = self._parts.rows(np.array(rows, np.int64))
        self._clips = {clip: replace(fact, parts=min(fact.parts, most)) for clip, fact in self._clips.items()}

    def _remove(self, clips: set[str]) -> None:
        for clip in clips:
            self._clips.pop(clip, None)
            self._unreadable.pop(clip, None)
        if self._parts is not None:
            self._parts = self._parts.rows(
                np.array([row for row, part in enumerate(self._parts.parts) if part.clip not in clips], np.int64)
            )

    def _add(self, moves: Sequence[Move], versions: Mapping[str, object], most: int) -> None:
        eights = {move.clip.sha256: _eights(move) for move in moves}
        for move in moves:
            clip = move.clip.sha256
            self._unreadable.pop(clip, None)
            self._clips[clip] = _clip_of(move, versions[clip], len(eights[clip]), most)
        new = parts_of(
            [Part(clip, first, first + EIGHT) for clip, firsts in sorted(eights.items()) for first in firsts[:most]],
            {move.clip.sha256: move for move in moves},
            {},
        )
        small = replace(new, starts=new.starts.in_less_memory(), ends=new.ends.in_less_memory())
        self._parts = small if self._parts is None else self._parts.joined(small)

    def _regroup(self, before: Mapping[str, Appearance]) -> None:
        now = {clip: fact.appearance for clip, fact in self._clips.items()}
        if now.keys() != before.keys() or not all(now[clip].is_same(before[clip]) for clip in now):
            self._places = places_of(now.values())

    def _arrays(self) -> MoveArrays:
        usable = sorted(clip for clip, fact in self._clips.items() if fact.parts)
        facts = [self._clips[clip] for clip in usable]
        parts = self._parts if self._parts is not None else parts_of([], {}, {})
        order = sorted(range(len(parts.parts)), key=lambda row: parts.parts[row])
        self._parts = parts = parts.rows(np.array(order, np.int64))
        counts = np.array([fact.parts for fact in facts], np.int64)
        where = [self._places[clip] for clip in usable]
        return MoveArrays(
            clips=tuple(usable),
            names=tuple((fact.name, fact.move) for fact in facts),
            parts=_numbered(parts, np.repeat(np.arange(len(usable)), counts), facts, where),
            starts=np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64) if usable else counts,
            sounds=np.array([fact.sound for fact in facts], np.float32).reshape(-1, _SOUND_VALUES),
            places=tuple(where),
            contradictory=tuple(sorted(fact.name for fact in self._clips.values() if fact.is_contradictory)),
            versions={clip: fact.version for clip, fact in zip(usable, facts, strict=True)},
        )


def _numbered(parts: Parts, clip: Ints, facts: Sequence[_Clip], where: Sequence[Place]) -> Parts:
    """Return parts with the numbers of their clips, and of moves, styles, couples and rooms among all."""
    names = {
        "move": [fact.move for fact in facts],
        "style": [fact.style for fact in facts],
        "couple": [place.couple for place in where],
        "room": [place.room for place in where],
    }
    numbers: dict[str, Any] = {name: _numbers(values)[clip] for name, values in names.items()}
    return replace(parts, clip=clip, styles=_known(names["style"]), **numbers)


def _known(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names) - {"", UNKNOWN_GROUP}))


def _numbers(names: Sequence[str]) -> Ints:
    number = {name: n for n, name in enumerate(_known(names))}
    return np.array([number.get(name, UNKNOWN) for name in names], np.int64)


def is_same(one: object, other: object) -> bool:
    """Return whether two versions are the same."""
    return one is other or one == other


def _clip_of(move: Move, version: object, eights: int, most: int) -> _Clip:
    return _Clip(
        version=version,
        name=move.name,
        move=move.move,
        style=style_of(move),
        appearance=Appearance.of(move),
        sound=_sound_of(move),
        eights=eights,
        parts=min(eights, most),
        is_contradictory=bool(move.eights) and not eights,
    )


def _eights(move: MoveSummary) -> list[int]:
    """Return the beats on which the usable eights begin; none, with a warning, where the move's facts contradict."""
    try:
        return [eight.start_beat for eight in usable_eights(move)]
    except _WRONG_FACTS:
        log.warning("the facts of the move %s (%s) are wrong", move.name, move.clip.sha256, exc_info=True)
        return []


def _sound_of(move: Move) -> Floats:
    sound = np.array(move.embedding[_MOTION_VALUES:], np.float32)
    length = float(np.linalg.norm(sound))
    return sound / length if length else sound


def mask_of(rows: Iterable[int], size: int) -> Bools:
    """Return an array that is true in some rows."""
    mask = np.zeros(size, bool)
    mask[list(rows)] = True
    return mask
