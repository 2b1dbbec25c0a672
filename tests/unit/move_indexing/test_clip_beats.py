from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.move_indexing.clip_beats import choose, clip_beats_of, covering
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import MediaFacts
from schemas.faults import Poison
from schemas.move_submitted import MoveAnnotation
from tests.unit.media.media_builders import MakeClip


def _facts(duration_s: float = 3.0, *, has_audio: bool = True) -> MediaFacts:
    return MediaFacts(
        sha256="0" * 64, size_bytes=1, kind="video", format="mov", codec="h264", duration_s=duration_s,
        width=320, height=240, fps=30.0, has_audio=has_audio,
    )  # fmt: skip


@given(
    start=st.floats(0, 20), period=st.floats(0.25, 1.0), count=st.integers(1, 8), n=st.integers(0, 40),
    duration=st.floats(2, 30),
)  # fmt: skip
def test_beats_cover_the_clip_and_counts_go_on(
    start: float, period: float, count: int, n: int, duration: float
) -> None:
    beats = [start + i * period for i in range(n)]
    counts = [(count + i - 1) % 8 + 1 for i in range(n)]
    got, counted = covering(beats, counts, period, duration)
    assert all(0 <= beat < duration + 1e-4 for beat in got)
    assert got[0] <= period + 1e-4
    assert got[-1] >= duration - period - 1e-4
    assert np.all(np.diff(got) > 0)
    assert all(b == a % 8 + 1 for a, b in pairwise(counted))
    inside = [(round(beat, 4), c) for beat, c in zip(beats, counts, strict=True) if beat < duration]
    assert set(inside) <= set(zip(got, counted, strict=True))


def test_a_silent_clip_follows_its_annotation(clip: MakeClip) -> None:
    grid = clip_beats_of(clip(), _facts(has_audio=False), MoveAnnotation(move="basic", tempo_bpm=120))
    assert grid.beats == (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)
    assert grid.counts == (1, 2, 3, 4, 5, 6)
    assert grid.audio is None
    assert "annotated 120 bpm" in grid.warnings[0]


@pytest.mark.parametrize("annotation", [None, MoveAnnotation(move="basic")])
def test_without_sound_and_tempo_a_clip_is_refused(clip: MakeClip, annotation: MoveAnnotation | None) -> None:
    with pytest.raises(Poison, match="annotate tempo_bpm") as fault:
        clip_beats_of(clip(), _facts(has_audio=False), annotation)
    assert fault.value.reason == "no_tempo"


def test_beats_are_heard_where_there_is_sound(clip: MakeClip) -> None:
    path = clip(seconds=8.0, fps=10, click_bpm=120)
    grid = clip_beats_of(path, _facts(8.0), MoveAnnotation(move="basic", tempo_bpm=90))
    assert grid.tempo_bpm == pytest.approx(120, rel=0.02)
    off = [min(abs(beat - k * 0.5) for k in range(17)) for beat in grid.beats]
    assert np.median(off) < 0.03
    assert grid.audio is not None
    assert len(grid.audio) == 128
    assert "90 by its annotation" in grid.warnings[0]


def _analysis(tempo_bpm: float, confidence: float) -> AudioAnalysis:
    beats = tuple(0.2 + i * 60 / tempo_bpm for i in range(8))
    return AudioAnalysis(
        duration_s=8.0, tempo_bpm=tempo_bpm, beats=beats, counts=tuple(range(1, 9)), downbeats=beats[::4], sections=(),
        energy=(0.5,) * 8, energy_level="medium", confidence=confidence, beat_confidence=confidence,
        embedding=(1.0, *(0.0,) * 127),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("confidence", "said", "tempo", "warning"),
    [
        (0.9, None, 120, ""),
        (0.9, 90, 120, "the sound is followed"),
        (0.0, None, 120, "uncertain"),
        (0.0, 118, 120, ""),  # uncertain, but a person says the same
        (0.0, 90, 90, "annotated 90 bpm"),
    ],
)
def test_an_uncertain_sound_yields_to_a_person(
    confidence: float, said: float | None, tempo: float, warning: str
) -> None:
    grid = choose(_analysis(120, confidence), said, 8.0)
    assert grid.tempo_bpm == tempo
    assert grid.audio is not None
    assert (warning in grid.warnings[0]) if warning else grid.warnings == ()
