"""Test that what is found of the demo couple is what it exactly does."""

from __future__ import annotations

import json

import numpy as np
import pytest

from agents.move_indexing.boundaries.of_clip import clip_boundaries
from agents.move_indexing.boundaries.tracked_couple import TrackedCouple
from agents.move_indexing.clip_beats import ClipBeats
from agents.move_indexing.dancers.detections import SHOULDERS
from agents.move_indexing.dancers.tracks import Track
from schemas.boundary import Boundary
from tests.paths import DEMO
from tests.quality.seam_labels import BoundaryLabel, demo_labels
from tests.quality.seam_scores import hands_of
from tests.unit.move_indexing.demo_couple import SIZE, demo_tracks

CLIPS = ("hammerlock", "shadow_position")
CLEAR_CLIPS = ("basic_side", "shadow_position")  # with one hold from end to end


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


def found(clip: str) -> tuple[Boundary, ...]:
    """Return the boundaries that indexing finds on exact tracks and beats."""
    facts = json.loads((DEMO / "clips" / f"{clip}.json").read_text(encoding="utf-8"))
    beats = ClipBeats(facts["tempo_bpm"], tuple(facts["beats"]), tuple(facts["counts"]), count_confidence=0.99)
    return clip_boundaries(TrackedCouple.of(*demo_tracks(clip), (int(SIZE[0]), int(SIZE[1]))), beats, ())


@pytest.mark.parametrize("clip", CLEAR_CLIPS)
def test_the_boundaries_of_a_clear_clip_are_the_exact_ones(clip: str) -> None:
    for state, label in zip(found(clip), labels_of(clip), strict=True):
        assert (state.hold, state.facing) == (label.hold, label.facing), label
        assert state.lead is not None
        assert state.follow is not None
        assert (state.lead.free_foot, state.follow.free_foot) == (label.lead_free_foot, label.follow_free_foot), label


def test_both_pairs_of_hands_are_found_to_be_joined() -> None:
    for state, label in zip(found("basic_side"), labels_of("basic_side"), strict=True):
        assert hands_of(state) == label.hands
