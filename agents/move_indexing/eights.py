"""A clip's beats and its dancers' tracks go in; the eights a plan may use come out, with their poses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.detections import HIPS, JOINTS, middle, torso
from agents.move_indexing.dancers.tracks import Track
from schemas.move_indexed import Eight

_BEATS = 8


def eight_starts(counts: Sequence[int]) -> list[int]:
    """The beats on which whole eights begin: those with count 1 and a beat eight later.

    Where no count 1 leaves room for a whole eight, those from the first downbeat on that does, or else from the first
    beat; none in a clip of fewer than nine beats.
    """
    last = len(counts) - _BEATS
    on_one = [i for i in range(max(0, last)) if counts[i] == 1]
    if on_one or last <= 0:
        return on_one
    first = next((i for i in range(last) if counts[i] == 5), 0)
    return list(range(first, last, _BEATS))


def eights(beats: Sequence[float], counts: Sequence[int], lead: Track, follow: Track) -> tuple[Eight, ...]:
    """Each whole eight of a clip, with the couple's pose on its first and its last beat."""
    return tuple(
        Eight(
            start_beat=start,
            start_pose=couple_pose(beats[start], lead, follow),
            end_pose=couple_pose(beats[start + _BEATS], lead, follow),
        )
        for start in eight_starts(counts)
    )


def couple_pose(time_s: float, lead: Track, follow: Track) -> tuple[float, ...]:
    """Where 13 joints of each dancer are, the taller dancer first: 52 values, x and y in turn.

    Relative to the middle of all four hips, in units of the two torsos' mean length; y points down. Empty where one
    of the dancers cannot be seen at that moment.
    """
    places = [_at(time_s, track) for track in (lead, follow)]
    one, two = places
    if one is None or two is None:
        return ()
    centre = (middle(one, HIPS) + middle(two, HIPS)) / 2
    unit = float(torso(one) + torso(two)) / 2
    joints = (np.stack([one, two])[:, JOINTS] - centre) / unit
    return tuple(round(float(value), 4) for value in joints.ravel())


def _at(time_s: float, track: Track) -> Floats | None:
    place = int(np.argmin(np.abs(track.times - time_s)))
    return track.xy[place] if track.seen[place] else None
