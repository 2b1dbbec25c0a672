"""Find where each dancer of a couple faces, and how the two face each other.

A single frame gives a heading from the shoulders and hips in world coordinates. It is often wrong by half a turn where
left and right are confused, and missing where a dancer is hidden. So both headings are the states of a hidden Markov
model: bodies turn at a limited speed, and couples face each other most of the time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import get_args

import numpy as np

from agents.arrays import Bools, Floats
from agents.forward_backward import forward_backward
from agents.move_indexing.dancers.detections import HIPS, SHOULDERS, midpoint, torso_length
from agents.move_indexing.dancers.tracks import Track
from schemas.boundary import Facing

_DIRECTIONS = 24
_ANGLES = np.arange(_DIRECTIONS) * 2 * math.pi / _DIRECTIONS
FACINGS: tuple[Facing, ...] = get_args(Facing)

# A measured heading: von Mises around the true one, or around its opposite, or any.
_CONCENTRATION, _OPPOSITE_SHARE, _RANDOM_SHARE = 6.0, 0.1, 0.08
_EVIDENCE = 0.6  # consecutive samples have the same errors, so each is not new evidence
_TURN_PER_SAMPLE, _JUMP_SHARE = 0.5, 0.01  # radians, standard deviation; and the share of any other change
_FACE_TO_FACE, _SAME_WAY, _ANY = 0.7, 0.15, 0.15  # how couples face each other, without evidence
_PRIOR_CONCENTRATION, _PRIOR_WEIGHT = 3.0, 0.15  # the weight of this at each sample
_MAX_SAME_WAY_DEG, _MIN_OPPOSITE_DEG = 60, 115
_MIN_APART = 0.4  # torso lengths beside each other in the picture, to tell face to face from back to back


@dataclass(frozen=True)
class Headings:
    """The headings of a couple at `times` (n,), seconds.

    `lead`, `follow` (n, 24): the probability of each heading, in steps of 15 degrees from 0, to the camera; 90 is the
    right edge of the picture. `facings` (n, 4): the probability of each of `FACINGS`.
    """

    times: Floats
    lead: Floats
    follow: Floats
    facings: Floats


def mean_heading_deg(probabilities: Floats) -> float:
    """Return the mean direction of the probabilities of headings (24,), degrees from 0, less than 360."""
    return round(math.degrees(float(_mean_direction(probabilities))), 1) % 360.0


def heading_path(probabilities: Floats) -> Floats:
    """Return the mean heading at each sample, unwrapped: (n, 24) to (n,), radians."""
    path: Floats = np.unwrap(_mean_direction(probabilities))
    return path


def _mean_direction(probabilities: Floats) -> Floats:
    """Return the mean direction of the probabilities of headings: (..., 24) to (...), radians."""
    direction: Floats = np.angle(probabilities @ np.exp(1j * _ANGLES))
    return direction


def couple_headings(lead: Track, follow: Track) -> Headings:
    """Return the headings of a couple at the times of its tracks, by the forward-backward algorithm."""
    likelihoods = [_likelihoods(track) for track in (lead, follow)]
    prior, turning = _prior(), _turning()
    weighted = (prior / prior.max()) ** _PRIOR_WEIGHT
    evidence = likelihoods[0][:, :, None] * likelihoods[1][:, None, :] * weighted
    joint = forward_backward(evidence, prior, lambda pairs: turning @ pairs @ turning)
    facings = _facings(joint, _beside(lead, follow))
    return Headings(lead.times, joint.sum(axis=2), joint.sum(axis=1), facings)


def _likelihoods(track: Track) -> Floats:
    """Return the likelihood of each direction at each sample, at most 1: (n, 24)."""
    across = across_body(track.world)
    apart = np.arctan2(across[:, 1], across[:, 0])[:, None] - _ANGLES
    right, opposite = (
        np.exp(_CONCENTRATION * np.cos(angle)) / np.i0(_CONCENTRATION) for angle in (apart, apart + math.pi)
    )
    mixed = (1 - _OPPOSITE_SHARE - _RANDOM_SHARE) * right + _OPPOSITE_SHARE * opposite + _RANDOM_SHARE
    mixed[~track.tracked] = 1.0
    likelihoods: Floats = (mixed / mixed.max(axis=1, keepdims=True)) ** _EVIDENCE
    return likelihoods


def across_body(world: Floats) -> Floats:
    """Return the line from right to left shoulder, with half of that of the hips, from above: (n, 2), x and z."""
    across = np.zeros((len(world), 2))
    for pair, weight in ((SHOULDERS, 1.0), (HIPS, 0.5)):
        line = (world[:, pair[0]] - world[:, pair[1]])[:, [0, 2]]
        across += weight * line / (np.linalg.norm(line, axis=1, keepdims=True) + 1e-9)
    return across


@cache
def _prior() -> Floats:
    """Return the probability of each pair of headings: (24, 24)."""
    apart = _ANGLES[:, None] - _ANGLES
    peak = math.exp(_PRIOR_CONCENTRATION)
    prior = (
        _FACE_TO_FACE * np.exp(-_PRIOR_CONCENTRATION * np.cos(apart))
        + _SAME_WAY * np.exp(_PRIOR_CONCENTRATION * np.cos(apart))
        + _ANY * 0.3 * peak
    )
    normed: Floats = prior / prior.sum()
    return normed


@cache
def _turning() -> Floats:
    """Return the probability of each change of heading from one sample to the next: (24, 24)."""
    change = (_ANGLES[:, None] - _ANGLES + math.pi) % (2 * math.pi) - math.pi
    near = np.exp(-((change / _TURN_PER_SAMPLE) ** 2) / 2)
    turning: Floats = (1 - _JUMP_SHARE) * near / near.sum(axis=1, keepdims=True) + _JUMP_SHARE / _DIRECTIONS
    return turning


def _beside(lead: Track, follow: Track) -> Floats:
    """Return how far the follow is to the right of the lead in the picture, torso lengths, 0 where unknown: (n,)."""
    unit = (torso_length(lead.xy) + torso_length(follow.xy)) / 2
    beside = (midpoint(follow.xy, HIPS) - midpoint(lead.xy, HIPS))[:, 0] / unit
    known: Floats = np.where(lead.tracked & follow.tracked, beside, 0.0)
    return known


def _facings(joint: Floats, beside: Floats) -> Floats:
    """Return the probability of each of `FACINGS`: (n, 4)."""
    apart = np.degrees(np.abs((_ANGLES[:, None] - _ANGLES + math.pi) % (2 * math.pi) - math.pi))
    opposite, same_way = apart >= _MIN_OPPOSITE_DEG, apart < _MAX_SAME_WAY_DEG
    away = opposite & (np.sin(_ANGLES)[:, None] - np.sin(_ANGLES) < 0)  # if the follow is to the right of the lead
    backs = np.where(beside > _MIN_APART, _mass(joint, away), np.where(beside < -_MIN_APART, _mass(joint, away.T), 0))
    facing, same = _mass(joint, opposite) - backs, _mass(joint, same_way)
    return np.column_stack([facing, same, 1 - facing - backs - same, backs])


def _mass(joint: Floats, pairs: Bools) -> Floats:
    mass: Floats = joint[:, pairs].sum(axis=1)
    return mass
