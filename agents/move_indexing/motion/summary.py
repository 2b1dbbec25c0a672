"""Summarize the dancers' motion for the library."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.dance import Dance
from agents.move_indexing.dancers.detections import HIPS, JOINTS, SHOULDERS, WRISTS, midpoint, torso_length
from agents.move_indexing.dancers.tracks import Track
from agents.move_indexing.motion.estimate_level import energy, limb_speed, turns_per_bar
from agents.move_indexing.motion.posture import joint_angles
from agents.move_indexing.motion.signals import heading, smooth, speed
from schemas.move_indexed import CoupleMotion, DancerMotion, Joint, Motion

_BENDS = (
    "left_elbow", "right_elbow", "left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_knee", "right_knee",
)  # fmt: skip
_MAX_PARTICIPATION_RATIO = 8.0  # complexity 1
_MAX_CLOSE_DISTANCE, _MAX_JOINED_HANDS_DISTANCE = 0.8, 0.4  # torso lengths
_MIN_ALIGNED_COSINE = np.cos(np.pi / 3)  # up to 60 degrees from the same direction, or from face to face
_DIGITS = 4


def motion(dance: Dance, tempo_bpm: float) -> Motion:
    """Return the summary of a clip's motion: each dancer's, the couple's, energy and complexity."""
    return Motion(
        lead=_dancer(dance.lead, tempo_bpm),
        follow=_dancer(dance.follow, tempo_bpm),
        couple=_couple(dance.lead, dance.follow) if dance.is_couple else None,
        energy=_rounded(energy(max(map(limb_speed, dance.well_tracked)))),
        complexity=_rounded(min(1.0, max(map(participation_ratio, dance.well_tracked)) / _MAX_PARTICIPATION_RATIO)),
    )


def participation_ratio(track: Track) -> float:
    """Return the participation ratio of the joints' covariance, 1 and up: the number of independent movements."""
    joints = smooth(track.world[:, JOINTS].reshape(len(track.world), -1))[track.tracked]
    variances = np.linalg.svd(joints - joints.mean(axis=0), compute_uv=False) ** 2
    return float(variances.sum() ** 2 / max((variances**2).sum(), 1e-12))


def _dancer(track: Track, tempo_bpm: float) -> DancerMotion | None:
    if not track.tracked.any():
        return None
    return DancerMotion(
        detected=_rounded(track.detected_share),
        tracked=_rounded(track.tracked_share),
        confidence=_rounded(track.confidence),
        limb_speed=_rounded(limb_speed(track)),
        travel=_rounded(_travel(track) * 4 * 60 / tempo_bpm),
        turns=_rounded(turns_per_bar(track, tempo_bpm)),
        joints=dict(zip(_BENDS, _joints(track), strict=True)),
    )


def _joints(track: Track) -> list[Joint]:
    bends = np.degrees(joint_angles(track.world[track.tracked])[:, : len(_BENDS)])
    return [
        Joint(p10_deg=round(low, 1), median_deg=round(median, 1), p90_deg=round(high, 1))
        for low, median, high in np.percentile(bends, (10, 50, 90), axis=0).T.tolist()
    ]


def _travel(track: Track) -> float:
    """Return the mean speed of the hips in the picture, torso lengths per second."""
    hips = smooth(midpoint(track.xy, HIPS)) / np.median(torso_length(track.xy[track.tracked]))
    return float(speed(hips[:, None])[track.tracked].mean())


def _couple(lead: Track, follow: Track) -> CoupleMotion:
    both = lead.tracked & follow.tracked
    one, two = lead.xy[both], follow.xy[both]
    unit = float(np.median(np.concatenate([torso_length(one), torso_length(two)])))
    distance = np.linalg.norm(midpoint(one, HIPS) - midpoint(two, HIPS), axis=1) / unit
    cosine = np.cos(heading(lead.world[both], SHOULDERS) - heading(follow.world[both], SHOULDERS))
    low, median, high = (_rounded(value) for value in np.percentile(distance, (10, 50, 90)))
    return CoupleMotion(
        distance=(low, median, high),
        face_to_face=_rounded((cosine < -_MIN_ALIGNED_COSINE).mean()),
        same_direction=_rounded((cosine > _MIN_ALIGNED_COSINE).mean()),
        close=_rounded((distance < _MAX_CLOSE_DISTANCE).mean()),
        hands_joined=_rounded((_hand_distance(one, two) < _MAX_JOINED_HANDS_DISTANCE * unit).mean()),
    )


def _hand_distance(one: Floats, two: Floats) -> Floats:
    """Return the shortest distance from a hand of one dancer to a hand of the other, pixels: (n,)."""
    difference = one[:, WRISTS, None] - two[:, None, WRISTS]
    shortest: Floats = np.linalg.norm(difference, axis=-1).min(axis=(1, 2))
    return shortest


def _rounded(value: float) -> float:
    return round(float(value), _DIGITS)
