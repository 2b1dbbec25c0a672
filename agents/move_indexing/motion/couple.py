"""Two dancers' tracks go in; how they stand and move to each other comes out, in blocks of numbers."""

from __future__ import annotations

import numpy as np

from agents.arrays import Bools, Floats
from agents.move_indexing.dancers.dance import Dance
from agents.move_indexing.dancers.detections import ANKLES, HIPS, SHOULDERS, WRISTS, middle, torso
from agents.move_indexing.motion.rhythm import FEWEST, powers
from agents.move_indexing.motion.signals import correlation, heading, rate, smooth, spread

_SIZES = {"axis": 22, "apart": 17, "facing": 7, "hands": 8, "together": 4, "rhythm": 15}


def couple_blocks(dance: Dance, tempo_bpm: float) -> dict[str, Floats]:
    """How the two stand and move to each other: (73,) in six blocks, in torso lengths; NaN where one is not seen."""
    if int((dance.lead.seen & dance.follow.seen).sum()) < FEWEST:
        return {name: np.full(size, np.nan) for name, size in _SIZES.items()}
    seen = dance.lead.seen & dance.follow.seen
    unit = float(np.median(np.concatenate([torso(t.xy[seen]) for t in (dance.lead, dance.follow)])))
    one, two = (smooth(t.xy) / unit for t in (dance.lead, dance.follow))
    angle = np.unwrap(heading(dance.lead.world, SHOULDERS) - heading(dance.follow.world, SHOULDERS))
    hips = middle(one, HIPS) - middle(two, HIPS)
    shoulders = np.linalg.norm(middle(one, SHOULDERS) - middle(two, SHOULDERS), axis=1)
    apart = np.column_stack([np.linalg.norm(hips, axis=1), np.abs(hips), shoulders])
    crossings = (np.diff(np.sign(hips[seen, 0])) != 0).mean()
    series = np.column_stack([apart[:, 0], hips[:, 0], np.cos(angle)])[seen]
    return {
        "axis": _axis(one[seen], two[seen], angle[seen]),
        "apart": np.append(spread(apart[seen]), crossings),
        "facing": _relative(angle[seen]),
        "hands": spread(_nearest_hands(one, two)[seen]),
        "together": _together(one, two, seen),
        "rhythm": powers(series, dance.lead.times[seen], tempo_bpm).ravel(),
    }


def _axis(one: Floats, two: Floats, angle: Floats) -> Floats:
    """How the line between the two and their middle move, who is nearer to the camera, how they face: (22,)."""
    hips, shoulders = middle(one, HIPS) - middle(two, HIPS), middle(one, SHOULDERS) - middle(two, SHOULDERS)
    centre = (middle(one, HIPS) + middle(two, HIPS)) / 2
    across = np.abs(hips[:, 0])
    nearer = one[:, ANKLES, 1].max(axis=1) - two[:, ANKLES, 1].max(axis=1)
    cos = np.cos(smooth(angle))
    return np.concatenate([
        [across.std(), *np.percentile(across, (10, 90)), hips[:, 0].std(), np.ptp(hips[:, 0])],
        np.abs(rate(hips)).mean(axis=0), centre.std(axis=0), np.ptp(centre, axis=0), np.abs(rate(centre)).mean(axis=0),
        [nearer.std(), np.abs(nearer).mean()], np.percentile(np.linalg.norm(shoulders, axis=1), (10, 50, 90)),
        [cos.mean(), (cos > 0.3).mean(), (cos < -0.3).mean(), np.abs(rate(smooth(angle))).mean()],
    ])  # fmt: skip


def _relative(angle: Floats) -> Floats:
    """How they face each other: cosine 1 in one direction, -1 face to face: (7,)."""
    cos, sin = np.cos(angle), np.sin(angle)
    low, high = np.percentile(cos, (10, 90))
    return np.array([cos.mean(), abs(sin.mean()), cos.std(), sin.std(), low, high, np.abs(np.diff(angle)).mean()])


def _nearest_hands(one: Floats, two: Floats) -> Floats:
    """The two shortest distances from a hand of one to a hand of the other: (n, 2)."""
    apart = [np.linalg.norm(one[:, i] - two[:, j], axis=1) for i in WRISTS for j in WRISTS]
    return np.sort(np.stack(apart, axis=1), axis=1)[:, :2]


def _together(one: Floats, two: Floats, seen: Bools) -> Floats:
    efforts = [np.linalg.norm(rate(body.reshape(len(body), -1)), axis=1)[seen] for body in (one, two)]
    hips = [middle(body, HIPS)[seen] for body in (one, two)]
    share = abs(np.log((efforts[0].mean() + 1e-9) / (efforts[1].mean() + 1e-9)))
    across, upright = (correlation(hips[0][:, i], hips[1][:, i]) for i in (0, 1))
    return np.array([correlation(efforts[0], efforts[1]), across, upright, share])
