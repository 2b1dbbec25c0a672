"""Describe what a couple dances in an eight: turns, travel, energy, the moment of effect, and the kind of movement."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from scipy.ndimage import median_filter

from agents.move_indexing.boundaries.holds import HOLDS
from agents.move_indexing.boundaries.tracked_couple import TrackedCouple, TrackedDancer
from agents.move_indexing.dancers.detections import HIPS, NOSE, SHOULDERS, midpoint, torso_length
from agents.move_indexing.dancers.tracks import Track
from agents.move_indexing.motion.estimate_level import energy, limb_speeds
from schemas import limits
from schemas.boundary import Effect, EightContent, EightKind

_MIN_TRACKED_SHARE = 0.6  # of an eight, to measure a dancer's turns and energy
_MIN_TURN, _MAX_BASIC_TURN = 0.6, 0.35  # whole turns: of a pattern that has an end, and of a basic
_TURN_END_SHARE = 0.9  # of the net turn, which is complete then but for its last easing
_DIPS = ((0.35, 25), (0.7, 10))  # least drop of the head, torso lengths, and lean of the trunk, degrees, of a dip
_USUAL_PERCENTILE = 20  # of the head's places in the picture, of which y grows downwards
_DIP_SAMPLES = 7  # around the lowest one: a shorter drop is a wrong detection of a hidden dancer
_MAX_STOP_SPEED = 0.35  # torso lengths per second, of the fastest of both dancers' heads, hands and feet
_MIN_STOP_BEATS = 1.0
_MIN_SURE = 0.5  # confidence of a hold that tells a kind of movement
_NONE = HOLDS.index("none")


class _Moment(NamedTuple):
    effect: Effect
    time_s: float


def eight_content(couple: TrackedCouple, beats: Sequence[float]) -> EightContent:
    """Return the content of an eight with nine beats, seconds."""
    start, end = beats[0], beats[-1]
    turns = [_net_turns(dancer, start, end) for dancer in couple.dancers]
    moment = _moment(couple, beats, turns)
    footwork = couple.holds.mean(start, end)[_NONE] > _MIN_SURE
    return EightContent(
        kind=_kind(couple, beats, turns, moment),
        lead_turns=_rounded(turns[0]),
        follow_turns=_rounded(turns[1]),
        travel=_travel(couple, start, end),
        energy=_energy(couple, start, end),
        effect=moment.effect if moment else None,
        effect_s=round(moment.time_s, 3) if moment else None,
        footwork=bool(footwork),
    )


def _rounded(turns: float | None) -> float | None:
    return None if turns is None else round(turns, 2)


def _net_turns(dancer: TrackedDancer, start_s: float, end_s: float) -> float | None:
    """Return the net whole turns to the dancer's right, None where too little of the dancer is tracked."""
    if not _is_tracked(dancer.track, start_s, end_s):
        return None
    first, last = np.interp((start_s, end_s), dancer.track.times, dancer.heading_path)
    return float(first - last) / (2 * np.pi)  # headings grow to the left


def _is_tracked(track: Track, start_s: float, end_s: float) -> bool:
    during = (track.times >= start_s) & (track.times <= end_s)
    return bool(during.any() and track.tracked[during].mean() >= _MIN_TRACKED_SHARE)


def _energy(couple: TrackedCouple, start_s: float, end_s: float) -> float | None:
    """Return the energy of the dancer who moves more, 0-1; None where neither is tracked."""
    tracks = [track for track in (couple.lead, couple.follow) if _is_tracked(track, start_s, end_s)]
    during = [track.tracked & (track.times >= start_s) & (track.times <= end_s) for track in tracks]
    speeds = [float(limb_speeds(track)[at].mean()) for track, at in zip(tracks, during, strict=True)]
    return round(energy(max(speeds)), 4) if speeds else None


def _travel(couple: TrackedCouple, start_s: float, end_s: float) -> tuple[float, float] | None:
    """Return how far the middle of the couple moves in the picture, torso lengths; None where one is not tracked."""
    first, last = (couple.sample(time_s) for time_s in (start_s, end_s))
    if not (couple.both[first] and couple.both[last]):
        return None
    x, y = ((couple.centre[last] - couple.centre[first]) / couple.unit).clip(-limits.MAX_MOTION, limits.MAX_MOTION)
    return round(float(x), 3), round(float(y), 3)


