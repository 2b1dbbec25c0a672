"""Measure which foot of a dancer steps on each beat: the one that moves before it, while the other one stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from agents.arrays import Bools, Floats
from agents.move_indexing.dancers.detections import ANKLES, HEELS, HIPS, KNEES, SHOULDERS, TOES, torso_length
from agents.move_indexing.dancers.tracks import Track
from agents.move_indexing.motion.signals import smooth, speed

PARTS = 10  # of a beat
LAGS = np.arange(-6, 7) / PARTS  # beats by which a step lands after the beat
_OFFSETS = np.arange(-6 - PARTS + 1, 6) / PARTS  # beats from a beat, of all samples that one of the lags needs
_WINDOW = np.sin(np.pi * np.arange(1, PARTS) / PARTS)  # the beat before a step lands: fastest in the middle
_MIN_SAMPLES = 10
_FACING = 0.3  # torso lengths from the right to the left shoulder in the picture
# Feet lift: the vertical part of the movement tells most, and movement in depth is hardly in the picture.
_SCALE = np.array([1.0, 2.5])  # of x and y
_SLOW = 0.5  # torso lengths per second: below, a foot does not move but jitters
_KNEE_WEIGHT = 0.4  # per radian by which one knee is bent more: the knee of the foot that is in the air


@dataclass(frozen=True)
class FootMotion:
    """Which foot of a dancer moves before each beat, if steps land late by each of `LAGS`: (lags, beats).

    `left`: about -1 to 1, positive where it is the left foot. `tracked_share`: the share of that time in which the
    dancer is tracked, 0-1; `left` means nothing at 0.
    """

    left: Floats
    tracked_share: Floats


def foot_motion(track: Track, partner: Track, beats: Sequence[float]) -> FootMotion:
    """Return which foot of a dancer moves before each beat. `beats`: seconds, two or more."""
    times = np.array(beats)[:, None] + _OFFSETS * float(np.median(np.diff(beats)))
    if track.tracked.sum() < _MIN_SAMPLES:
        return FootMotion(np.zeros((len(LAGS), len(beats))), np.zeros((len(LAGS), len(beats))))
    known = track.tracked & ~_may_be_reversed(track, partner)
    tracked = np.interp(times, track.times, known.astype(float), left=0.0, right=0.0)
    left = np.interp(times, track.times, _left_minus_right(track))
    tracked_share = _weighted(tracked)
    return FootMotion(_weighted(left * tracked) / np.maximum(tracked_share, 1e-9), tracked_share)


def _may_be_reversed(track: Track, partner: Track) -> Bools:
    """Return when a dancer hides the partner and seems to look at the camera: (n,).

    The face is then often the partner's, above the head of a dancer who turns the back, so that left and right are
    taken for each other. A partner who is hardly ever tracked is absent rather than hidden.
    """
    if partner.tracked.sum() < _MIN_SAMPLES:
        return np.zeros(len(track.times), bool)
    left, right = (track.xy[:, shoulder, 0] for shoulder in SHOULDERS)
    facing: Bools = left - right > _FACING * torso_length(track.xy)
    return facing & ~partner.tracked


def _weighted(samples: Floats) -> Floats:
    """Return the weighted mean over the beat before each lag: (beats, offsets) to (lags, beats)."""
    weighted: Floats = sliding_window_view(samples, len(_WINDOW), axis=1) @ (_WINDOW / _WINDOW.sum())
    return weighted.T


def _left_minus_right(track: Track) -> Floats:
    """Return how much more the left foot moves than the right one at each sample: (n,), about -1 to 1."""
    unit = np.median(torso_length(track.xy[track.tracked]))
    speeds = speed(smooth(track.xy[:, [*ANKLES, *HEELS, *TOES]]) * _SCALE / unit)
    left, right = speeds[:, ::2].mean(axis=1), speeds[:, 1::2].mean(axis=1)
    bends = _knee_angles(track.world)
    moving: Floats = (left - right) / (left + right + _SLOW) + _KNEE_WEIGHT * (bends[:, 1] - bends[:, 0])
    return moving


def _knee_angles(world: Floats) -> Floats:
    """Return the angles of the left and the right knee, pi is straight: (n, 33, 3) to (n, 2)."""
    thighs, shins = world[:, HIPS] - world[:, KNEES], world[:, ANKLES] - world[:, KNEES]
    lengths = np.linalg.norm(thighs, axis=-1) * np.linalg.norm(shins, axis=-1) + 1e-9
    angles: Floats = np.arccos(np.clip((thighs * shins).sum(axis=-1) / lengths, -1.0, 1.0))
    return angles
