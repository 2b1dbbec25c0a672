"""How a couple moves goes in; how hard and how lively the move looks comes out, for where nobody has said."""

from __future__ import annotations

import numpy as np

from agents.move_indexing.dancers.dance import Dance
from agents.move_indexing.dancers.detections import ANKLES, SHOULDERS, WRISTS, torso
from agents.move_indexing.dancers.tracks import RATE_HZ, Track
from agents.move_indexing.motion.signals import heading, smooth, speed
from schemas.base import Difficulty, Level

# The thirds of 37 clips of beginners' to advanced moves, rounded: what is usual there is medium, or intermediate.
_LIVELY = (0.8, 1.1)
_TURNING = (0.4, 0.6)


def energy_level(dance: Dance) -> Level:
    """By the mean speed of wrists and ankles of who moves more, in torso lengths per second: low, medium, high."""
    pace = max(map(pace_of, dance.well_seen))
    return "low" if pace < _LIVELY[0] else "medium" if pace < _LIVELY[1] else "high"


def difficulty(dance: Dance, tempo_bpm: float) -> Difficulty:
    """By how much the dancer who turns more turns, in turns of the shoulders per bar."""
    turns = max(turns_per_bar(track, tempo_bpm) for track in dance.well_seen)
    return "beginner" if turns < _TURNING[0] else "intermediate" if turns < _TURNING[1] else "advanced"


def pace_of(track: Track) -> float:
    """Mean speed of wrists and ankles on the picture, torso lengths per second; 0 for who is never seen."""
    if not track.seen.any():
        return 0.0
    places = smooth(track.xy[:, WRISTS + ANKLES]) / np.median(torso(track.xy[track.seen]))
    return float(speed(places)[track.seen].mean())


def turns_per_bar(track: Track, tempo_bpm: float) -> float:
    """How far the shoulders turn, back and forth, in whole turns per four beats; 0 for who is never seen."""
    if not track.seen.any():
        return 0.0
    turning = np.abs(np.gradient(smooth(heading(track.world, SHOULDERS))))[track.seen].mean() * RATE_HZ
    return float(turning / (2 * np.pi) * 4 * 60 / tempo_bpm)
