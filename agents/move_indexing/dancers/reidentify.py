"""A clip's moments go in; for each moment, who of its dancers is who comes out.

Which dancer stands in front changes all the time, so the order in a frame is no identity. The colour of the clothes
is, where it differs, and motion links one frame to the next: a Viterbi path over the two ways to name the dancers.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from agents.arrays import Bools, Floats
from agents.move_indexing.dancers.detections import HIPS, Detection, FrameDetections, middle, torso
from agents.viterbi import best_path

Pair = tuple[Detection | None, Detection | None]

_COLOUR_SHARE = 0.2  # one frame's colours are much like the last one's, not new evidence
_COLOUR_CAP = 4.0  # light and shadow must not outweigh all other frames
_MOTION_CAP = 3.0
_SPEED = 0.3  # torso lengths that landmarks may jump between frames however close these are
_COMING_OR_GOING = 1.0  # without it, who is seen alone would best take the other's name in every frame
_FAR_OFF = 3.0  # deviations: beyond, a colour is no dancer's
_FLOOR = 8.0  # of a deviation, in Lab units: below it colours do not differ
_ROUNDS = 15
_STRAY, _STRAY_WITHIN_S = 0.8, 1.0  # torso lengths beside the way from before to after


def assign(moments: Sequence[FrameDetections]) -> list[Pair]:
    """Each moment's dancers as (dancer 0, dancer 1), None where one is not seen."""
    if not any(moment.dancers for moment in moments):
        return [(None, None)] * len(moments)
    swapped = best_path(-_colour_costs(moments), -_motion_costs(moments)).tolist()
    named = [_named(moment, swap) for moment, swap in zip(moments, swapped, strict=True)]
    times = [moment.time_s for moment in moments]
    kept = [_without_strays(times, [pair[place] for pair in named]) for place in (0, 1)]
    return list(zip(*kept, strict=True))


def _without_strays(times: Sequence[float], dancer: Sequence[Detection | None]) -> list[Detection | None]:
    """A dancer's sightings without those that are far from where the ones before and after have the dancer."""
    kept = list(dancer)
    found = [(time, seen, place) for place, (time, seen) in enumerate(zip(times, dancer, strict=True)) if seen]
    for (before_s, before, _), (time, seen, place), (after_s, after, _) in zip(
        found, found[1:], found[2:], strict=False
    ):
        span_s = after_s - before_s
        if span_s <= _STRAY_WITHIN_S and _is_stray(before, seen, after, (time - before_s) / span_s):
            kept[place] = None
    return kept


def _is_stray(before: Detection, seen: Detection, after: Detection, share: float) -> bool:
    was, now, then = (middle(sighting.xy, HIPS) for sighting in (before, seen, after))
    off = np.linalg.norm(now - was * (1 - share) - then * share)
    return bool(off > _STRAY * max(torso(before.xy), torso(after.xy)) + np.linalg.norm(then - was))


def _named(moment: FrameDetections, swap: int) -> Pair:
    front = moment.dancers[0] if moment.dancers else None
    other = moment.dancers[1] if len(moment.dancers) > 1 else None
    return (other, front) if swap else (front, other)


@dataclass(frozen=True)
class _Wardrobe:
    """The two dancers' usual colours (2, k), and how far one's colours usually stray from them, (k,)."""

    colours: Floats
    strays: Floats

    def distances(self, seen: Floats) -> Floats:
        """From a sighting's colours (k,) to each dancer's, (2,): the nearer is 0, the other 4 at most.

        A share of half the difference of squared deviations, which is how much likelier one is than the other (log).
        """
        off = np.nan_to_num((seen - self.colours) / self.strays)
        deviations = (np.clip(off, -_FAR_OFF, _FAR_OFF) ** 2).sum(axis=1) / 2
        capped: Floats = np.minimum(_COLOUR_CAP, _COLOUR_SHARE * (deviations - deviations.min()))
        return capped


def _colour_costs(moments: Sequence[FrameDetections]) -> Floats:
    wardrobe = _wardrobe(moments)
    return np.array([_colour_cost(moment, wardrobe) for moment in moments])


def _colour_cost(moment: FrameDetections, wardrobe: _Wardrobe) -> Floats:
    cost = np.zeros(2)
    for place, dancer in enumerate(moment.dancers):
        cost += np.roll(wardrobe.distances(dancer.colour), -place)
    return cost


def _wardrobe(moments: Sequence[FrameDetections]) -> _Wardrobe:
    pairs = [[dancer.colour for dancer in moment.dancers] for moment in moments if len(moment.dancers) == 2]
    if not pairs:
        nothing = np.zeros(len(next(dancer for moment in moments for dancer in moment.dancers).colour))
        return _Wardrobe(np.array([nothing, nothing]), nothing + _FLOOR)
    return _dressed(np.array(pairs))


def _dressed(pairs: Floats) -> _Wardrobe:
    """From the colours of both dancers in some frames, (n, 2, k), in either order: who usually wears what.

    Two means, each frame giving one of its two to each; begun from the way in which most frames' two differ most.
    """
    apart = np.nan_to_num(pairs[:, 0] - pairs[:, 1])
    swapped = apart @ np.linalg.svd(apart, full_matrices=False)[2][0] < 0
    for _ in range(_ROUNDS):
        wardrobe = _worn(pairs, swapped)
        costs = np.array([[wardrobe.distances(seen) for seen in pair] for pair in pairs])
        before, swapped = swapped, costs[:, 0, 1] + costs[:, 1, 0] < costs[:, 0, 0] + costs[:, 1, 1]
        if (before == swapped).all():
            break
    return _worn(pairs, swapped)


def _worn(pairs: Floats, swapped: Bools) -> _Wardrobe:
    ordered = np.where(swapped[:, None, None], pairs[:, ::-1], pairs)
    usual = _nan_median(ordered)
    # Not a median: what shows a face now and hair then must count for little.
    strays = np.nan_to_num(np.sqrt(_nan_mean((ordered - usual) ** 2)).mean(axis=0))
    return _Wardrobe(usual, strays + _FLOOR)


def _nan_median(seen: Floats) -> Floats:
    """Along the first axis, 0 where nothing is known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nan_to_num(np.nanmedian(seen, axis=0))


def _nan_mean(seen: Floats) -> Floats:
    """Along the first axis, 0 where nothing is known."""
    known = ~np.isnan(seen)
    mean: Floats = np.where(known, seen, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return mean


def _motion_costs(moments: Sequence[FrameDetections]) -> Floats:
    steps = [_motion_cost(a, b) for a, b in pairwise(moments)]
    return np.array(steps).reshape(-1, 2, 2)


def _motion_cost(before: FrameDetections, after: FrameDetections) -> Floats:
    """How far bodies jump if names are kept (the diagonal) or exchanged, (2, 2)."""
    allowed = _SPEED + after.time_s - before.time_s
    cost = np.zeros((2, 2))
    for was, now in product((0, 1), repeat=2):
        old, new = _named(before, was), _named(after, now)
        cost[was, now] = sum(_change(a, b, allowed) for a, b in zip(old, new, strict=True))
    return cost


def _change(old: Detection | None, new: Detection | None, allowed: float) -> float:
    if old is None or new is None:
        return 0.0 if old is new else _COMING_OR_GOING
    return min(_MOTION_CAP, _jump(old, new) / allowed)


def _jump(old: Detection, new: Detection) -> float:
    apart = np.linalg.norm(new.xy - old.xy, axis=1).mean()
    return float(apart / torso(old.xy))
