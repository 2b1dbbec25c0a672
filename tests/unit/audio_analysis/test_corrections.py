"""A person's corrections, applied to an analysis."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agents.audio_analysis.corrections import corrected
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import Corrections
from schemas.faults import Poison

PERIOD_S = 0.5
SONG_S = 30.0


def detected(beats: int = 56, first_s: float = 1.0) -> AudioAnalysis:
    """Return an analysis at 120 BPM: an intro of 16 beats, a break of 4, a verse up to the end."""
    times = [first_s + PERIOD_S * n for n in range(beats)]
    counts = [n % 8 + 1 for n in range(16)] + [1, 2, 3, 4] + [n % 8 + 1 for n in range(beats - 20)]
    edges = [0.0, times[16], times[20], SONG_S]
    parts = (("intro", "none", 0.2), ("break", "none", 0.4), ("verse", "derecho", 0.9))
    return AudioAnalysis.model_validate(
        {
            "duration_s": SONG_S,
            "tempo_bpm": 120.0,
            "beats": times,
            "counts": counts,
            "downbeats": [time for time, count in zip(times, counts, strict=True) if count in {1, 5}],
            "sections": [
                {"start_s": a, "end_s": b, "label": label, "rhythm": rhythm, "repeat_group": n, "confidence": sure}
                for n, ((a, b), (label, rhythm, sure)) in enumerate(zip(pairwise(edges), parts, strict=True))
            ],
            "energy": np.linspace(0.1, 0.9, beats).round(4).tolist(),
            "energy_level": "medium",
            "confidence": 0.6,
            "beat_confidence": 0.6,
            "downbeat_confidence": 0.5,
            "count_confidence": 0.4,
            "doubts": [
                {"start_s": 0.0, "end_s": edges[1], "about": "beats"},
                {"start_s": edges[2], "end_s": SONG_S, "about": "counts"},
            ],
            "embedding": [1.0] + [0.0] * 127,
        }
    )


def detected_with(**corrections: Any) -> AudioAnalysis:
    return corrected(detected(), Corrections(**corrections))


def test_empty_corrections_change_nothing() -> None:
    analysis = detected().model_copy(update={"confidence": 0.6643})
    assert corrected(analysis, Corrections()) == analysis


def test_an_offset_moves_beats_downbeats_and_sections_and_leaves_counts() -> None:
    plain, moved = detected(), detected_with(beat_offset_ms=-120)
    assert moved.beats == pytest.approx([beat - 0.12 for beat in plain.beats])
    assert moved.counts == plain.counts
    assert moved.downbeats == pytest.approx([beat - 0.12 for beat in plain.downbeats])
    assert [doubt.start_s for doubt in moved.doubts] == pytest.approx([0.0, plain.doubts[1].start_s - 0.12])
    assert [s.start_s for s in moved.sections[1:]] == pytest.approx([s.start_s - 0.12 for s in plain.sections[1:]])
    assert moved.tempo_bpm == pytest.approx(120)


@pytest.mark.parametrize("offset_ms", [-1000.0, 600.0, 1000.0])
def test_beats_moved_out_of_the_song_are_removed(offset_ms: float) -> None:
    moved = corrected(detected(beats=59, first_s=0.5), Corrections(beat_offset_ms=offset_ms))
    assert all(0 <= beat <= SONG_S for beat in moved.beats)
    assert 56 <= len(moved.beats) < 59 + (offset_ms < 600)


def test_a_count_offset_makes_the_five_the_one() -> None:
    plain, moved = detected(), detected_with(count_offset=4)
    assert [c for c, was in zip(moved.counts, plain.counts, strict=True) if was == 5] == [1] * plain.counts.count(5)
    assert moved.downbeats == plain.downbeats
    assert (moved.downbeat_confidence, moved.count_confidence) == (1.0, 1.0)
    assert [doubt.about for doubt in moved.doubts] == ["beats"]


def test_a_count_offset_by_one_moves_the_downbeats_by_one_beat() -> None:
    plain, moved = detected(), detected_with(count_offset=-1)
    assert set(moved.downbeats) - {plain.beats[-1]} <= {beat + PERIOD_S for beat in plain.downbeats}


def test_double_tempo_keeps_every_beat_and_every_one() -> None:
    plain, twice = detected(), detected_with(tempo="double")
    assert twice.tempo_bpm == pytest.approx(240)
    assert twice.beats[::2] == plain.beats
    ones = {beat for beat, count in zip(twice.beats, twice.counts, strict=True) if count == 1}
    assert ones == set(plain.downbeats)
    assert twice.counts[:9] == (1, 2, 3, 4, 5, 6, 7, 8, 1)


def test_half_tempo_begins_bars_on_downbeats_and_restarts_the_count_with_a_section() -> None:
    plain, half = detected(), detected_with(tempo="half")
    assert half.tempo_bpm == pytest.approx(60)
    assert set(half.beats) <= set(plain.beats)
    assert half.counts[:14] == (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 1, 2, 3, 4)
    assert half.beats[8] == plain.sections[1].start_s
    assert half.beats[10] == plain.sections[2].start_s


def test_halving_doubled_beats_restores_them() -> None:
    assert corrected(detected_with(tempo="double"), Corrections(tempo="half")).beats == detected().beats


def test_tapped_beats_replace_the_detected_ones_between_the_first_and_the_last_tap() -> None:
    taps = tuple(round(0.8 + 0.52 * n, 4) for n in range(16))
    plain, tapped = detected(), detected_with(beats=taps)
    assert tapped.beats[:16] == taps
    assert tapped.counts[:16] == tuple(n % 8 + 1 for n in range(16))
    after = [beat for beat in plain.beats if beat > taps[-1] + 0.26]
    assert list(tapped.beats[16:]) == after
    assert tapped.counts[16:] == plain.counts[-len(after) :]


def test_tapped_sections_have_confidence_1() -> None:
    tapped = detected_with(beats=tuple(1.0 + 0.5 * n for n in range(16)))
    assert [section.confidence for section in tapped.sections] == [1.0, 0.4, 0.9]
    assert [doubt.about for doubt in tapped.doubts] == ["counts"]
    assert tapped.beat_confidence > detected().beat_confidence
    assert tapped.confidence > detected().confidence


def test_counts_of_tapped_beats_are_used() -> None:
    tapped = detected_with(beats=(2.0, 2.5, 3.0), counts=(7, 8, 1))
    first = tapped.beats.index(2.0)
    assert tapped.counts[first : first + 3] == (7, 8, 1)


def test_taps_of_a_whole_song_replace_all_beats() -> None:
    taps = tuple(0.3 + 0.45 * n for n in range(65))
    tapped = detected_with(beats=taps, beat_offset_ms=50, count_offset=2)
    assert tapped.beats == pytest.approx([tap + 0.05 for tap in taps])
    assert tapped.counts[:3] == (3, 4, 5)
    assert tapped.tempo_bpm == pytest.approx(60 / 0.45, rel=1e-3)
    assert (tapped.confidence, tapped.doubts) == (1.0, ())


@pytest.mark.parametrize("beats", [(SONG_S - 1, SONG_S + 1), (SONG_S + 5, SONG_S + 6)])
def test_taps_after_the_end_of_the_song_are_refused(beats: tuple[float, ...]) -> None:
    with pytest.raises(Poison, match="are they of this song") as refused:
        detected_with(beats=beats)
    assert refused.value.reason == "bad_corrections"


def test_corrections_that_leave_fewer_than_two_beats_are_refused() -> None:
    short = detected(beats=21).model_copy(update={"duration_s": 2.0, "beats": (0.1, 0.6), "counts": (1, 2)})
    with pytest.raises(Poison, match="fewer than two beats"):
        corrected(short.model_copy(update={"energy": (0.5, 0.5)}), Corrections(beat_offset_ms=-500))


@pytest.mark.parametrize(
    "wrong",
    [
        {"beats": (1.0,)},
        {"beats": (2.0, 1.0)},
        {"beats": (1.0, 1.1)},
        {"beats": (1.0, float("nan"))},
        {"beats": (-1.0, 1.0)},
        {"beats": (1.0, 5.0)},
        {"beats": tuple(range(10)), "counts": (1,) * 10},
        {"beats": (1.0, 2.0), "counts": (1,)},
        {"beats": (1.0, 2.0), "counts": (1, 9)},
        {"counts": (1, 2)},
        {"count_offset": 8},
        {"beat_offset_ms": float("inf")},
        {"tempo": "triple"},
    ],
    ids=str,
)
def test_invalid_corrections_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Corrections.model_validate(wrong)


@st.composite
def _corrections(draw: st.DrawFn) -> Corrections:
    steps = draw(st.lists(st.floats(0.16, 2.0), max_size=40))
    taps = draw(st.floats(0, SONG_S / 2)) + np.cumsum(np.array([0.0, *steps]) + 1e-9)
    taps = taps[taps < SONG_S].round(6) if len(steps) else np.zeros(0)
    first = draw(st.integers(0, 7))
    return Corrections(
        counts=tuple((first + n) % 8 + 1 for n in range(len(taps))) if first and len(taps) > 1 else (),
        tempo=draw(st.sampled_from([None, "half", "double"])),
        beats=tuple(taps.tolist()) if len(taps) > 1 else (),
        count_offset=draw(st.integers(-7, 7)),
        beat_offset_ms=draw(st.floats(-1000, 1000)),
    )


@given(corrections=_corrections())
def test_any_corrections_give_a_valid_analysis(corrections: Corrections) -> None:
    found = corrected(detected(), corrections)
    assert AudioAnalysis.model_validate_json(found.model_dump_json()) == found
    assert all(0 <= beat <= SONG_S for beat in found.beats)
    pairs = zip(found.beats, found.counts, strict=True)
    assert found.downbeats == tuple(beat for beat, count in pairs if count in {1, 5})
    sections = found.sections
    assert (sections[0].start_s, sections[-1].end_s) == (0.0, SONG_S)
    assert all(a.end_s == b.start_s for a, b in pairwise(sections))
    assert all(0 <= doubt.start_s < doubt.end_s <= SONG_S for doubt in found.doubts)
