"""Measure how well two boundaries that fit together are told from two that do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.eights import couple_pose
from tests.quality.seam_clips import SeamClip
from tests.quality.seam_labels import BoundaryLabel
from tests.quality.seam_scores import Measured, agreement, auc

MAX_POSE_COST, UNKNOWN_POSE_COST = 2.0, 0.5  # torso lengths


class Fits(NamedTuple):
    """Pairs of boundaries, those that fit, and the AUC of two ways to tell: the joints' distance, and the states."""

    pairs: int
    fits: int
    by_distance: float
    by_states: float


def fit_aucs(by_clip: Mapping[SeamClip, Sequence[Measured]]) -> Fits:
    """Return the AUC over all pairs of wholly labelled boundaries of different clips.

    Two fit if hold, joined hands, facing and both free feet are labelled the same.
    """
    rows = [(clip, each) for clip, some in by_clip.items() for each in some if is_whole(each.label)]
    clips = np.array([clip.name for clip, _ in rows])
    compared = np.triu(clips[:, None] != clips[None], 1)
    kinds = [_kind(each.label) for _, each in rows]
    fits = np.array([[one == other for other in kinds] for one in kinds])[compared]
    poses = [couple_pose(each.label.time_s, clip.dance.lead, clip.dance.follow) for clip, each in rows]
    distances, states = pose_costs(poses)[compared], agreement([each.state for _, each in rows])[compared]
    return Fits(len(fits), int(fits.sum()), auc(-distances, fits), auc(states, fits))


def is_whole(label: BoundaryLabel) -> bool:
    """Return whether all that decides about a fit is labelled."""
    return None not in _kind(label)


def pose_costs(poses: Sequence[tuple[float, ...]]) -> Floats:
    """Return the cost of a cut between each two poses by the mean distance of their joints, as plans had it: (n, n)."""
    costs = np.full((len(poses), len(poses)), UNKNOWN_POSE_COST)
    known = [index for index, pose in enumerate(poses) if pose]
    joints = np.array([poses[index] for index in known]).reshape(len(known), -1, 2)
    apart = np.linalg.norm(joints[:, None] - joints[None], axis=3).mean(axis=2)
    costs[np.ix_(known, known)] = np.minimum(apart, MAX_POSE_COST)
    return costs


def _kind(label: BoundaryLabel) -> tuple[object, ...]:
    return label.hold, label.hands, label.facing, label.lead_free_foot, label.follow_free_foot
