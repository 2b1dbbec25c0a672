"""One dancer's track goes in; how this body is held and moves comes out, in blocks of numbers.

Nothing tells left from right, so that a move and its mirror image are alike: pairs of limbs are pooled or sorted, and
leans to a side count by size.
"""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.detections import (
    ANKLES,
    EARS,
    HIPS,
    JOINTS,
    KNEES,
    NOSE,
    SHOULDERS,
    WRISTS,
    middle,
    torso,
)
from agents.move_indexing.dancers.tracks import RATE_HZ, Track
from agents.move_indexing.motion.signals import correlation, rate, smooth, speed, spread, strength

# Shoulder-elbow-wrist, elbow-shoulder-hip, shoulder-hip-knee, hip-knee-ankle; left and right.
_ANGLES = np.array([
    (11, 13, 15), (12, 14, 16), (13, 11, 23), (14, 12, 24), (11, 23, 25), (12, 24, 26), (23, 25, 27), (24, 26, 28),
])  # fmt: skip
_SIDEWAYS = [0, 2, 3, 4]  # of the six leans: trunk, hips, shoulders, head; the others are forwards


def joint_angles(world: Floats) -> Floats:
    """Eight joint angles, and how trunk, hips, shoulders and head lean: (n, 33, 3) to (n, 14), radians."""
    return np.column_stack([_bends(world), *_leans(world)])


def _bends(world: Floats) -> Floats:
    a, b, c = (world[:, _ANGLES[:, i]] for i in range(3))
    along, out = a - b, c - b
    lengths = np.linalg.norm(along, axis=2) * np.linalg.norm(out, axis=2) + 1e-9
    bends: Floats = np.arccos(np.clip((along * out).sum(axis=2) / lengths, -1.0, 1.0))
    return bends


def _leans(world: Floats) -> list[Floats]:
    up = middle(world, SHOULDERS) - middle(world, HIPS)
    head = world[:, NOSE] - middle(world, SHOULDERS)
    return [*_lean(up), _tilt(world, HIPS), _tilt(world, SHOULDERS), *_lean(head)]


def _lean(up: Floats) -> list[Floats]:
    return [np.arctan2(up[:, 0], -up[:, 1]), np.arctan2(up[:, 2], -up[:, 1])]


def _tilt(world: Floats, pair: list[int]) -> Floats:
    across = world[:, pair[0]] - world[:, pair[1]]
    tilt: Floats = np.arctan2(across[:, 1], np.linalg.norm(across[:, [0, 2]], axis=1) + 1e-9)
    return tilt


def angles(track: Track) -> Floats:
    """Four pairs of joint angles, pooled over left and right, and six leans, sideways ones by size: (40,), radians."""
    bent = smooth(joint_angles(track.world))[track.seen]
    return np.concatenate([_pooled(spread(bent[:, :8])), spread(_unsided(bent))])


def _pooled(left_right: Floats) -> Floats:
    """Means of each left value and the right one after it."""
    pooled: Floats = left_right.reshape(-1, 2).mean(axis=1)
    return pooled


def _unsided(angles: Floats) -> Floats:
    leans = angles[:, 8:].copy()
    leans[:, _SIDEWAYS] = np.abs(leans[:, _SIDEWAYS])
    return leans


def hands(track: Track) -> Floats:
    """The higher and the lower hand from the shoulders, between the hands, longer and shorter reach: (20,), m."""
    world = track.world[track.seen]
    reach = world[:, WRISTS] - world[:, SHOULDERS]
    apart = np.linalg.norm(world[:, WRISTS[0]] - world[:, WRISTS[1]], axis=1)
    heights, lengths = np.sort(reach[:, :, 1], axis=1), np.sort(np.linalg.norm(reach, axis=2), axis=1)
    return np.concatenate([spread(heights), spread(apart[:, None]), spread(lengths)])


def feet(track: Track) -> Floats:
    """Between the ankles, and up and down of it: (8,), metres."""
    between = track.world[track.seen][:, ANKLES[0]] - track.world[track.seen][:, ANKLES[1]]
    return np.concatenate([spread(np.linalg.norm(between, axis=1)[:, None]), spread(np.abs(between[:, [1]]))])


def bend_speeds(track: Track) -> Floats:
    """Of the joint angles, pooled over left and right, and of the leans: (30,), radians per second."""
    speeds = np.abs(rate(smooth(joint_angles(track.world))))[track.seen]
    return np.concatenate([_pooled(strength(speeds[:, :8])), strength(speeds[:, 8:])])


def joint_speeds(track: Track) -> Floats:
    """Of the nose and six pairs of joints on the picture, pooled: (21,), torso lengths per second."""
    speeds = speed(places(track)[:, JOINTS])[track.seen]
    return np.concatenate([strength(speeds[:, :1]), _pooled(strength(speeds[:, 1:]))])


def travel(track: Track) -> Floats:
    """How far the hips go on the picture: (5,), torso lengths, and per second."""
    hip = middle(places(track), HIPS)[track.seen]
    path = np.linalg.norm(np.diff(hip, axis=0), axis=1).mean() * RATE_HZ
    return np.concatenate([hip.std(axis=0), np.ptp(hip, axis=0), [path]])


def places(track: Track) -> Floats:
    """Landmarks on the picture, smoothed: (n, 33, 2), torso lengths."""
    scaled: Floats = smooth(track.xy) / np.median(torso(track.xy[track.seen]))
    return scaled


def body_sway(track: Track) -> Floats:
    """How hips, shoulders and knees sway between what is above and below, and which part of the body moves: (23,).

    Of each sway: deviation, mean speed across and upright, area swept per second. Then logarithms of the shares of
    head, shoulders, hips and ankles in the motion, and how head and hips, shoulders and hips move together.
    """
    where = places(track)[track.seen]
    head, shoulders, hips, ankles = (middle(where, pair) for pair in (EARS, SHOULDERS, HIPS, ANKLES))
    knees = middle(where, KNEES)
    sways = (hips - (shoulders + ankles) / 2, shoulders - (head + hips) / 2, knees - (hips + ankles) / 2)
    rates = [rate(part) for part in (head, shoulders, hips, ankles)]
    pace = np.array([np.linalg.norm(part, axis=1).mean() for part in rates])
    together = [correlation(rates[part][:, i], rates[2][:, i]) for part in (0, 1) for i in (0, 1)]
    return np.concatenate([*(_sway(sway) for sway in sways), np.log((pace + 0.05) / (pace.mean() + 0.05)), together])


def _sway(sway: Floats) -> Floats:
    around, pace = sway - sway.mean(axis=0), rate(sway)
    swept = np.abs(around[:, 0] * pace[:, 1] - around[:, 1] * pace[:, 0]).mean()
    return np.concatenate([sway.std(axis=0), np.abs(pace).mean(axis=0), [swept]])