def _moment(couple: TrackedCouple, beats: Sequence[float], turns: Sequence[float | None]) -> _Moment | None:
    """Return the moment of effect: of a dip, or else of a stop, or else of a turn."""
    return _dip(couple.follow, beats) or _stop(couple, beats) or _turn_end(couple, beats, turns)


def _dip(follow: Track, beats: Sequence[float]) -> _Moment | None:
    """Return when the follow's head is lowest, if it is much lower than usual in the clip and her trunk leans.

    A dancer who seems low but upright is hidden behind the partner.
    """
    inside = np.flatnonzero((follow.times >= beats[0]) & (follow.times <= beats[-1]) & follow.tracked)
    if len(inside) < _DIP_SAMPLES:
        return None
    head = follow.xy[:, NOSE, 1]
    usual = np.percentile(head[follow.tracked], _USUAL_PERCENTILE)
    drop = median_filter((head - usual)[inside] / np.median(torso_length(follow.xy[follow.tracked])), _DIP_SAMPLES)
    trunk = (midpoint(follow.xy, HIPS) - midpoint(follow.xy, SHOULDERS))[inside]
    lean = median_filter(np.degrees(np.arctan2(np.abs(trunk[:, 0]), trunk[:, 1])), _DIP_SAMPLES)
    lowest = int(drop.argmax())
    is_dip = any(drop[lowest] >= least_drop and lean[lowest] >= least_lean for least_drop, least_lean in _DIPS)
    return _Moment("dip", float(follow.times[inside[lowest]])) if is_dip else None


def _stop(couple: TrackedCouple, beats: Sequence[float]) -> _Moment | None:
    """Return when both dancers have come to rest, if they rest for a beat."""
    times = couple.lead.times
    inside = np.flatnonzero((times >= beats[0]) & (times <= beats[-1]))
    rests = couple.both[inside] & (couple.fastest[inside] < _MAX_STOP_SPEED)
    wanted = max(1, round(_MIN_STOP_BEATS * (beats[-1] - beats[0]) / (len(beats) - 1) / (times[1] - times[0])))
    for n in range(len(inside) - wanted + 1):
        if rests[n : n + wanted].all():
            return _Moment("stop", float(times[inside[n]]))
    return None


def _turn_end(couple: TrackedCouple, beats: Sequence[float], turns: Sequence[float | None]) -> _Moment | None:
    """Return when the dancer who turns more has turned, if there is a turn of a pattern."""
    most, dancer = max(
        ((abs(turned or 0.0), dancer) for turned, dancer in zip(turns, couple.dancers, strict=True)), key=itemgetter(0)
    )
    if most < _MIN_TURN:
        return None
    times, path = dancer.track.times, dancer.heading_path
    inside = np.flatnonzero((times >= beats[0]) & (times <= beats[-1]))
    left = np.abs(path[inside[-1]] - path[inside]) / (2 * np.pi)
    after_last = np.flatnonzero(left > (1 - _TURN_END_SHARE) * most)[-1] + 1
    return _Moment("turn_end", float(times[inside[min(after_last, len(inside) - 1)]]))


def _kind(
    couple: TrackedCouple, beats: Sequence[float], turns: Sequence[float | None], moment: _Moment | None
) -> EightKind:
    if moment and moment.effect in {"dip", "stop"}:
        return "accent"
    most = max(abs(turned) for turned in (*turns, 0.0) if turned is not None)
    if most >= _MAX_BASIC_TURN:
        return "pattern"
    return "connector" if _changes_hold(couple, beats[0], beats[-1]) else "basic"


def _changes_hold(couple: TrackedCouple, start_s: float, end_s: float) -> bool:
    first, last = (couple.holds.at(time_s) for time_s in (start_s, end_s))
    return bool(first.argmax() != last.argmax() and min(first.max(), last.max()) >= _MIN_SURE)
