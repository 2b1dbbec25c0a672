"""Test where two dancers face, on exact tracks of the demo couple and on tracks that are damaged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.move_indexing.boundaries.headings import (
    FACINGS,
    Headings,
    couple_headings,
    heading_path,
    mean_heading_deg,
)
from agents.move_indexing.dancers.tracks import Track
from data.generators.couple.catalogue import CLIPS
from tests.quality.seam_labels import demo_labels
from tests.unit.move_indexing.demo_couple import demo_tracks


def facing_at(headings: Headings, time_s: float) -> str:
    return FACINGS[int(headings.facings[int(np.abs(headings.times - time_s).argmin())].argmax())]


def flipped(track: Track, share: float) -> Track:
    """Return a track in which left and right are exchanged in a share of its samples."""
    wrong = np.random.default_rng(0).random(len(track.times)) < share
    return replace(track, world=np.where(wrong[:, None, None], track.world * (-1, 1, -1), track.world))


@pytest.mark.parametrize("clip", [spec.name for spec in CLIPS])
def test_exact_tracks_give_the_exact_facing_and_headings(clip: str) -> None:
    headings = couple_headings(*demo_tracks(clip))
    for label in (label for label in demo_labels() if label.clip == clip):
        assert facing_at(headings, label.time_s) == label.facing, label
        nearest = int(np.abs(headings.times - label.time_s).argmin())
        for found, exact in ((headings.lead, label.lead_heading_deg), (headings.follow, label.follow_heading_deg)):
            assert exact is not None
            assert abs((mean_heading_deg(found[nearest]) - exact + 180) % 360 - 180) < 25, label


def test_single_samples_that_are_half_a_turn_off_do_not_change_how_the_two_face() -> None:
    lead, follow = demo_tracks("basic_side")
    headings = couple_headings(flipped(lead, 0.2), flipped(follow, 0.2))
    assert (headings.facings.argmax(axis=1) == FACINGS.index("face_to_face")).mean() > 0.97


def test_a_hidden_dancer_faces_as_before_and_after_with_less_confidence() -> None:
    lead, follow = demo_tracks("basic_side")
    hidden = (follow.times > 2.0) & (follow.times < 3.5)
    headings = couple_headings(lead, replace(follow, tracked=~hidden))
    assert (headings.facings[hidden].argmax(axis=1) == FACINGS.index("face_to_face")).all()
    assert headings.facings[hidden].max(axis=1).min() < headings.facings[~hidden].max(axis=1).min()


def test_two_dancers_with_their_backs_to_each_other_are_told_from_two_face_to_face() -> None:
    lead, follow = demo_tracks("basic_side")
    turned = (replace(track, world=track.world * (-1, 1, -1)) for track in (lead, follow))
    found = couple_headings(*turned).facings.argmax(axis=1)
    assert (found == FACINGS.index("back_to_back")).mean() > 0.9


def test_a_path_of_headings_runs_on_through_whole_turns() -> None:
    directions = np.eye(24)[np.arange(60) % 24]
    assert np.ptp(heading_path(directions)) == pytest.approx(59 * 2 * np.pi / 24)
