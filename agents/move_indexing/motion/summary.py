"""The two dancers' tracks go in; what can be said of their motion in a few numbers comes out."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.dance import Dance
from agents.move_indexing.dancers.detections import HIPS, JOINTS, SHOULDERS, WRISTS, middle, torso
from agents.move_indexing.dancers.tracks import Track
from agents.move_indexing.motion.estimate_level import pace_of, turns_per_bar
from agents.move_indexing.motion.posture import joint_angles
from agents.move_indexing.motion.signals import heading, smooth, speed
from schemas.move_indexed import CoupleMotion, DancerMotion, Joint, Motion

_BENDS = (
    "left_elbow", "right_elbow", "left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_knee", "right_knee",
)  # fmt: skip
_FASTEST, _MOST_WAYS = 2.0, 8.0
_CLOSE, _JOINED = 0.8, 0.4  # torso lengths
_ACROSS = np.cos(np.pi / 3)
_DIGITS = 4


def motion(dance: Dance, tempo_bpm: float) -> Motion:
    """How a clip's dancers move, in a few numbers."""
    return Motion(
        lead=_dancer(dance.lead, tempo_bpm),
        follow=_dancer(dance.follow, tempo_bpm),
        couple=_couple(dance.lead, dance.follow) if dance.is_couple else None,
        energy=_rounded(min(1.0, max(map(pace_of, dance.well_seen)) / _FASTEST)),
        complexity=_rounded(min(1.0, max(map(ways_of, dance.well_seen)) / _MOST_WAYS)),
    )


def ways_of(track: Track) -> float:
    """In how many independent ways a body moves: the participation ratio of its joints' covariance, 1 and up."""
    places = smooth(track.world[:, JOINTS].reshape(len(track.world), -1))[track.seen]
    spread = np.linalg.svd(places - places.mean(axis=0), compute_uv=False) ** 2
    return float(spread.sum() ** 2 / max((spread**2).sum(), 1e-12))


def _dancer(track: Track, tempo_bpm: float) -> DancerMotion | None:
    if not track.seen.any():
        return None
    return DancerMotion(
        detected=_rounded(track.found),
        tracked=_rounded(track.seen.mean()),
        confidence=_rounded(track.confidence),
        limb_speed=_rounded(pace_of(track)),
        travel=_rounded(_travel(track) * 4 * 60 / tempo_bpm),
        turns=_rounded(turns_per_bar(track, tempo_bpm)),
        joints=dict(zip(_BENDS, _joints(track), strict=True)),
    )


def _joints(track: Track) -> list[Joint]:
    bends = np.degrees(joint_angles(track.world[track.seen])[:, : len(_BENDS)])
    return [
        Joint(p10_deg=round(low, 1), median_deg=round(usual, 1), p90_deg=round(high, 1))
        for low, usual, high in np.percentile(bends, (10, 50, 90), axis=0).T.tolist()
    ]


def _travel(track: Track) -> float:
    """Of the hips, torso lengths a second."""
    hips = smooth(middle(track.xy, HIPS)) / np.median(torso(track.xy[track.seen]))
    return float(speed(hips[:, None])[track.seen].mean())


def _couple(lead: Track, follow: Track) -> CoupleMotion:
    both = lead.seen & follow.seen
    one, two = lead.xy[both], follow.xy[both]
    unit = float(np.median(np.concatenate([torso(one), torso(two)])))
    apart = np.linalg.norm(middle(one, HIPS) - middle(two, HIPS), axis=1) / unit
    alike = np.cos(heading(lead.world[both], SHOULDERS) - heading(follow.world[both], SHOULDERS))
    low, usual, high = (_rounded(value) for value in np.percentile(apart, (10, 50, 90)))
    return CoupleMotion(
        distance=(low, usual, high),
        face_to_face=_rounded((alike < -_ACROSS).mean()),
        same_direction=_rounded((alike > _ACROSS).mean()),
        close=_rounded((apart < _CLOSE).mean()),
        hands_joined=_rounded((_between_hands(one, two) < _JOINED * unit).mean()),
    )


def _between_hands(one: Floats, two: Floats) -> Floats:
    """The shortest way from a hand of one to a hand of the other, pixels: (n,)."""
    apart = one[:, WRISTS, None] - two[:, None, WRISTS]
    shortest: Floats = np.linalg.norm(apart, axis=-1).min(axis=(1, 2))
    return shortest


def _rounded(value: float) -> float:
    return round(float(value), _DIGITS)
