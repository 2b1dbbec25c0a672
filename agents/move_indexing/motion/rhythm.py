"""Measure how a dancer's motion repeats: with the beat, and after some beats."""

from __future__ import annotations

import numpy as np

from agents.arrays import Bools, Floats
from agents.move_indexing.dancers.detections import (
    ANKLES,
    ELBOWS,
    HIPS,
    JOINTS,
    KNEES,
    NOSE,
    SHOULDERS,
    WRISTS,
    midpoint,
)
from agents.move_indexing.dancers.tracks import RATE_HZ, Track
from agents.move_indexing.motion.posture import joint_angles, scaled_landmarks
from agents.move_indexing.motion.signals import rate, smooth, speed

# Cycles per beat. Dancing repeats by the half bar, the bar and the eight; measured on 149 clips, hips move most at 1/8.
CYCLES_PER_BEAT = (0.125, 0.25, 0.5, 0.75, 1.0)
LAGS_BEATS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
MIN_TRACKED_SAMPLES = 8  # fewer are not measured


def body_rhythm(track: Track, tempo_bpm: float) -> Floats:
    """Return the share of power of hips, leans, feet and hands at fractions of the beat frequency: (60,)."""
    landmarks, angles = scaled_landmarks(track), smooth(joint_angles(track.world))
    stance = np.linalg.norm(track.world[:, ANKLES[0]] - track.world[:, ANKLES[1]], axis=1)
    single = np.column_stack([
        midpoint(landmarks, HIPS), angles[:, 8:],
        speed(landmarks[:, ANKLES]).mean(axis=1), speed(landmarks[:, HIPS]).mean(axis=1), stance,
    ])  # fmt: skip
    hands = smooth(track.world)[:, WRISTS, 1]
    single_powers, hand_powers = (
        power_shares(series[track.tracked], track.times[track.tracked], tempo_bpm) for series in (single, hands)
    )
    return np.concatenate([single_powers.ravel(), hand_powers.mean(axis=1)])


def power_shares(series: Floats, times_s: Floats, tempo_bpm: float) -> Floats:
    """Return the share of each column's power at fractions of the beat frequency: (n, k) to (5, k), after Goertzel."""
    centred = series - series.mean(axis=0)
    cycles = np.array(CYCLES_PER_BEAT)[:, None] * times_s * tempo_bpm / 60
    power = np.abs(np.exp(-2j * np.pi * cycles) @ (centred * np.hanning(len(series))[:, None])) ** 2
    shares: Floats = power / ((centred**2).sum(axis=0) + 1e-9) / len(series) * 4
    return shares


def autocorrelations(track: Track, tempo_bpm: float) -> Floats:
    """Return the correlation of eight aspects of the motion with themselves at lags of 0.5 to 8 beats: (64,), -1 to 1.

    NaN where the clip is too short for a lag.
    """
    world, landmarks, angles = smooth(track.world), scaled_landmarks(track), smooth(joint_angles(track.world))
    aspects = (
        world[:, JOINTS], angles, rate(landmarks[:, JOINTS]), rate(angles),
        world[:, KNEES + ANKLES] - midpoint(world, HIPS)[:, None], world[:, [*ELBOWS, *WRISTS]],
        midpoint(landmarks, HIPS) - (midpoint(landmarks, SHOULDERS) + midpoint(landmarks, ANKLES)) / 2,
        landmarks[:, NOSE] - midpoint(landmarks, SHOULDERS),
    )  # fmt: skip
    return np.concatenate([_autocorrelation(a.reshape(len(a), -1), track.tracked, tempo_bpm) for a in aspects])


def _autocorrelation(series: Floats, tracked: Bools, tempo_bpm: float) -> Floats:
    """Return the autocorrelation of a series (n, k), its columns scaled to equal variance, at each lag: (8,)."""
    z = (series - series[tracked].mean(axis=0)) / (series[tracked].std(axis=0) + 1e-6)
    return np.array([_at_lag(z, tracked, round(lag * 60 / tempo_bpm * RATE_HZ)) for lag in LAGS_BEATS])


def _at_lag(z: Floats, tracked: Bools, lag: int) -> float:
    both = tracked[lag:] & tracked[: max(len(tracked) - lag, 0)]
    if both.sum() < MIN_TRACKED_SAMPLES:
        return float("nan")
    now, before = z[lag:][both], z[:-lag][both]
    return float((now * before).sum() / np.sqrt((now**2).sum() * (before**2).sum() + 1e-9))
