"""Measure how the two dancers of a couple stand and hold each other, at each sample of their tracks."""

from __future__ import annotations

from itertools import product
from typing import get_args

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.boundaries.headings import across_body
from agents.move_indexing.dancers.detections import ELBOWS, HIPS, SHOULDERS, WRISTS, midpoint, torso_length
from agents.move_indexing.dancers.tracks import Track
from schemas.boundary import Side

_HANDS = ([15, 17, 19], [16, 18, 20])  # wrist, little finger and index finger of the left and the right hand
# The lead's hand, the follow's hand.
HAND_PAIRS: tuple[tuple[Side, Side], ...] = tuple(product(get_args(Side), repeat=2))


def couple_measures(lead: Track, follow: Track) -> Floats:
    """Return measures of a couple at each sample, NaN where one dancer is not tracked: (n, 28).

    In torso lengths: four distances between the hands (lead's left and follow's left, left and right, right and left,
    right and right), hips, shoulders, and hips beside each other; lead's and follow's left and right hand from the
    partner's trunk (4). Then for each of these hands its place before the own chest, outwards and upwards, and the
    cosine of the elbow (16); log ratio of the torsos' lengths, without sign.
    """
    unit = np.maximum(torso_length(lead.xy), torso_length(follow.xy))[:, None]
    hands = [[track.xy[:, hand].mean(axis=1) for hand in _HANDS] for track in (lead, follow)]
    hips, shoulders = (midpoint(follow.xy, pair) - midpoint(lead.xy, pair) for pair in (HIPS, SHOULDERS))
    columns = [
        *(np.linalg.norm(one - two, axis=1) / unit[:, 0] for one, two in product(*hands)),
        np.linalg.norm(hips, axis=1) / unit[:, 0],
        np.linalg.norm(shoulders, axis=1) / unit[:, 0],
        np.abs(hips[:, 0]) / unit[:, 0],
        *(_from_trunk(hand, follow.xy) / unit[:, 0] for hand in hands[0]),
        *(_from_trunk(hand, lead.xy) / unit[:, 0] for hand in hands[1]),
    ]
    ratio = np.log(torso_length(follow.xy) / torso_length(lead.xy))
    measures = np.column_stack([*columns, _arms(lead.world), _arms(follow.world), np.abs(ratio)])
    measures[~(lead.tracked & follow.tracked)] = np.nan
    return measures


def _from_trunk(hand: Floats, xy: Floats) -> Floats:
    """Return the distance of a hand from the nearest of five points of a trunk, pixels: (n,)."""
    shoulders, hips = midpoint(xy, SHOULDERS), midpoint(xy, HIPS)
    points = np.stack([shoulders, hips, (shoulders + hips) / 2, xy[:, SHOULDERS[0]], xy[:, SHOULDERS[1]]], axis=1)
    nearest: Floats = np.linalg.norm(points - hand[:, None], axis=2).min(axis=1)
    return nearest


def _arms(world: Floats) -> Floats:
    """Return where a dancer's hands are relative to the trunk, and the cosines of the elbows: (n, 8).

    Of the left, then of the right arm: forwards, outwards, upwards, torso lengths; the elbow's cosine, -1 straight.
    """
    across = across_body(world)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    forwards = np.column_stack([across[:, 1], -across[:, 0]])
    trunk = (midpoint(world, SHOULDERS) + midpoint(world, HIPS)) / 2
    unit = np.linalg.norm(midpoint(world, SHOULDERS) - midpoint(world, HIPS), axis=1) + 1e-6
    columns = []
    for hand, outwards in zip(_HANDS, (across, -across), strict=True):
        place = (world[:, hand].mean(axis=1) - trunk) / unit[:, None]
        ground = place[:, [0, 2]]
        columns += [(ground * forwards).sum(axis=1), (ground * outwards).sum(axis=1), -place[:, 1]]
    left, right = (_elbow_cosine(world, side) for side in (0, 1))
    return np.column_stack([*columns[:3], left, *columns[3:], right])


def _elbow_cosine(world: Floats, side: int) -> Floats:
    upper = world[:, SHOULDERS[side]] - world[:, ELBOWS[side]]
    fore = world[:, WRISTS[side]] - world[:, ELBOWS[side]]
    lengths = np.linalg.norm(upper, axis=1) * np.linalg.norm(fore, axis=1) + 1e-9
    cosine: Floats = (upper * fore).sum(axis=1) / lengths
    return cosine
