"""Tests of the counts of a clip's beats: by the annotation, by the steps, or by the sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from agents.move_indexing.clip_beats import ClipBeats, extend_beats
from agents.move_indexing.clip_counts import counted
from agents.move_indexing.dancers.dance import Dance
from agents.move_indexing.dancers.tracks import Track
from agents.playable import COUNT_SURE
from schemas.move_indexed import Window
from tests.unit.move_indexing.demo_steps import DemoSteps, demo_steps

_CLIP = "basic_side"
_WINDOWS = (Window(start_s=0.0, end_s=8.6),)


def _with_sound(steps: DemoSteps, later: int, downbeat_confidence: float = 0.5) -> ClipBeats:
    """Return the beats as the sound's analysis finds them, with counts that are too late by some counts."""
    counts = tuple((count - 1 + later) % 8 + 1 for count in steps.counts)
    return ClipBeats(126.0, steps.beats, counts, downbeat_confidence=downbeat_confidence)


def _without_sound(windows: Sequence[Window] = _WINDOWS, tempo_bpm: float = 126.0) -> ClipBeats:
    beats, counts = extend_beats((), (), 60 / tempo_bpm, windows)
    warnings = ("from the first frame on",)
    return ClipBeats(tempo_bpm, beats, counts, warnings=warnings, no_beats_reason="the clip has no sound")


@pytest.mark.parametrize("later", [0, 1, 4, 6])
def test_the_steps_decide_which_beats_are_1_and_5(later: int) -> None:
    steps = demo_steps(_CLIP)
    found = counted(_with_sound(steps, later), steps.dance, _WINDOWS, None)
    assert found.counts == steps.counts
    assert found.count_confidence > COUNT_SURE


def test_the_annotated_1_decides_against_the_steps() -> None:
    steps = demo_steps(_CLIP)
    found = counted(_with_sound(steps, 0), steps.dance, _WINDOWS, steps.beats[4] + 0.1)
    assert (found.counts[4], found.counts[0], found.count_confidence) == (1, 5, 1.0)
    assert found.beats == steps.beats


@pytest.mark.parametrize(
    ("first_one_s", "problem"), [(9.5, "the clip has no picture at 9.5 s"), (0.0, "no beat of the clip is within half")]
)
def test_an_annotated_time_that_cannot_be_a_1_is_not_used_with_a_warning(first_one_s: float, problem: str) -> None:
    steps = demo_steps(_CLIP)
    found = counted(_with_sound(steps, 4), steps.dance, _WINDOWS, first_one_s)
    assert found.counts == steps.counts
    assert found.warnings[-1].startswith(f"the annotated count 1 is not used: {problem}")


def test_beats_that_are_not_in_the_sound_are_where_the_steps_are() -> None:
    steps = demo_steps(_CLIP)
    found = counted(_without_sound(), steps.dance, _WINDOWS, None)
    ones = [beat for beat, count in zip(found.beats, found.counts, strict=True) if count == 1]
    assert ones == pytest.approx([0.4, 4.21, 8.02], abs=0.15)
    assert found.count_confidence > COUNT_SURE
    assert "the dancers' steps" in found.warnings[0]


@pytest.mark.parametrize("tempo_bpm", [118.0, 160.0])
@pytest.mark.parametrize("start_s", [0.0, 1.6])
def test_a_first_beat_just_before_the_first_picture_is_on_it(tempo_bpm: float, start_s: float) -> None:
    dance = _faster(demo_steps("body_roll").dance, tempo_bpm / 118.0, start_s)
    windows = (Window(start_s=start_s, end_s=start_s + 8.9667 * 118 / tempo_bpm),)
    found = counted(_without_sound(windows, tempo_bpm), dance, windows, None)
    assert (len(found.beats), found.beats[0], found.counts[:3]) == (18, start_s, (8, 1, 2))
    assert found.beats[1:3] == pytest.approx([start_s + beat * 60 / tempo_bpm for beat in (0.95, 1.95)], abs=0.001)


def test_beats_that_are_not_in_the_sound_are_where_the_annotated_1_is() -> None:
    found = counted(_without_sound(), demo_steps(_CLIP).dance, _WINDOWS, 3.21)
    first = found.counts.index(1)
    assert found.beats[first + 8 if found.beats[first] < 3 else first] == pytest.approx(3.21, abs=0.001)
    assert found.count_confidence == 1.0
    assert "the annotated count 1" in found.warnings[0]


def test_without_steps_the_count_of_the_sound_stays_and_is_unsure() -> None:
    steps = demo_steps(_CLIP)
    still = _still(steps.dance.lead)
    with_sound = _with_sound(steps, 4)
    found = counted(with_sound, replace(steps.dance, lead=still, follow=still), _WINDOWS, None)
    assert found.counts == with_sound.counts
    assert found.count_confidence < COUNT_SURE


def test_without_steps_the_beats_begin_at_the_first_frame() -> None:
    dance = demo_steps(_CLIP).dance
    still = _still(dance.lead)
    windows = (Window(start_s=1.6, end_s=8.6),)
    without_sound = _without_sound(windows)
    found = counted(without_sound, replace(dance, lead=still, follow=still), windows, None)
    assert found == without_sound
    assert (found.beats[0], found.counts[0]) == (1.6, 1)


def test_a_count_of_wrong_beats_is_unsure() -> None:
    steps = demo_steps(_CLIP)
    beats = tuple(np.arange(0.4, 8.4, 60 / 252).tolist())
    with_sound = ClipBeats(252.0, beats, tuple(n % 8 + 1 for n in range(len(beats))), downbeat_confidence=1.0)
    assert counted(with_sound, steps.dance, _WINDOWS, None).count_confidence < COUNT_SURE


def test_one_tracked_dancer_tells_the_count_with_less_confidence() -> None:
    steps = demo_steps(_CLIP)
    untracked = replace(steps.dance.follow, tracked=np.zeros_like(steps.dance.follow.tracked))
    alone = replace(steps.dance, follow=untracked, lead_confidence=0.6)
    found = counted(_with_sound(steps, 4), alone, _WINDOWS, None)
    assert found.counts == steps.counts
    assert found.count_confidence == pytest.approx(0.6, abs=0.02)


def test_where_the_lead_may_be_the_follow_a_1_may_be_a_5() -> None:
    steps = demo_steps(_CLIP)
    found = counted(_with_sound(steps, 0), replace(steps.dance, lead_confidence=0.7), _WINDOWS, None)
    assert found.count_confidence == pytest.approx(0.7, abs=0.02)


def test_a_couple_that_steps_with_the_same_foot_leaves_1_and_5_open() -> None:
    steps = demo_steps("shadow_position")
    found = counted(_with_sound(steps, 0), steps.dance, _WINDOWS, None)
    assert found.count_confidence < COUNT_SURE


def _faster(dance: Dance, factor: float, start_s: float) -> Dance:
    lead, follow = (replace(each, times=each.times / factor + start_s) for each in (dance.lead, dance.follow))
    return replace(dance, lead=lead, follow=follow)


def _still(track: Track) -> Track:
    return replace(track, xy=np.broadcast_to(track.xy[0], track.xy.shape), world=np.zeros_like(track.world))
