"""Find the whole eights of a clip, with the couple's poses at their first and last beats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.detections import HIPS, JOINTS, midpoint, torso_length
from agents.move_indexing.dancers.tracks import Track
from agents.move_indexing.presence import Presence, presence
from agents.playable import EIGHT, Run
from schemas.move_indexed import Eight


def eight_starts(runs: Sequence[Run], counts: Sequence[int]) -> list[int]:
    """Return the indices of the beats on which whole eights begin: count 1, and a beat eight later in the same run.

    If there is none, every eighth beat of a run from the first count 5 that has a beat eight later, or else from the
    first beat. Empty where no run has nine beats. `counts`: of all beats of the clip.
    """
    ranges = [range(run.first, run.first + len(run.beats) - EIGHT) for run in runs]
    on_one = [n for starts in ranges for n in starts if counts[n] == 1]
    return on_one or [n for starts in ranges for n in _off_one(starts, counts)]


def _off_one(starts: range, counts: Sequence[int]) -> range:
    first = next((n for n in starts if counts[n] == 5), starts.start)
    return range(first, starts.stop, EIGHT)


def eights(runs: Sequence[Run], counts: Sequence[int], lead: Track, follow: Track) -> tuple[Eight, ...]:
    """Return each whole eight of a clip, with the couple's pose on its first beat and eight beats later."""
    dancers = presence(lead, follow)
    return tuple(
        _eight(start, run.part(start, EIGHT), lead, follow, dancers)
        for start in eight_starts(runs, counts)
        for run in runs
        if run.part(start, EIGHT)
    )


def _eight(start: int, beats: Sequence[float], lead: Track, follow: Track, dancers: Presence) -> Eight:
    return Eight(
        start_beat=start,
        dancers=dancers.shares(beats[0], beats[-1]),
        start_pose=couple_pose(beats[0], lead, follow),
        end_pose=couple_pose(beats[-1], lead, follow),
    )


def couple_pose(time_s: float, lead: Track, follow: Track) -> tuple[float, ...]:
    """Return the positions of 13 joints of each dancer, the lead first: 52 values, x and y in turn.

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
