"""Measure the posture and the movement of one dancer, as blocks of features.

No feature distinguishes left from right, so a move and its mirror image are equal: pairs of limbs are pooled or sorted,
and sideways leans are absolute values.
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
    midpoint,
    torso_length,
)
from agents.move_indexing.dancers.tracks import RATE_HZ, Track
from agents.move_indexing.motion.signals import correlation, mean_std_p10_p90, mean_std_p90, rate, smooth, speed

# Shoulder-elbow-wrist, elbow-shoulder-hip, shoulder-hip-knee, hip-knee-ankle; left and right.
_ANGLES = np.array([
    (11, 13, 15), (12, 14, 16), (13, 11, 23), (14, 12, 24), (11, 23, 25), (12, 24, 26), (23, 25, 27), (24, 26, 28),
])  # fmt: skip
_SIDEWAYS = [0, 2, 3, 4]  # of the six leans: trunk, hips, shoulders, head; the other two are forwards


def joint_angles(world: Floats) -> Floats:
    """Return eight joint angles and six leans of trunk, hips, shoulders and head: (n, 33, 3) to (n, 14), radians."""
    return np.column_stack([_bends(world), *_leans(world)])


def _bends(world: Floats) -> Floats:
    a, b, c = (world[:, _ANGLES[:, i]] for i in range(3))
    first, second = a - b, c - b
    lengths = np.linalg.norm(first, axis=2) * np.linalg.norm(second, axis=2) + 1e-9
    bends: Floats = np.arccos(np.clip((first * second).sum(axis=2) / lengths, -1.0, 1.0))
    return bends


def _leans(world: Floats) -> list[Floats]:
    up = midpoint(world, SHOULDERS) - midpoint(world, HIPS)
    head = world[:, NOSE] - midpoint(world, SHOULDERS)
    return [*_lean(up), _tilt(world, HIPS), _tilt(world, SHOULDERS), *_lean(head)]


def _lean(up: Floats) -> list[Floats]:
    return [np.arctan2(up[:, 0], -up[:, 1]), np.arctan2(up[:, 2], -up[:, 1])]


def _tilt(world: Floats, pair: list[int]) -> Floats:
    across = world[:, pair[0]] - world[:, pair[1]]
    tilt: Floats = np.arctan2(across[:, 1], np.linalg.norm(across[:, [0, 2]], axis=1) + 1e-9)
    return tilt


def angles(track: Track) -> Floats:
    """Return four joint angles, pooled over left and right, and six leans, sideways ones absolute: (40,), radians."""
    joints = smooth(joint_angles(track.world))[track.tracked]
    return np.concatenate([_pooled(mean_std_p10_p90(joints[:, :8])), mean_std_p10_p90(_absolute_leans(joints))])


def _pooled(left_right: Floats) -> Floats:
    """Return the mean of each left value and the right value after it."""
    pooled: Floats = left_right.reshape(-1, 2).mean(axis=1)
    return pooled


def _absolute_leans(angles: Floats) -> Floats:
    leans = angles[:, 8:].copy()
    leans[:, _SIDEWAYS] = np.abs(leans[:, _SIDEWAYS])
    return leans


def hands(track: Track) -> Floats:
    """Return higher and lower hand relative to the shoulders, hand distance, longer and shorter reach: (20,), m."""
    world = track.world[track.tracked]
    reach = world[:, WRISTS] - world[:, SHOULDERS]
    distance = np.linalg.norm(world[:, WRISTS[0]] - world[:, WRISTS[1]], axis=1)
    heights, lengths = np.sort(reach[:, :, 1], axis=1), np.sort(np.linalg.norm(reach, axis=2), axis=1)
    return np.concatenate([mean_std_p10_p90(heights), mean_std_p10_p90(distance[:, None]), mean_std_p10_p90(lengths)])


def feet(track: Track) -> Floats:
    """Return the distance between the ankles, and its vertical part: (8,), metres."""
    between = track.world[track.tracked][:, ANKLES[0]] - track.world[track.tracked][:, ANKLES[1]]
    return np.concatenate(
        [mean_std_p10_p90(np.linalg.norm(between, axis=1)[:, None]), mean_std_p10_p90(np.abs(between[:, [1]]))]
    )


def bend_speeds(track: Track) -> Floats:
    """Return the speeds of joint angles, pooled over left and right, and of leans: (30,), radians per second."""
    speeds = np.abs(rate(smooth(joint_angles(track.world))))[track.tracked]
    return np.concatenate([_pooled(mean_std_p90(speeds[:, :8])), mean_std_p90(speeds[:, 8:])])


def joint_speeds(track: Track) -> Floats:
    """Return the speeds of the nose and six pairs of joints in the picture, pooled: (21,), torso lengths per second."""
    speeds = speed(scaled_landmarks(track)[:, JOINTS])[track.tracked]
    return np.concatenate([mean_std_p90(speeds[:, :1]), _pooled(mean_std_p90(speeds[:, 1:]))])


def travel(track: Track) -> Floats:
    """Return the hips' standard deviation and range in the picture, and their path per second: (5,), torso lengths."""
    hips = midpoint(scaled_landmarks(track), HIPS)[track.tracked]
    path = np.linalg.norm(np.diff(hips, axis=0), axis=1).mean() * RATE_HZ
    return np.concatenate([hips.std(axis=0), np.ptp(hips, axis=0), [path]])


def scaled_landmarks(track: Track) -> Floats:
    """Return the smoothed landmarks in the picture: (n, 33, 2), torso lengths."""
    scaled: Floats = smooth(track.xy) / np.median(torso_length(track.xy[track.tracked]))
    return scaled


def body_sway(track: Track) -> Floats:
    """Return how hips, shoulders and knees sway relative to the parts above and below, and which parts move: (23,).

    For each of the three: standard deviation of x and y, mean speed of x and y, area swept per second. Then the log
    relative speed of head, shoulders, hips and ankles, and the correlation of head and hips, shoulders and hips.
    """
    landmarks = scaled_landmarks(track)[track.tracked]
    head, shoulders, hips, ankles = (midpoint(landmarks, pair) for pair in (EARS, SHOULDERS, HIPS, ANKLES))
    knees = midpoint(landmarks, KNEES)
    sways = (hips - (shoulders + ankles) / 2, shoulders - (head + hips) / 2, knees - (hips + ankles) / 2)
    rates = [rate(part) for part in (head, shoulders, hips, ankles)]
    speeds = np.array([np.linalg.norm(part, axis=1).mean() for part in rates])
    correlations = [correlation(rates[part][:, i], rates[2][:, i]) for part in (0, 1) for i in (0, 1)]
    relative_speeds = np.log((speeds + 0.05) / (speeds.mean() + 0.05))
    return np.concatenate([*(_sway(sway) for sway in sways), relative_speeds, correlations])


def _sway(sway: Floats) -> Floats:
    centred, velocity = sway - sway.mean(axis=0), rate(sway)
    swept_area = np.abs(centred[:, 0] * velocity[:, 1] - centred[:, 1] * velocity[:, 0]).mean()
    return np.concatenate([sway.std(axis=0), np.abs(velocity).mean(axis=0), [swept_area]])
