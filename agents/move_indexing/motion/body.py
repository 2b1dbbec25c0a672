"""One dancer's track goes in; 311 numbers of how this body moves come out."""

from __future__ import annotations

import numpy as np

from agents.move_indexing.dancers.frames import RATE_HZ
from agents.move_indexing.dancers.sightings import ANKLES, HIPS, JOINTS, NOSE, SHOULDERS, WRISTS, Floats, middle, torso
from agents.move_indexing.dancers.tracks import Track
from agents.move_indexing.motion.signals import heading, rate, rhythm, smooth, speed, spread, strength

BODY_VALUES = 311
# Shoulder-elbow-wrist, elbow-shoulder-hip, shoulder-hip-knee, hip-knee-ankle; left and right.
_ANGLES = np.array([
    (11, 13, 15), (12, 14, 16), (13, 11, 23), (14, 12, 24), (11, 23, 25), (12, 24, 26), (23, 25, 27), (24, 26, 28),
])  # fmt: skip
_HIPS_IN_JOINTS, _ANKLES_IN_JOINTS = slice(7, 9), slice(11, 13)


def body_motion(track: Track, tempo_bpm: float) -> Floats:
    """Angles, speeds, turns, hands, feet, travel and rhythm: (311,).

    Speeds and travel on the picture are in torso lengths, angles in radians, the rest in metres, all per second;
    rhythm is relative power at multiples of the beat. Moments at which the dancer is not seen are left out.
    """
    seen, world = track.seen, track.world
    places = smooth(track.xy[:, JOINTS]) / np.median(torso(track.xy[seen]))
    angles, bearing = smooth(joint_angles(world)), smooth(world)
    on_picture = speed(places)
    return np.concatenate([
        spread(angles[seen]),
        strength(np.abs(rate(angles))[seen]),
        strength(on_picture[seen]),
        strength(speed(bearing[:, JOINTS])[seen]),
        _turning(world, track),
        _hands(world[seen]),
        _feet(world[seen]),
        _travel(_hip(places)[seen]),
        _rhythm(track, places, angles, bearing, on_picture, tempo_bpm),
    ])  # fmt: skip


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


def _turning(world: Floats, track: Track) -> Floats:
    shoulders, hips = (smooth(heading(world, pair))[track.seen] for pair in (SHOULDERS, HIPS))
    step, hip_step = np.abs(np.diff(shoulders)), np.abs(np.diff(hips))
    facing = [np.cos(shoulders), np.sin(shoulders)]
    return np.array([
        np.ptp(shoulders), np.ptp(hips), shoulders[-1] - shoulders[0], step.mean() * RATE_HZ, hip_step.mean() * RATE_HZ,
        np.std(shoulders - hips), *(f.mean() for f in facing), *(f.std() for f in facing), np.percentile(step, 95),
    ])  # fmt: skip


def _hands(world: Floats) -> Floats:
    reach = world[:, WRISTS] - world[:, SHOULDERS]
    apart = np.linalg.norm(world[:, WRISTS[0]] - world[:, WRISTS[1]], axis=1)
    return np.concatenate([spread(reach[:, :, 1]), spread(apart[:, None]), spread(np.linalg.norm(reach, axis=2))])


def _feet(world: Floats) -> Floats:
    between = world[:, ANKLES[0]] - world[:, ANKLES[1]]
    return np.concatenate([spread(np.linalg.norm(between, axis=1)[:, None]), spread(np.abs(between[:, [1]]))])


def _hip(places: Floats) -> Floats:
    hip: Floats = places[:, _HIPS_IN_JOINTS].mean(axis=1)
    return hip


def _travel(hip: Floats) -> Floats:
    path = np.linalg.norm(np.diff(hip, axis=0), axis=1).mean() * RATE_HZ
    return np.concatenate([hip.std(axis=0), np.ptp(hip, axis=0), [path]])


def _rhythm(  # noqa: PLR0913, PLR0917
    track: Track, places: Floats, angles: Floats, bearing: Floats, on_picture: Floats, tempo_bpm: float
) -> Floats:
    stance = np.linalg.norm(track.world[:, ANKLES[0]] - track.world[:, ANKLES[1]], axis=1)
    series = np.column_stack([
        _hip(places), angles[:, 8:14],
        on_picture[:, _ANKLES_IN_JOINTS].mean(axis=1), on_picture[:, _HIPS_IN_JOINTS].mean(axis=1),
        stance, bearing[:, WRISTS, 1],
    ])  # fmt: skip
    return rhythm(series[track.seen], track.times[track.seen], tempo_bpm)
