"""Group the moves of a library by couple and by room, from the looks of their clips and from what a person says.

A couple is the same two dancers in the same clothes in the same room: clothes alone do not tell who wears them. An
annotation joins couples, or splits one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt

from agents.arrays import Bools, Floats
from agents.move_indexing.look_distance import Differences, differences
from schemas.base import MediaFacts
from schemas.look import Look
from schemas.move_indexed import MoveSummary

UNKNOWN_GROUP = "unknown"  # moves without a look, as in events of earlier versions
# Mean colour differences. In 37 clips of 17 couples, two clips of one couple differ by at most 14 in clothes, as the
# dancers turn, and by 8 in the room; of pairs of couples, 19 in 20 differ by 14 or more in clothes.
_MAX_CLOTHES, _MAX_ROOM, _MAX_COUPLE = 16.0, 9.0, 23.0  # the last one: of clothes and twice the room together
_ROOM_WEIGHT = 2.0
_OTHER_RECORDING = 5.0  # adds to these where frame rate or shape of the picture differ: the camera was set otherwise
_SAME_RATE, _SAME_SHAPE = 1.03, 1.02  # largest ratios
_MAX_ROOM_OF_ROOMS = 8.5
_UNKNOWN_CLOTHES, _UNKNOWN_ROOM = 15.5, 7.5  # the other must be nearly the same
_FAR = 1e6

_Labels = list[Hashable]


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
    """Return the couple and the room of each move, by the SHA-256 of its clip; the same in any order of the moves.

    Couples have the names that annotations give them, others are `couple-1` and so on, and rooms `room-1`, the one with
    the most clips first.
    """
    ordered = sorted(moves, key=lambda move: move.clip.sha256)
    looks = {n: move.look for n, move in enumerate(ordered) if move.look and _is_known(move.look)}
    apart = differences(list(looks.values()))
    distances = _couple_distances(apart, _other_recordings([ordered[n].clip for n in looks]))
    rooms = _labels(len(ordered), list(looks), np.nan_to_num(apart.room, nan=_FAR), _MAX_ROOM_OF_ROOMS)
    for n, look in looks.items():
        if not look.room:
            rooms[n] = None
    couples = _labels(len(ordered), list(looks), distances, 1.0)
    given = [_given_name(move) for move in ordered]
    annotated = _annotated(couples, [name.casefold() for name in given], _nearest_of(list(looks), distances))
    couple_names = _names("couple", annotated, _spellings(given))
    room_names = _names("room", rooms, {})
    return {
        move.clip.sha256: Place(couple_names[couple], room_names[room])
        for move, couple, room in zip(ordered, annotated, rooms, strict=True)
    }


def _is_known(look: Look) -> bool:
    return bool(look.lead or look.follow or look.room)


def _couple_distances(apart: Differences, other_recordings: Bools) -> Floats:
    """Return distances between clips, up to 1 for those of one couple."""
    clothes, room = np.nan_to_num(apart.clothes, nan=_UNKNOWN_CLOTHES), np.nan_to_num(apart.room, nan=_UNKNOWN_ROOM)
    together = clothes + _ROOM_WEIGHT * room + _OTHER_RECORDING * other_recordings
    distances: Floats = np.maximum.reduce([clothes / _MAX_CLOTHES, room / _MAX_ROOM, together / _MAX_COUPLE])
    np.fill_diagonal(distances, 0)
    return distances


def _other_recordings(clips: Sequence[MediaFacts]) -> Bools:
    """Return which pairs of clips differ in frame rate or shape of the picture, as far as these are known."""
    rates = np.array([clip.fps or np.nan for clip in clips])
    shapes = np.array([clip.width / clip.height if clip.width and clip.height else np.nan for clip in clips])
    return _differ(rates, _SAME_RATE) | _differ(shapes, _SAME_SHAPE)


def _differ(values: Floats, ratio: float) -> Bools:
    ratios = values[:, None] / values
    differ: Bools = (ratios > ratio) | (ratios < 1 / ratio)
    return differ


def _labels(total: int, known: Sequence[int], distances: Floats, limit: float) -> _Labels:
    """Return a label for each of `total` moves: the first move of its cluster, None for one that is not known."""
    labels: _Labels = [None] * total
    first: dict[int, int] = {}
    for n, cluster in zip(known, _clusters(distances, limit).tolist(), strict=True):
        labels[n] = first.setdefault(cluster, n)
    return labels


def _clusters(distances: Floats, limit: float) -> npt.NDArray[np.integer]:
    """Return cluster numbers by average linkage: clusters join while their mean distance is within the limit."""
    if len(distances) < 2:
        return np.zeros(len(distances), int)
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    tree = linkage(squareform(distances, checks=False), "average")
    return np.asarray(fcluster(tree, limit, "distance"))


def _given_name(move: MoveSummary) -> str:
    return ((move.annotation and move.annotation.couple) or "").strip()


def _nearest_of(known: Sequence[int], distances: Floats) -> Callable[[int, Sequence[int]], int]:
    """Return a function that returns the nearest to a move of some others, all of them known."""
    place = {n: row for row, n in enumerate(known)}
    return lambda n, others: min(others, key=lambda other: (float(distances[place[n], place[other]]), other))


def _annotated(
    couples: Sequence[Hashable], names: Sequence[str], nearest: Callable[[int, Sequence[int]], int]
) -> _Labels:
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
