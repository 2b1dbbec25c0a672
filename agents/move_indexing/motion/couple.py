"""Two dancers' tracks go in; 57 numbers of how they move together come out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from agents.move_indexing.dancers.sightings import HIPS, SHOULDERS, WRISTS, Floats, middle, torso
from agents.move_indexing.dancers.tracks import Track
from agents.move_indexing.motion.signals import correlation, heading, rate, rhythm, smooth, spread

COUPLE_VALUES = 57


def couple_motion(lead: Track, follow: Track, tempo_bpm: float) -> Floats:
    """Distance, facing, hands, togetherness and rhythm of a couple: (57,).

    Lengths in torso lengths, on the picture; moments at which one of the two is not seen are left out.
    """
    seen = lead.seen & follow.seen
    unit = float(np.median(np.concatenate([torso(lead.xy[seen]), torso(follow.xy[seen])])))
    one, two = lead.xy / unit, follow.xy / unit
    apart = _distances(one, two)
    facing = heading(lead.world, SHOULDERS) - heading(follow.world, SHOULDERS)
    between = middle(one, HIPS)[:, 0] - middle(two, HIPS)[:, 0]
    series = np.column_stack([apart[:, 0], between, np.cos(facing)])
    return np.concatenate([
        spread(apart[seen]), [_crossings(between[seen])], _facing(facing[seen]), spread(_hands(one, two)[seen]),
        _togetherness(one, two, seen), rhythm(series[seen], lead.times[seen], tempo_bpm),
    ])  # fmt: skip


def _distances(one: Floats, two: Floats) -> Floats:
    """Between the hips, across, up and down, and between the shoulders: (n, 4)."""
    hips = middle(one, HIPS) - middle(two, HIPS)
    shoulders = middle(one, SHOULDERS) - middle(two, SHOULDERS)
    columns = [np.linalg.norm(hips, axis=1), np.abs(hips), np.linalg.norm(shoulders, axis=1)]
    return smooth(np.column_stack(columns))


def _crossings(between: Floats) -> float:
    """How often they change sides, per sample."""
    return float((np.diff(np.sign(between)) != 0).mean())


def _facing(angle: Floats) -> Floats:
    cos, sin = np.cos(angle), np.sin(angle)
    low, high = np.percentile(cos, (10, 90))
    turning = np.abs(np.diff(np.unwrap(angle))).mean()
    return np.array([cos.mean(), sin.mean(), cos.std(), sin.std(), low, high, turning])


def _hands(one: Floats, two: Floats) -> Floats:
    """The two shortest distances from a hand of one to a hand of the other: (n, 2)."""
    apart = [np.linalg.norm(one[:, i] - two[:, j], axis=1) for i in WRISTS for j in WRISTS]
    return smooth(np.sort(np.stack(apart, axis=1), axis=1)[:, :2])


def _togetherness(one: Floats, two: Floats, seen: npt.NDArray[np.bool_]) -> Floats:
    efforts = [_effort(points)[seen] for points in (one, two)]
    hips = [middle(points, HIPS)[seen] for points in (one, two)]
    share = efforts[0].mean() / (efforts[1].mean() + 1e-9)
    across, upright = (correlation(hips[0][:, i], hips[1][:, i]) for i in (0, 1))
    return np.array([correlation(efforts[0], efforts[1]), across, upright, share])


def _effort(points: Floats) -> Floats:
    """How much all of a body moves on the picture at each moment: (n,)."""
    effort: Floats = np.linalg.norm(rate(smooth(points.reshape(len(points), -1))), axis=1)
    return effort
