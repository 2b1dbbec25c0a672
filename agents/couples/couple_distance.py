"""Tell which moves are of one couple and in one room, from clothes, background and the settings of the camera."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from agents.arrays import Bools, Floats, Ints
from agents.couples.appearance import Appearance
from agents.couples.clusters import clusters
from agents.couples.look_distance import Looks

# Mean colour differences. In 37 clips of 17 couples, two clips of one couple differ by at most 14 in clothes, as the
# dancers turn, and by 8 in the room; of pairs of couples, 19 in 20 differ by 14 or more in clothes.
_MAX_CLOTHES, _MAX_ROOM, _MAX_COUPLE = 16.0, 9.0, 23.0  # the last one: of clothes and twice the room together
_ROOM_WEIGHT = 2.0
_OTHER_RECORDING = 5.0  # adds to these where frame rate or shape of the picture differ: the camera was set otherwise
_SAME_RATE, _SAME_SHAPE = 1.03, 1.02  # largest ratios
_MAX_ROOM_OF_ROOMS = 8.5
_UNKNOWN_CLOTHES, _UNKNOWN_ROOM = 15.5, 7.5  # the other must be nearly the same
_FAR = 1e6


class Apart:
    """How far clips are from each other that have a look, in the order of their places among all clips."""

    def __init__(self, clips: Sequence[Appearance]) -> None:
        self._count = len(clips)
        self._known = [n for n, clip in enumerate(clips) if clip.look]
        self._row = {n: row for row, n in enumerate(self._known)}
        self._looks = Looks([clip.look for clip in clips if clip.look])
        self._rates = np.array([clips[n].rate for n in self._known])
        self._shapes = np.array([clips[n].shape for n in self._known])

    def couple_labels(self) -> list[int | None]:
        """Return a label for each of all clips: the first clip of its couple, None for one without a look."""
        return self._labels(self._couple_distances, 1.0)

    def room_labels(self) -> list[int | None]:
        """Return a label for each of all clips: the first clip in its room, None for one without a look."""
        return self._labels(self._room_differences, _MAX_ROOM_OF_ROOMS)

    def nearest(self, one: int, others: Sequence[int]) -> int:
        """Return the nearest to a clip of some others, the first of several."""
        rows = np.array([self._row[other] for other in others])
        return others[int(np.argmin(self._couple_distances(self._row[one], rows)))]

    def _labels(self, distances: Callable[[int, Ints], Floats], limit: float) -> list[int | None]:
        labels: list[int | None] = [None] * self._count
        first: dict[int, int] = {}
        for n, cluster in zip(self._known, clusters(len(self._known), distances, limit), strict=True):
            labels[n] = first.setdefault(cluster, n)
        return labels

    def _couple_distances(self, one: int, others: Ints) -> Floats:
        """Return distances, up to 1 for clips of one couple."""
        apart = self._looks.differences(one, others)
        clothes = np.nan_to_num(apart.clothes, nan=_UNKNOWN_CLOTHES)
        room = np.nan_to_num(apart.room, nan=_UNKNOWN_ROOM)
        other_recording = _differ(self._rates[one], self._rates[others], _SAME_RATE)
        other_recording |= _differ(self._shapes[one], self._shapes[others], _SAME_SHAPE)
        together = clothes + _ROOM_WEIGHT * room + _OTHER_RECORDING * other_recording
        distances: Floats = np.maximum.reduce([clothes / _MAX_CLOTHES, room / _MAX_ROOM, together / _MAX_COUPLE])
        return distances

    def _room_differences(self, one: int, others: Ints) -> Floats:
        """Return the differences between the backgrounds, a large one where they are not known."""
        return np.nan_to_num(self._looks.differences(one, others).room, nan=_FAR)


def _differ(one: float, others: Floats, ratio: float) -> Bools:
    """Return which values are not the same, as far as they are known."""
    differ: Bools = (others / one > ratio) | (one / others > ratio)
    return differ
