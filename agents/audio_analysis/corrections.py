"""Apply a person's corrections to an analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean, median

import numpy as np

from agents.arrays import Floats
from agents.audio_analysis.beat_grid import tempo_bpm_of
from agents.audio_analysis.energy import level_of
from schemas.audio_analyzed import AudioAnalysis, Doubt, Section
from schemas.base import Corrections
from schemas.digits import distinct_text
from schemas.faults import Poison

_SAME_BEAT_BEATS = 0.5  # a detected beat that is nearer to a tapped beat than this is the same beat


@dataclass(frozen=True)
class _Beats:
    """The beats of a song: `times` (beats,): seconds, increasing; `counts` (beats,): 1-8."""

    times: tuple[float, ...]
    counts: tuple[int, ...]

    def where(self, mask: Sequence[bool]) -> _Beats:
        selected = [n for n, is_selected in zip(range(len(self.times)), mask, strict=True) if is_selected]
        return _Beats(tuple(self.times[n] for n in selected), tuple(self.counts[n] for n in selected))


def corrected(analysis: AudioAnalysis, corrections: Corrections) -> AudioAnalysis:
    """Return the analysis with `corrections` applied in the order of their fields: tempo, beats, count and beat offset.

    Section borders move to the nearest beat; energy keeps its time. What a person entered has confidence 1.
    Raises: `Poison` (`bad_corrections`) where tapped beats are outside the song, or fewer than two beats remain.
    """
    beats = _Beats(analysis.beats, analysis.counts)
    if corrections.tempo == "double":
        beats = _doubled(beats)
    if corrections.tempo == "half":
        beats = _halved(beats, [section.start_s for section in analysis.sections])
    if corrections.beats:
        beats = _tapped(beats, corrections, analysis.duration_s)
    beats = replace(beats, counts=tuple((c - 1 + corrections.count_offset) % 8 + 1 for c in beats.counts))
    beats = _moved(beats, corrections.beat_offset_ms / 1000, analysis.duration_s)
    if len(beats.times) < 2:
        raise Poison("with these corrections fewer than two beats remain; use fewer corrections", "bad_corrections")
    return _with_certainty(_on_beats(analysis, beats, corrections.beat_offset_ms / 1000), corrections)


def _doubled(beats: _Beats) -> _Beats:
    between = [(before + after) / 2 for before, after in pairwise(beats.times)]
    times = sorted([*beats.times, *(round(time, 4) for time in between)])
    first = [(2 * count - 2) % 8 + 1 for count in beats.counts]
    counts = [count + half for count in first for half in (0, 1)]
    return _Beats(tuple(times), tuple(counts[: len(times)]))


def _halved(beats: _Beats, starts_s: Sequence[float]) -> _Beats:
    """Return every second beat, so that bars still begin on one; the count restarts at a section that begins with 1."""
    downbeats = [n for n, count in enumerate(beats.counts) if count in {1, 5}] or [0]
    last_downbeat = np.maximum(np.searchsorted(downbeats, np.arange(len(beats.times)), side="right") - 1, 0)
    half = beats.where([bool((n - into) % 2 == 0) for n, into in enumerate(np.asarray(downbeats)[last_downbeat])])
    starts = set(starts_s)
    restarts = {time for time, count in zip(half.times, half.counts, strict=True) if count == 1 and time in starts}
    first = next((n for n, count in enumerate(half.counts) if count == 1), 0)
    counts = [(n - first) % 8 + 1 for n in range(first + 1)]
    for time in half.times[first + 1 :]:
        counts.append(1 if time in restarts else counts[-1] % 8 + 1)
    return replace(half, counts=tuple(counts))


def _tapped(beats: _Beats, corrections: Corrections, duration_s: float) -> _Beats:
    """Return the tapped beats, and the detected beats before and after them."""
    taps = corrections.beats
    if taps[-1] > duration_s:
        last_tap = distinct_text(taps[-1], round(duration_s, 1))
        raise Poison(
            f"the tapped beats end at {last_tap} s, the song at {duration_s:.1f} s: are they of this song?",
            "bad_corrections",
        )
    distance_s = _SAME_BEAT_BEATS * min(median(np.diff(times).tolist()) for times in (taps, beats.times))
    before = beats.where([time < taps[0] - distance_s for time in beats.times])
    after = beats.where([time > taps[-1] + distance_s for time in beats.times])
    counts = corrections.counts or tuple(n % 8 + 1 for n in range(len(taps)))
    return _Beats(before.times + taps + after.times, before.counts + counts + after.counts)


def _moved(beats: _Beats, by_s: float, duration_s: float) -> _Beats:
    moved = replace(beats, times=tuple(round(time + by_s, 4) for time in beats.times))
    return moved.where([0 <= time <= duration_s for time in moved.times])


def _on_beats(analysis: AudioAnalysis, beats: _Beats, moved_s: float) -> AudioAnalysis:
    energy = np.round(np.interp(beats.times, analysis.beats, analysis.energy), 4)
    tempo_bpm = tempo_bpm_of(np.asarray(beats.times))
    end_s = analysis.music_end_s
    return analysis.model_copy(
        update={
            "tempo_bpm": round(tempo_bpm, 3),
            "music_start_s": min(analysis.music_start_s, beats.times[0]),  # a person may tap where no music was found
            "music_end_s": None if end_s is None else max(end_s, beats.times[-1]),
            "beats": beats.times,
            "counts": beats.counts,
            "downbeats": tuple(t for t, count in zip(beats.times, beats.counts, strict=True) if count in {1, 5}),
            "sections": _snapped(analysis, np.asarray(beats.times), moved_s),
            "doubts": tuple(_moved_doubt(doubt, moved_s, analysis.duration_s) for doubt in analysis.doubts),
            "energy": tuple(energy.tolist()),
            "energy_level": level_of(energy, tempo_bpm),
        }
    )


def _snapped(analysis: AudioAnalysis, beats: Floats, moved_s: float) -> tuple[Section, ...]:
    """Return the sections, each starting on the beat nearest to its start, without those that contain no beat."""
    nearest = [float(beats[np.abs(beats - section.start_s - moved_s).argmin()]) for section in analysis.sections[1:]]
    edges = pairwise([0.0, *nearest, analysis.duration_s])
    return tuple(
        section.model_copy(update={"start_s": start, "end_s": end})
        for section, (start, end) in zip(analysis.sections, edges, strict=True)
        if start < end
    )


def _moved_doubt(doubt: Doubt, by_s: float, duration_s: float) -> Doubt:
    """Return the doubt moved by `by_s`; what is at the start or the end of the song stays there."""
    start, end = (time if time in {0.0, duration_s} else time + by_s for time in (doubt.start_s, doubt.end_s))
    return doubt.model_copy(update={"start_s": max(start, 0.0), "end_s": min(end, duration_s)})


def _with_certainty(analysis: AudioAnalysis, corrections: Corrections) -> AudioAnalysis:
    """Return the analysis with confidence 1 where a person tapped, and in the 1 if a person moved it."""
    sections = tuple(
        section.model_copy(update={"confidence": 1.0}) if _is_tapped(section, corrections) else section
        for section in analysis.sections
    )
    counted = corrections.count_offset != 0
    kinds = {kind: getattr(analysis, kind) for kind in ("beat_confidence", "downbeat_confidence", "count_confidence")}
    taps = corrections.beats
    share = fmean(taps[0] <= beat <= taps[-1] for beat in analysis.beats) if taps else 0.0
    by_kind = {kind: 1.0 if counted and kind != "beat_confidence" else c + share * (1 - c) for kind, c in kinds.items()}
    doubts = (d for d in analysis.doubts if not _is_tapped(d, corrections) and (d.about == "beats" or not counted))
    beats = [sum(s.start_s <= beat < s.end_s for beat in analysis.beats) for s in sections]
    confidence = fmean([s.confidence for s in sections], beats)
    update = {"sections": sections, "doubts": tuple(doubts), "confidence": round(confidence, 4)}
    return analysis.model_copy(update=update | {kind: round(value, 4) for kind, value in by_kind.items()})


def _is_tapped(part: Section | Doubt, corrections: Corrections) -> bool:
    """Return whether more than half of the part lies between the first and the last tapped beat."""
    first, last = (*corrections.beats[:1], *corrections.beats[-1:]) or (0.0, 0.0)
    return min(part.end_s, last) - max(part.start_s, first) > 0.5 * (part.end_s - part.start_s)
