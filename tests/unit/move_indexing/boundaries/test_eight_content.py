"""Test what is danced in an eight, on exact tracks of the demo couple."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agents.move_indexing.boundaries.eight_content import eight_content
from agents.move_indexing.boundaries.tracked_couple import TrackedCouple
from data.generators.couple.catalogue import CLIPS
from schemas.boundary import EightContent
from tests.quality.seam_labels import DEMO_BOUNDARIES
from tests.unit.move_indexing.demo_couple import demo_tracks

SIZE = (960, 540)
EXACT: dict[str, list[dict[str, Any]]] = json.loads(DEMO_BOUNDARIES.read_text(encoding="utf-8"))
ACCENTS = {"dip": "accent", "lady_right_turn": "pattern", "cross_body_lead": "pattern", "basic_side": "basic"}


def beats_of(clip: str, start_beat: int) -> list[float]:
    """Return the nine beats of an eight of a demo clip."""
    times = {each["beat"]: each["time_s"] for each in EXACT["boundaries"] if each["clip"] == clip}
    return [float(time_s) for time_s in np.linspace(times[start_beat], times[start_beat + 8], 9)]


def content(clip: str, start_beat: int = 0) -> EightContent:
    return eight_content(TrackedCouple.of(*demo_tracks(clip), SIZE), beats_of(clip, start_beat))


@pytest.mark.parametrize("clip", [spec.name for spec in CLIPS])
def test_exact_tracks_give_the_exact_turns_and_the_moment_of_effect(clip: str) -> None:
    for exact in (each for each in EXACT["eights"] if each["clip"] == clip):
        found = content(clip, exact["start_beat"])
        assert found.lead_turns == pytest.approx(exact["lead_turns"], abs=0.12)
        assert found.follow_turns == pytest.approx(exact["follow_turns"], abs=0.12)
        assert found.effect == exact["effect"]
        if exact["effect_s"] is not None:
            assert found.effect_s == pytest.approx(exact["effect_s"], abs=0.4)


@pytest.mark.parametrize(("clip", "kind"), ACCENTS.items())
def test_an_eight_has_the_kind_that_its_movement_tells(clip: str, kind: str) -> None:
    assert content(clip).kind == kind


@pytest.mark.parametrize("later_s", [1.7, 2.5, 2.65])
def test_a_turn_that_goes_on_across_the_last_beat_does_not_end_before_it_began(later_s: float) -> None:
    exact = next(each for each in EXACT["eights"] if each["clip"] == "lady_right_turn")
    beats = [beat + later_s for beat in beats_of("lady_right_turn", 0)]
    found = eight_content(TrackedCouple.of(*demo_tracks("lady_right_turn"), SIZE), beats)
    assert found.effect == "turn_end"
    assert found.effect_s is not None
    nearest = min(abs(found.effect_s - end_s) for end_s in (exact["effect_s"], beats[-1]))
    assert nearest < 0.5


def test_a_couple_that_stands_still_for_a_beat_stops() -> None:
    lead, follow = demo_tracks("basic_side")
    beats = beats_of("basic_side", 0)
    still = (lead.times > beats[2]) & (lead.times < beats[6])
    first = int(still.argmax())
    lead, follow = (
        replace(track, xy=np.where(still[:, None, None], track.xy[first], track.xy)) for track in (lead, follow)
    )
    found = eight_content(TrackedCouple.of(lead, follow, SIZE), beats)
    assert (found.kind, found.effect) == ("accent", "stop")
    assert found.effect_s == pytest.approx(beats[2], abs=0.3)


def test_the_energy_of_an_eight_is_that_of_the_dancer_who_moves_more() -> None:
    lead, follow = demo_tracks("lady_right_turn")
    beats = beats_of("lady_right_turn", 0)
    energies = [eight_content(TrackedCouple.of(lead, follow, SIZE), beats).energy]
    for moved in (1.5, 0.0):
        of_follow = replace(follow, xy=follow.xy[:1] + moved * (follow.xy - follow.xy[:1]))
        energies.append(eight_content(TrackedCouple.of(lead, of_follow, SIZE), beats).energy)
    own, more, of_lead = (energy or 0.0 for energy in energies)
    assert more > 1.2 * own
    assert 0 < of_lead < own


def test_turns_are_unknown_where_a_dancer_is_hidden_for_most_of_the_eight() -> None:
    lead, follow = demo_tracks("lady_right_turn")
    hidden = replace(follow, tracked=follow.times < 1.0)
    found = eight_content(TrackedCouple.of(lead, hidden, SIZE), beats_of("lady_right_turn", 0))
    assert found.follow_turns is None
    assert found.lead_turns == pytest.approx(0, abs=0.12)
