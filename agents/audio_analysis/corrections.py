"""An analysis and what a person knows better go in; the analysis as that person hears it comes out."""

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
from schemas.faults import Poison

_JOIN = 0.5  # of a beat: nearer to a tapped beat than that, a found one is the same


@dataclass(frozen=True)
class _Beats:
    """Seconds, increasing, and the count 1-8 of each."""

    times: tuple[float, ...]
    counts: tuple[int, ...]

    def where(self, kept: Sequence[bool]) -> _Beats:
        pairs = [pair for pair, keep in zip(zip(self.times, self.counts, strict=True), kept, strict=True) if keep]
        return _Beats(tuple(time for time, _ in pairs), tuple(count for _, count in pairs))


def corrected(analysis: AudioAnalysis, corrections: Corrections) -> AudioAnalysis:
    """The analysis with `corrections` applied in the order that they name.

    Sections keep to the nearest beat, energy to its moment. What a person said is certain. Raises `Poison`
    (`bad_corrections`) where tapped beats lie outside the song, or fewer than two beats are left.
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
        raise Poison("with these corrections fewer than two beats are left; give fewer", "bad_corrections")
    return _said_by_a_person(_on_beats(analysis, beats, corrections.beat_offset_ms / 1000), corrections)


def _doubled(beats: _Beats) -> _Beats:
    between = [(before + after) / 2 for before, after in pairwise(beats.times)]
    times = sorted([*beats.times, *(round(time, 4) for time in between)])
    first = [(2 * count - 2) % 8 + 1 for count in beats.counts]
    counts = [count + half for count in first for half in (0, 1)]
    return _Beats(tuple(times), tuple(counts[: len(times)]))


def _halved(beats: _Beats, starts_s: Sequence[float]) -> _Beats:
    """Every second beat, so that bars still begin on one; where a section begins with a 1 the count begins anew."""
    down = [n for n, count in enumerate(beats.counts) if count in {1, 5}] or [0]
    nearest = np.asarray(down)[np.maximum(np.searchsorted(down, np.arange(len(beats.times)), side="right") - 1, 0)]
    kept = beats.where([bool((n - into) % 2 == 0) for n, into in enumerate(nearest)])
    starts = set(starts_s)
    fresh = {time for time, count in zip(kept.times, kept.counts, strict=True) if count == 1 and time in starts}
    first = next((n for n, count in enumerate(kept.counts) if count == 1), 0)
    counts = [(n - first) % 8 + 1 for n in range(first + 1)]
    for time in kept.times[first + 1 :]:
        counts.append(1 if time in fresh else counts[-1] % 8 + 1)
    return replace(kept, counts=tuple(counts))


def _tapped(beats: _Beats, corrections: Corrections, duration_s: float) -> _Beats:
    """The tapped beats where there are any, the found ones before and after."""
    taps = corrections.beats
    if taps[-1] > duration_s:
        raise Poison(
            f"the tapped beats end at {taps[-1]:.1f} s, the song at {duration_s:.1f} s: are they of this song?",
            "bad_corrections",
        )
    slack = _JOIN * min(median(np.diff(times).tolist()) for times in (taps, beats.times))
    before = beats.where([time < taps[0] - slack for time in beats.times])
    after = beats.where([time > taps[-1] + slack for time in beats.times])
    counts = corrections.counts or tuple(n % 8 + 1 for n in range(len(taps)))
    return _Beats(before.times + taps + after.times, before.counts + counts + after.counts)


def _moved(beats: _Beats, by_s: float, duration_s: float) -> _Beats:
    moved = replace(beats, times=tuple(round(time + by_s, 4) for time in beats.times))
    return moved.where([0 <= time <= duration_s for time in moved.times])


def _on_beats(analysis: AudioAnalysis, beats: _Beats, moved_s: float) -> AudioAnalysis:
    energy = np.round(np.interp(beats.times, analysis.beats, analysis.energy), 4)
    tempo_bpm = tempo_bpm_of(np.asarray(beats.times))
    return analysis.model_copy(
        update={
            "tempo_bpm": round(tempo_bpm, 3),
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
    """Each section from the beat nearest to its start to that of the next; one that no beat is left for is left out."""
    nearest = [float(beats[np.abs(beats - section.start_s - moved_s).argmin()]) for section in analysis.sections[1:]]
    edges = pairwise([0.0, *nearest, analysis.duration_s])
    return tuple(
        section.model_copy(update={"start_s": start, "end_s": end})
        for section, (start, end) in zip(analysis.sections, edges, strict=True)
        if start < end
    )


def _moved_doubt(doubt: Doubt, by_s: float, duration_s: float) -> Doubt:
    """From and to the ends of a song it reaches as before."""
    start, end = (time if time in {0.0, duration_s} else time + by_s for time in (doubt.start_s, doubt.end_s))
    return doubt.model_copy(update={"start_s": max(start, 0.0), "end_s": min(end, duration_s)})


def _said_by_a_person(analysis: AudioAnalysis, corrections: Corrections) -> AudioAnalysis:
    """What a person tapped is certain, and so is the 1 that a person moved."""
    sections = tuple(
        section.model_copy(update={"confidence": 1.0}) if _covered(section, corrections) else section
        for section in analysis.sections
    )
    counted = corrections.count_offset != 0
    kinds = {kind: getattr(analysis, kind) for kind in ("beat_confidence", "downbeat_confidence", "count_confidence")}
    taps = corrections.beats
    share = fmean(taps[0] <= beat <= taps[-1] for beat in analysis.beats) if taps else 0.0
    sure = {kind: 1.0 if counted and kind != "beat_confidence" else c + share * (1 - c) for kind, c in kinds.items()}
    doubts = (d for d in analysis.doubts if not _covered(d, corrections) and (d.about == "beats" or not counted))
    beats = [sum(s.start_s <= beat < s.end_s for beat in analysis.beats) for s in sections]
    whole = fmean([s.confidence for s in sections], beats)
    told = {"sections": sections, "doubts": tuple(doubts), "confidence": round(whole, 4)}
    return analysis.model_copy(update=told | {kind: round(value, 4) for kind, value in sure.items()})


def _covered(part: Section | Doubt, corrections: Corrections) -> bool:
    """Whether most of it was tapped."""
    first, last = (*corrections.beats[:1], *corrections.beats[-1:]) or (0.0, 0.0)
    return min(part.end_s, last) - max(part.start_s, first) > 0.5 * (part.end_s - part.start_s)
