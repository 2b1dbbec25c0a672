"""Choose the two who dance together among all people in a picture.

A poster or a bystander may be larger than a dancer, or be in the picture before the dancers, but moves less.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from agents.move_indexing.dancers.detections import (
    HIPS,
    Detection,
    FrameDetections,
    extent,
    have_same_trunk,
    is_partner,
    mean_distance,
    midpoint,
)

_INTERVAL_S = 1.0
_MOVEMENT_OF_DANCERS = 0.06  # body heights from survey to survey: the least of the medians of 37 clips, 0.12 in most
_MOVEMENT_OF_STILL, _SHARE_OF_STILL = 0.02, 0.15  # of a clip's detections: at most 0.03 where nobody stands still
_WEIGHT_OF_STILL, _WEIGHT_OF_UNKNOWN = 0.2, 0.6  # of one who dances it is 1
_WEIGHT_OF_ONE = 0.4  # of one dancer without a partner, beside a couple
_WEIGHT_OF_DISTANCE = 0.3  # of a body height between the hips
_MAX_DISTANCE_OF_SAME_PERSON = 0.7  # body heights from survey to survey
_LEAD_OF_PRESENT = 1.25  # others must be so much better than those who are tracked


@dataclass(frozen=True)
class _Person:
    detection: Detection
    moved: float | None = None  # body heights, the most from survey to survey; None for one who was not there before


class Survey:
    """Compares the people of a clip once a second. It needs those of the survey before, so each clip has its own."""

    def __init__(self) -> None:
        """Begin without any person."""
        self._before: list[_Person] = []
        self._next_s = -np.inf

    def is_due(self, time_s: float) -> bool:
        """Return whether a second has gone by since the last survey."""
        return time_s >= self._next_s

    def choose(self, time_s: float, people: Sequence[Detection], tracked: int) -> tuple[int, ...]:
        """Return the indices of the two who dance together, or of one: the tracked ones unless others fit better.

        `people`: everybody in the picture at `time_s`, first the `tracked` ones.
        """
        self._next_s = time_s + _INTERVAL_S
        self._before = [_Person(person, self._moved(person)) for person in people]
        present = tuple(range(tracked))
        if tracked == len(people):
            return present
        scores = dict(_scores(self._before))
        best = max(scores, key=lambda chosen: scores[chosen])
        # Two tracks of one body are no couple, but no worse than its first one alone.
        score = scores.get(present, scores.get(present[:1], 0.0))
        return best if scores[best] > _LEAD_OF_PRESENT * score else present

    def _moved(self, person: Detection) -> float | None:
        size = extent(person.xy)
        same = min(self._before, key=lambda before: _hip_distance(before.detection, person), default=None)
        if same is None or _hip_distance(same.detection, person) > _MAX_DISTANCE_OF_SAME_PERSON * size:
            return None
        return max(same.moved or 0.0, mean_distance(same.detection, person) / size)


def somebody_stands_still(frames: Sequence[FrameDetections]) -> bool:
    """Return whether one of the detected people may be a poster, as at least 15 % of the detections do not move.

    They move by less than 2 % of the body height in a second.
    """
    times = [frame.time_s for frame in frames]
    later = [frames[index] for time_s in times if (index := bisect_left(times, time_s + _INTERVAL_S)) < len(frames)]
    moved = [
        min(mean_distance(dancer, after) for after in frame_after.dancers) / extent(dancer.xy)
        for frame, frame_after in zip(frames, later, strict=False)
        if frame_after.dancers
        for dancer in frame.dancers
    ]
    return bool(moved) and float(np.mean(np.array(moved) < _MOVEMENT_OF_STILL)) >= _SHARE_OF_STILL


def _scores(people: Sequence[_Person]) -> Iterator[tuple[tuple[int, ...], float]]:
    """Yield each person and each possible couple, with a score."""
    weights = [extent(person.detection.xy) * _liveliness(person) for person in people]
    for index, weight in enumerate(weights):
        yield (index,), _WEIGHT_OF_ONE * weight
    for one, other in combinations(range(len(people)), 2):
        pair = people[one].detection, people[other].detection
        if is_partner(*pair) and not have_same_trunk(*pair):
            distance = _hip_distance(*pair) / extent(pair[0].xy)
            yield (one, other), (weights[one] * weights[other]) ** 0.5 * (1 - _WEIGHT_OF_DISTANCE * distance)


def _liveliness(person: _Person) -> float:
    if person.moved is None:
        return _WEIGHT_OF_UNKNOWN
    return float(np.clip(person.moved / _MOVEMENT_OF_DANCERS, _WEIGHT_OF_STILL, 1.0))


def _hip_distance(one: Detection, other: Detection) -> float:
    return float(np.linalg.norm(midpoint(one.xy, HIPS) - midpoint(other.xy, HIPS)))
