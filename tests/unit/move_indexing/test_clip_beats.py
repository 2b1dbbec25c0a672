from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.move_indexing.clip_beats import choose_beats, clip_beats_of, extend_beats
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import MediaFacts
from schemas.faults import Poison
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import WINDOW_EDGE_S, Window
from tests.unit.media.media_builders import MakeClip


def _facts(duration_s: float = 3.0, *, has_audio: bool = True) -> MediaFacts:
    return MediaFacts(
        sha256="0" * 64, size_bytes=1, kind="video", format="mov", codec="h264", duration_s=duration_s,
        width=320, height=240, fps=30.0, has_audio=has_audio,
    )  # fmt: skip


def _whole(duration_s: float) -> tuple[Window, ...]:
    return (Window(start_s=0.0, end_s=duration_s),)


def _annotated(tempo_bpm: float) -> MoveAnnotation:
    return MoveAnnotation(move="basic", tempo_bpm=tempo_bpm)


@given(
    start=st.floats(0, 20), period=st.floats(0.25, 1.0), count=st.integers(1, 8), n=st.integers(0, 40),
    duration=st.floats(2, 30),
)  # fmt: skip
def test_beats_cover_the_clip_and_counts_continue(
    start: float, period: float, count: int, n: int, duration: float
) -> None:
    beats = [start + i * period for i in range(n)]
    counts = [(count + i - 1) % 8 + 1 for i in range(n)]
    extended, extended_counts = extend_beats(beats, counts, period, _whole(duration))
    assert all(0 <= beat < duration + WINDOW_EDGE_S + 1e-4 for beat in extended)
    assert extended[0] <= period + 1e-4
    assert extended[-1] >= duration - period - 1e-4
    assert np.all(np.diff(extended) > 0)
    assert all(b == a % 8 + 1 for a, b in pairwise(extended_counts))
    inside = [(round(beat, 4), c) for beat, c in zip(beats, counts, strict=True) if beat < duration]
    assert set(inside) <= set(zip(extended, extended_counts, strict=True))


def test_a_silent_clip_has_beats_at_the_annotated_tempo(clip: MakeClip) -> None:
    clip_beats = clip_beats_of(clip(), _facts(has_audio=False), 120.0, _whole(2.9))
    assert clip_beats.beats == (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)
    assert clip_beats.counts == (1, 2, 3, 4, 5, 6)
    assert clip_beats.audio is None
    assert "annotated 120 bpm" in clip_beats.warnings[0]


def test_without_sound_and_tempo_a_clip_is_refused(clip: MakeClip) -> None:
    with pytest.raises(Poison, match="annotate tempo_bpm") as fault:
        clip_beats_of(clip(), _facts(has_audio=False), None, _whole(3.0))
    assert fault.value.reason == "no_tempo"


def test_beats_come_from_the_sound(clip: MakeClip) -> None:
    path = clip(seconds=8.0, fps=10, click_bpm=120)
    clip_beats = clip_beats_of(path, _facts(8.0), 90.0, _whole(8.0))
    assert clip_beats.tempo_bpm == pytest.approx(120, rel=0.02)
    errors_s = [min(abs(beat - k * 0.5) for k in range(17)) for beat in clip_beats.beats]
    assert np.median(errors_s) < 0.03
    assert clip_beats.audio is not None
    assert len(clip_beats.audio) == 128
    assert "annotated tempo is 90 bpm" in clip_beats.warnings[0]


def _analysis(tempo_bpm: float, confidence: float) -> AudioAnalysis:
    beats = tuple(0.2 + i * 60 / tempo_bpm for i in range(8))
    return AudioAnalysis(
        duration_s=8.0, tempo_bpm=tempo_bpm, beats=beats, counts=tuple(range(1, 9)), downbeats=beats[::4], sections=(),
        energy=(0.5,) * 8, energy_level="medium", confidence=confidence, beat_confidence=confidence,
        embedding=(1.0, *(0.0,) * 127),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("confidence", "annotated_bpm", "expected_bpm", "warning"),
    [
        (0.9, None, 120, ""),
        (0.9, 90, 120, "the detected tempo is used"),
        (0.0, None, 120, "uncertain"),
        (0.0, 118, 120, ""),  # uncertain, but the annotation agrees
        (0.0, 90, 90, "annotated 90 bpm"),
    ],
)
def test_the_annotated_tempo_replaces_an_uncertain_one(
    confidence: float, annotated_bpm: float | None, expected_bpm: float, warning: str
) -> None:
    clip_beats = choose_beats(_analysis(120, confidence), annotated_bpm, _whole(8.0))
    assert clip_beats.tempo_bpm == expected_bpm
    assert clip_beats.audio is not None
    assert (warning in clip_beats.warnings[0]) if warning else clip_beats.warnings == ()
