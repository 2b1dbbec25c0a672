"""Group the moves of a library by couple and by room, from the looks of their clips and from annotations.

A couple is the same two dancers in the same clothes in the same room: clothes alone do not tell who wears them. An
annotation joins couples, or splits one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from agents.couples.appearance import Appearance
from agents.couples.couple_distance import Apart
from schemas.base import UNKNOWN_GROUP
from schemas.move_indexed import MoveSummary


@dataclass(frozen=True)
class Place:
    """Names of the couple of a move and of its room."""

    couple: str
    room: str


@dataclass(frozen=True)
class Couple:
    """A couple of a library: its name, and its moves by name, each with its room."""

    name: str
    moves: tuple[tuple[MoveSummary, str], ...]

    @property
    def rooms(self) -> list[str]:
        """Return the names of its rooms."""
        return sorted({room for _, room in self.moves})


def couples(moves: Sequence[MoveSummary]) -> list[Couple]:
    """Return the couples of a library, the one with the most clips first."""
    found = places(moves)
    members = defaultdict[str, list[tuple[MoveSummary, str]]](list)
    for move in sorted(moves, key=lambda move: (move.name, move.clip.sha256)):
        place = found[move.clip.sha256]
        members[place.couple].append((move, place.room))
    by_size = sorted(members, key=lambda name: (name == UNKNOWN_GROUP, -len(members[name]), _natural(name)))
    return [Couple(name, tuple(members[name])) for name in by_size]


def _natural(name: str) -> tuple[str, int, str]:
    """Return a key that sorts `couple-2` before `couple-10`."""
    text, _, number = name.rpartition("-")
    return (text, int(number), name) if number.isdecimal() and len(number) < 9 else (name, 0, name)


def places(moves: Iterable[MoveSummary]) -> dict[str, Place]:
    """Return the couple and the room of each move as `places_of`."""
    return places_of([Appearance.of(move) for move in moves])


def places_of(clips: Iterable[Appearance]) -> dict[str, Place]:
    """Return the couple and the room of each clip, by its SHA-256; the same in any order of the clips.

    Couples have the names that annotations give them, others are `couple-1` and so on, and rooms `room-1`, the one with
    the most clips first.
    """
    ordered = sorted(clips, key=lambda clip: clip.sha256)
    apart = Apart(ordered)
    couple_labels, room_labels = apart.couple_labels(), apart.room_labels()
    rooms = [
        label if clip.look and not np.isnan(clip.look.room).all() else None
        for clip, label in zip(ordered, room_labels, strict=True)
    ]
    given = [clip.couple for clip in ordered]
    annotated = _annotated(couple_labels, [name.casefold() for name in given], apart.nearest)
    couple_names = _names("couple", annotated, _spellings(given))
    room_names = _names("room", rooms, {})
    return {
        clip.sha256: Place(couple_names[couple], room_names[room])
        for clip, couple, room in zip(ordered, annotated, rooms, strict=True)
    }


def _annotated(
    couples: Sequence[Hashable], names: Sequence[str], nearest: Callable[[int, Sequence[int]], int]
) -> list[Hashable]:
    """Return the labels, a name in place of those of a cluster that has one; of several, each move has the nearest."""
    named = defaultdict[Hashable, list[int]](list)
    for n, (couple, name) in enumerate(zip(couples, names, strict=True)):
        if name and couple is not None:
            named[couple].append(n)
    return [
        name or (names[nearest(n, named[couple])] if named[couple] else couple)
        for n, (couple, name) in enumerate(zip(couples, names, strict=True))
    ]


def _spellings(given: Iterable[str]) -> dict[Hashable, str]:
    """Return how each annotated name is spelled most often, by the name in lower case."""
    spellings: dict[Hashable, str] = {}
    for name, _ in sorted(Counter(filter(None, given)).items(), key=lambda pair: (-pair[1], pair[0])):
        spellings.setdefault(name.casefold(), name)
    return spellings


def _names(kind: str, labels: Sequence[Hashable], given: Mapping[Hashable, str]) -> dict[Hashable, str]:
    """Return the name of each label: the given one, or the kind and a number that no given name has."""
    sizes = Counter(labels)
    by_size = sorted(sizes, key=lambda label: (-sizes[label], labels.index(label)))
    free = (name for n in count(1) if (name := f"{kind}-{n}") not in given)
    return {label: given.get(label) or (UNKNOWN_GROUP if label is None else next(free)) for label in by_size}
