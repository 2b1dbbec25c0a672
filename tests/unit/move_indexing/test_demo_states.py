"""Test that what is found of the demo couple is what it exactly does."""

from __future__ import annotations

import numpy as np
import pytest

from agents.move_indexing.dancers.detections import SHOULDERS
from agents.move_indexing.dancers.tracks import Track
from tests.quality.seam_labels import BoundaryLabel, demo_labels
from tests.unit.move_indexing.demo_couple import demo_tracks

CLIPS = ("hammerlock", "shadow_position")


def labels_of(clip: str) -> list[BoundaryLabel]:
    return [label for label in demo_labels() if label.clip == clip]


def shoulders_heading_deg(track: Track, time_s: float) -> float:
    """Return where the chest points by the shoulders' world coordinates."""
    left, right = track.world[int(np.argmin(np.abs(track.times - time_s)))][SHOULDERS]
    return float(np.degrees(np.arctan2(left[2] - right[2], left[0] - right[0]))) % 360


@pytest.mark.parametrize("clip", CLIPS)
def test_the_exact_tracks_turn_as_the_exact_boundaries_say(clip: str) -> None:
    for label in labels_of(clip):
        for track, heading in zip(demo_tracks(clip), (label.lead_heading_deg, label.follow_heading_deg), strict=True):
            assert heading is not None
            assert abs((shoulders_heading_deg(track, label.time_s) - heading + 180) % 360 - 180) < 10, label
