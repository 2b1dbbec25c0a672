"""Find when there is dancing in a recording: dancers are present, they move, and there is music."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.arrays import Bools, Floats
from agents.move_indexing.split.movement import Movement
from agents.viterbi import most_likely_runs

_STILL_SHARE = 0.35  # of the usual speed of the recording's dancing: between dancing and standing
_STEEPNESS = 3.0  # landmarks of a still picture move by up to two thirds of the speed in between
_MIN_STILL_SPEED = 0.02  # body heights per second: how far landmarks of a person who stands still move
_CHANGE_S = 1.0  # of clear evidence that a change costs: a pose held for less is part of the dance

Span = tuple[float, float]  # start and end, seconds


def dancing_spans(movement: Movement, music: Sequence[Span]) -> list[Span]:
    """Return the spans of dancing, in order. `music`: the spans with music.

    The most likely sequence of dancing and pauses, where each change has a cost. The evidence of a sample is its
    speed, relative to that between dancing and standing, from -1 to 1; it is -1 without music or dancer. A span is from
    its first to its last sample: pictures beside it are of a pause.
    """
    with_music = _inside(movement.times, music)
    evidence = np.where(with_music & movement.present, _evidence(movement.speed, with_music & movement.present), -1.0)
    cost = _CHANGE_S / _interval_s(movement.times)
    times = movement.times.tolist()
    return [(times[first], times[end - 1]) for first, end in most_likely_runs(evidence, cost)]


def _evidence(speed: Floats, is_used: Bools) -> Floats:
    usual = float(np.median(speed[is_used])) if is_used.any() else 0.0
    still = max(_MIN_STILL_SPEED, _STILL_SHARE * usual)
    return np.asarray(np.clip(_STEEPNESS * (speed / still - 1), -1.0, 1.0))


def _inside(times: Floats, spans: Sequence[Span]) -> Bools:
    inside = np.zeros(len(times), bool)
    for start, end in spans:
        inside |= (times >= start) & (times <= end)
    return inside


def _interval_s(times: Floats) -> float:
    return float(np.median(np.diff(times))) if len(times) > 1 else 1.0
