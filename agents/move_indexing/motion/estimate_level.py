"""Estimate the energy and the difficulty of a move from the dancers' motion, for clips without these annotations."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.dance import Dance
from agents.move_indexing.dancers.detections import ANKLES, SHOULDERS, WRISTS, torso_length
from agents.move_indexing.dancers.tracks import RATE_HZ, Track
from agents.move_indexing.motion.signals import heading, smooth, speed
from schemas.base import Difficulty, Level

# Terciles of 37 clips of beginners' to advanced moves, rounded: the middle third there is medium, or intermediate.
_MEDIUM_LIMB_SPEED, _HIGH_LIMB_SPEED = 0.8, 1.1  # torso lengths per second
_MAX_LIMB_SPEED = 2.0  # torso lengths per second, energy 1
_INTERMEDIATE_TURNS_PER_BAR, _ADVANCED_TURNS_PER_BAR = 0.4, 0.6


def energy_level(dance: Dance) -> Level:
    """Return the energy level: low, medium or high, by the limb speed of the dancer who moves more."""
    fastest = max(map(limb_speed, dance.well_tracked))
    return "low" if fastest < _MEDIUM_LIMB_SPEED else "medium" if fastest < _HIGH_LIMB_SPEED else "high"


def difficulty(dance: Dance, tempo_bpm: float) -> Difficulty:
    """Return the difficulty, by the turns per bar of the dancer who turns more."""
    turns = max(turns_per_bar(track, tempo_bpm) for track in dance.well_tracked)
    if turns < _INTERMEDIATE_TURNS_PER_BAR:
        return "beginner"
    return "intermediate" if turns < _ADVANCED_TURNS_PER_BAR else "advanced"


def energy(limb_speed: float) -> float:
    """Return the energy of a movement, 0-1. `limb_speed`: of the dancer who moves more, torso lengths per second."""
    return min(1.0, limb_speed / _MAX_LIMB_SPEED)


def limb_speed(track: Track) -> float:
    """Return the mean speed of wrists and ankles in the picture, torso lengths per second; 0 if never tracked."""
    if not track.tracked.any():
        return 0.0
    return float(limb_speeds(track)[track.tracked].mean())


def limb_speeds(track: Track) -> Floats:
    """Return the mean speed of wrists and ankles at each sample of a track that has one: (n,), as `limb_speed`."""
    limbs = smooth(track.xy[:, WRISTS + ANKLES]) / np.median(torso_length(track.xy[track.tracked]))
    speeds: Floats = speed(limbs).mean(axis=1)
    return speeds


def turns_per_bar(track: Track, tempo_bpm: float) -> float:
    """Return how far the shoulders turn, back and forth, in whole turns per four beats; 0 if never tracked."""
    if not track.tracked.any():
        return 0.0
    turning = np.abs(np.gradient(smooth(heading(track.world, SHOULDERS))))[track.tracked].mean() * RATE_HZ
    return float(turning / (2 * np.pi) * 4 * 60 / tempo_bpm)
