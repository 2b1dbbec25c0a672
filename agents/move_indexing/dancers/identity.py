"""A clip's moments go in; for each moment, who of its dancers is who comes out.

Which dancer stands in front changes all the time, so the order in a frame is no identity. The colour of the clothes
is, where it differs, and motion links one frame to the next: a Viterbi path over the two ways to name the dancers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from agents.move_indexing.dancers.sightings import Floats, Moment, Sighting, torso

Pair = tuple[Sighting | None, Sighting | None]

_COLOUR_CAP = 4.0  # in standard deviations: light and shadow must not outweigh all other frames
_MOTION_CAP = 3.0
_SPEED = 0.3  # torso lengths that landmarks may jump between frames however close these are
_COMING_OR_GOING = 0.5  # without it, who is seen alone would best take the other's name in every frame
_FLOOR = 8.0  # of a standard deviation, in Lab units: below it colours do not differ
_ROUNDS = 15


def assign(moments: Sequence[Moment]) -> list[Pair]:
    """Each moment's dancers as (dancer 0, dancer 1), None where one is not seen."""
    if not any(moment.dancers for moment in moments):
        return [(None, None)] * len(moments)
    swapped = _best_path(_colour_costs(moments), _motion_costs(moments))
    return [_named(moment, swap) for moment, swap in zip(moments, swapped, strict=True)]


def _named(moment: Moment, swap: int) -> Pair:
    front = moment.dancers[0] if moment.dancers else None
    other = moment.dancers[1] if len(moment.dancers) > 1 else None
    return (other, front) if swap else (front, other)


def _best_path(own: Floats, between: Floats) -> list[int]:
    """Viterbi: `own` (n, 2) costs of a state, `between` (n - 1, 2, 2) of going from one to another."""
    total = own[0]
    came_from = []
    for cost, step in zip(own[1:], between, strict=True):
        ways = total[:, None] + step
        came_from.append(ways.argmin(axis=0))
        total = ways.min(axis=0) + cost
    path = [int(total.argmin())]
    for origin in reversed(came_from):
        path.append(int(origin[path[-1]]))
    return path[::-1]


@dataclass(frozen=True)
class _Wardrobe:
    """The two dancers' usual colours (2, 6), in units of `scale` (6,) around `centre` (6,)."""

    centre: Floats
    scale: Floats
    colours: Floats

    def distance(self, seen: Floats) -> Floats:
        """From a colour (6,) to each dancer's: (2,)."""
        known = np.where(np.isnan(seen), self.centre, seen)
        apart = np.linalg.norm((known - self.centre) / self.scale - self.colours, axis=1)
        capped: Floats = np.minimum(_COLOUR_CAP, apart)
        return capped


def _colour_costs(moments: Sequence[Moment]) -> Floats:
    wardrobe = _wardrobe(moments)
    return np.array([_colour_cost(moment, wardrobe) for moment in moments])


def _colour_cost(moment: Moment, wardrobe: _Wardrobe) -> Floats:
    cost = np.zeros(2)
    for place, dancer in enumerate(moment.dancers):
        cost += np.roll(wardrobe.distance(dancer.colour), -place)
    return cost


def _wardrobe(moments: Sequence[Moment]) -> _Wardrobe:
    pairs = [moment for moment in moments if len(moment.dancers) == 2]
    seen = np.array([dancer.colour for moment in pairs or moments for dancer in moment.dancers])
    centre = _nan_median(seen)
    known = np.where(np.isnan(seen), centre, seen)
    scale = known.std(axis=0) + _FLOOR
    return _Wardrobe(centre, scale, _two_clusters((known - centre) / scale))


def _nan_median(seen: Floats) -> Floats:
    columns = [column[~np.isnan(column)] for column in seen.T]
    return np.array([np.median(column) if len(column) else 0.0 for column in columns])


def _two_clusters(points: Floats) -> Floats:
    """Two means (2, d), begun from the two halves along the axis on which the points differ most."""
    axis = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][0]
    along = points @ axis
    label = (along > np.median(along)).astype(int)
    centres = _means(points, label, np.zeros((2, points.shape[1])))
    for _ in range(_ROUNDS):
        label = np.linalg.norm(points[:, None] - centres, axis=2).argmin(axis=1)
        centres = _means(points, label, centres)
    return centres


def _means(points: Floats, label: Floats, before: Floats) -> Floats:
    return np.array([points[label == i].mean(axis=0) if (label == i).any() else before[i] for i in (0, 1)])


def _motion_costs(moments: Sequence[Moment]) -> Floats:
    steps = [_motion_cost(a, b) for a, b in pairwise(moments)]
    return np.array(steps).reshape(-1, 2, 2)


def _motion_cost(before: Moment, after: Moment) -> Floats:
    """How far bodies jump if names are kept (the diagonal) or exchanged, (2, 2)."""
    allowed = _SPEED + after.time_s - before.time_s
    cost = np.zeros((2, 2))
    for was, now in product((0, 1), repeat=2):
        old, new = _named(before, was), _named(after, now)
        cost[was, now] = sum(_change(a, b, allowed) for a, b in zip(old, new, strict=True))
    return cost


def _change(old: Sighting | None, new: Sighting | None, allowed: float) -> float:
    if old is None or new is None:
        return 0.0 if old is new else _COMING_OR_GOING
    return min(_MOTION_CAP, _jump(old, new) / allowed)


def _jump(old: Sighting, new: Sighting) -> float:
    apart = np.linalg.norm(new.xy - old.xy, axis=1).mean()
    return float(apart / torso(old.xy))
