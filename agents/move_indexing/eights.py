"""Find the whole eights of a clip, with the couple's poses at their first and last beats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.detections import HIPS, JOINTS, midpoint, torso_length
from agents.move_indexing.dancers.tracks import Track
from schemas.move_indexed import Eight

_BEATS_PER_EIGHT = 8


def eight_starts(counts: Sequence[int]) -> list[int]:
    """Return the indices of the beats on which whole eights begin: those with count 1 and a beat eight later.

    If there is none, every eighth beat from the first count 5 that has a beat eight later, or else from the first beat.
    Empty for fewer than nine beats.
    """
    end = len(counts) - _BEATS_PER_EIGHT
    on_one = [i for i in range(max(0, end)) if counts[i] == 1]
    if on_one or end <= 0:
        return on_one
    first = next((i for i in range(end) if counts[i] == 5), 0)
    return list(range(first, end, _BEATS_PER_EIGHT))


def eights(beats: Sequence[float], counts: Sequence[int], lead: Track, follow: Track) -> tuple[Eight, ...]:
    """Return each whole eight of a clip, with the couple's pose on its first beat and eight beats later."""
    return tuple(
        Eight(
            start_beat=start,
            start_pose=couple_pose(beats[start], lead, follow),
            end_pose=couple_pose(beats[start + _BEATS_PER_EIGHT], lead, follow),
        )
        for start in eight_starts(counts)
    )


def couple_pose(time_s: float, lead: Track, follow: Track) -> tuple[float, ...]:
    """Return the positions of 13 joints of each dancer, the taller dancer first: 52 values, x and y in turn.

    Relative to the midpoint of all four hips, in units of the two torsos' mean length; y points down. Empty where one
    of the dancers is not tracked at that time.
    """
    one, two = (_landmarks_at(time_s, track) for track in (lead, follow))
    if one is None or two is None:
        return ()
    centre = (midpoint(one, HIPS) + midpoint(two, HIPS)) / 2
    unit = float(torso_length(one) + torso_length(two)) / 2
    joints = (np.stack([one, two])[:, JOINTS] - centre) / unit
    return tuple(round(float(value), 4) for value in joints.ravel())


def _landmarks_at(time_s: float, track: Track) -> Floats | None:
    nearest = int(np.argmin(np.abs(track.times - time_s)))
    return track.xy[nearest] if track.tracked[nearest] else None
