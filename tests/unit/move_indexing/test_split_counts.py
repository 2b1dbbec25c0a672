"""Tests of the counts by which recordings are cut: those of the dancers' steps."""

from __future__ import annotations

import pytest

from agents.move_indexing.dancers.detections import Detection, FrameDetections
from agents.move_indexing.split.recording import Analyzed
from schemas.base import MediaFacts
from tests.unit.move_indexing.bodies import BLUE, RED
from tests.unit.move_indexing.demo_steps import demo_steps
from tests.unit.move_scoring.builders import make_analysis

_FACTS = MediaFacts(
    sha256="0" * 64, size_bytes=1, kind="video", format="mov", codec="h264", duration_s=9.0,
    width=960, height=540, fps=30.0, has_audio=True,
)  # fmt: skip


def _analyzed(later: int, clip: str = "basic_side") -> Analyzed:
    """Return the demo clip as a recording, its sound counted too late by some counts."""
    steps = demo_steps(clip)
    lead, follow = steps.dance.lead, steps.dance.follow
    frames = tuple(
        FrameDetections(float(time_s), (Detection(*one, RED), Detection(*two, BLUE)))
        for time_s, one, two in zip(
            lead.times, zip(lead.xy, lead.world, strict=True), zip(follow.xy, follow.world, strict=True), strict=True
        )
    )
    counts = [(count - 1 + later) % 8 + 1 for count in steps.counts]
    return Analyzed(_FACTS, (make_analysis(counts, beats=steps.beats, tempo_bpm=126.0),), frames)


@pytest.mark.parametrize("later", [0, 4, 5])
def test_a_recording_is_counted_by_the_steps_of_its_dancers(later: int) -> None:
    assert tuple(_analyzed(later).pieces[0].counts.tolist()) == demo_steps("basic_side").counts


def test_a_recording_whose_steps_are_unsure_is_counted_by_its_sound() -> None:
    analyzed = _analyzed(3, "shadow_position")
    assert tuple(analyzed.pieces[0].counts.tolist()) == analyzed.music[0].counts


def test_a_recording_without_dancers_is_counted_by_its_sound() -> None:
    analyzed = Analyzed(_FACTS, _analyzed(4).music, ())
    assert tuple(analyzed.pieces[0].counts.tolist()) == analyzed.music[0].counts
