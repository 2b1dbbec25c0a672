"""One dancer's track and a tempo go in; what recurs with the beat, and after how many beats, comes out."""

from __future__ import annotations

import numpy as np

from agents.arrays import Bools, Floats
from agents.move_indexing.dancers.detections import ANKLES, ELBOWS, HIPS, JOINTS, KNEES, NOSE, SHOULDERS, WRISTS, middle
from agents.move_indexing.dancers.tracks import RATE_HZ, Track
from agents.move_indexing.motion.posture import joint_angles, places
from agents.move_indexing.motion.signals import rate, smooth, speed

# Cycles per beat. Dancing repeats by the half bar, the bar and the eight; measured on 149 clips, hips move most at 1/8.
BEAT_SHARES = (0.125, 0.25, 0.5, 0.75, 1.0)
LAGS_BEATS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
FEWEST = 8  # moments, to say anything from


def body_rhythm(track: Track, tempo_bpm: float) -> Floats:
    """Of hips, leans, feet and hands, the share of power at multiples of the beat: (60,)."""
    where, angles = places(track), smooth(joint_angles(track.world))
    stance = np.linalg.norm(track.world[:, ANKLES[0]] - track.world[:, ANKLES[1]], axis=1)
    one_sided = np.column_stack([
        middle(where, HIPS), angles[:, 8:],
        speed(where[:, ANKLES]).mean(axis=1), speed(where[:, HIPS]).mean(axis=1), stance,
    ])  # fmt: skip
    hands = smooth(track.world)[:, WRISTS, 1]
    alone, pairs = (powers(s[track.seen], track.times[track.seen], tempo_bpm) for s in (one_sided, hands))
    return np.concatenate([alone.ravel(), pairs.mean(axis=1)])


def powers(series: Floats, times_s: Floats, tempo_bpm: float) -> Floats:
    """Share of each column's power at multiples of the beat: (n, k) to (5, k), after Goertzel."""
    moved = series - series.mean(axis=0)
    turns = np.array(BEAT_SHARES)[:, None] * times_s * tempo_bpm / 60
    found = np.abs(np.exp(-2j * np.pi * turns) @ (moved * np.hanning(len(series))[:, None])) ** 2
    powers: Floats = found / ((moved**2).sum(axis=0) + 1e-9) / len(series) * 4
    return powers


def repeats(track: Track, tempo_bpm: float) -> Floats:
    """How alike eight aspects of the motion are to themselves half a beat to eight beats later: (64,), -1 to 1.

    NaN where the clip is too short to say.
    """
    world, where, angles = smooth(track.world), places(track), smooth(joint_angles(track.world))
    aspects = (
        world[:, JOINTS], angles, rate(where[:, JOINTS]), rate(angles),
        world[:, KNEES + ANKLES] - middle(world, HIPS)[:, None], world[:, [*ELBOWS, *WRISTS]],
        middle(where, HIPS) - (middle(where, SHOULDERS) + middle(where, ANKLES)) / 2,
        where[:, NOSE] - middle(where, SHOULDERS),
    )  # fmt: skip
    return np.concatenate([_alike(a.reshape(len(a), -1), track.seen, tempo_bpm) for a in aspects])


def _alike(series: Floats, seen: Bools, tempo_bpm: float) -> Floats:
    """Correlation of a series (n, k), its columns equally strong, with itself at each lag: (8,)."""
    x = (series - series[seen].mean(axis=0)) / (series[seen].std(axis=0) + 1e-6)
    return np.array([_at_lag(x, seen, round(lag * 60 / tempo_bpm * RATE_HZ)) for lag in LAGS_BEATS])


def _at_lag(x: Floats, seen: Bools, lag: int) -> float:
    both = seen[lag:] & seen[: max(len(seen) - lag, 0)]
    if both.sum() < FEWEST:
        return float("nan")
    now, before = x[lag:][both], x[:-lag][both]
    return float((now * before).sum() / np.sqrt((now**2).sum() * (before**2).sum() + 1e-9))
