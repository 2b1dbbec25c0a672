"""Find the beats and counts of a clip, from its sound or from its annotated tempo."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.move_indexing.clip_sound import clip_sound
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import MediaFacts
from schemas.faults import Poison
from schemas.move_indexed import WINDOW_EDGE_S, Window, window_at

_MIN_BEAT_CONFIDENCE = 0.3
_MAX_TEMPO_DEVIATION_TO_CONFIRM = 0.04  # relative: an annotation this near confirms uncertain beats
_MAX_TEMPO_DEVIATION_WITHOUT_WARNING = 0.08  # relative
_NO_BEAT = "no beat is detected in the sound"


@dataclass(frozen=True)
class ClipBeats:
    """Beats (seconds from the container's start, all inside the clip's windows) and their counts 1-8.

    `audio`: the sound's embedding; None where the sound cannot be analyzed. `no_beats_reason`: why the sound has no
    beats, so that only the tempo is known; empty where they were detected. `downbeat_confidence`, `count_confidence`
    0-1: that the bars begin where they do, and that a count 1 is neither a 5 nor another beat.
    """

    tempo_bpm: float
    beats: tuple[float, ...]
    counts: tuple[int, ...]
    audio: tuple[float, ...] | None = None
    warnings: tuple[str, ...] = ()
    no_beats_reason: str = ""
    downbeat_confidence: float = 0.0
    count_confidence: float = 0.0


def clip_beats_of(
    path: Path, facts: MediaFacts, annotated_tempo_bpm: float | None, windows: Sequence[Window]
) -> ClipBeats:
    """Return the beats inside a clip's windows, from its sound or its annotated tempo. Raises: as `choose_beats`."""
    analysis, problem = clip_sound(path, facts)
    return choose_beats(analysis, annotated_tempo_bpm, windows, problem or _NO_BEAT)


def choose_beats(
    analysis: AudioAnalysis | None,
    annotated_tempo_bpm: float | None,
    windows: Sequence[Window],
    problem: str = _NO_BEAT,
) -> ClipBeats:
    """Return the sound's beats, or beats at the annotated tempo where the sound's are uncertain and differ from it.

    Movement alone gives neither tempo nor phase precisely enough to cut by (of 24 clips, 71 % within 4 % of the tempo;
    the phase is a guess). `problem`: why the sound has no beats. Raises: `Poison` (`no_tempo`) where there is neither
    sound with a beat nor annotated tempo.
    """
    if analysis is not None and (
        _is_certain(analysis)
        or annotated_tempo_bpm is None
        or _agree(analysis, annotated_tempo_bpm, _MAX_TEMPO_DEVIATION_TO_CONFIRM)
    ):
        return _from_sound(analysis, annotated_tempo_bpm, windows)
    if annotated_tempo_bpm is None:
        raise Poison(f"{problem}: give a clip with music, or annotate tempo_bpm, its beats per minute", "no_tempo")
    return _from_annotation(analysis, annotated_tempo_bpm, windows, problem)


def _is_certain(analysis: AudioAnalysis) -> bool:
    return analysis.beat_confidence >= _MIN_BEAT_CONFIDENCE


def _agree(analysis: AudioAnalysis, annotated_tempo_bpm: float, max_deviation: float) -> bool:
    return abs(analysis.tempo_bpm / annotated_tempo_bpm - 1) <= max_deviation


def _from_sound(analysis: AudioAnalysis, annotated_tempo_bpm: float | None, windows: Sequence[Window]) -> ClipBeats:
    beats, counts = extend_beats(analysis.beats, analysis.counts, 60 / analysis.tempo_bpm, windows)
    warnings = tuple(_tempo_warnings(analysis, annotated_tempo_bpm))
    confidence = analysis.downbeat_confidence
    return ClipBeats(analysis.tempo_bpm, beats, counts, analysis.embedding, warnings, downbeat_confidence=confidence)


def _tempo_warnings(analysis: AudioAnalysis, annotated_tempo_bpm: float | None) -> Iterator[str]:
    detected = f"the tempo detected in the sound is {analysis.tempo_bpm:.0f} bpm"
    if annotated_tempo_bpm is None:
        if not _is_certain(analysis):
            yield f"{detected}, which is uncertain: annotate tempo_bpm"
    elif not _agree(analysis, annotated_tempo_bpm, _MAX_TEMPO_DEVIATION_WITHOUT_WARNING):
        yield f"{detected}, the annotated tempo is {annotated_tempo_bpm:g} bpm: the detected tempo is used"


def _from_annotation(
    analysis: AudioAnalysis | None, annotated_tempo_bpm: float, windows: Sequence[Window], problem: str
) -> ClipBeats:
    beats, counts = extend_beats((), (), 60 / annotated_tempo_bpm, windows)
    warning = f"{problem}: the beats follow the annotated {annotated_tempo_bpm:g} bpm from the first frame on"
    audio = analysis.embedding if analysis else None
    return ClipBeats(annotated_tempo_bpm, beats, counts, audio, (warning,), no_beats_reason=problem)


def extend_beats(
    beats: Sequence[float], counts: Sequence[int], period_s: float, windows: Sequence[Window]
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Return the beats inside the windows, and their counts.

    They are continued every `period_s` to the start of the first window and to the end of the last one; counts go on in
    the holes between, as the music does. Without any beat, the first one is on the first picture, with count 1.
    """
    if not windows:
        return (), ()
    counted = deque(zip(beats, counts, strict=True)) or deque([(windows[0].start_s, 1)])
    while counted[0][0] - period_s >= max(0.0, windows[0].start_s - WINDOW_EDGE_S):
        counted.appendleft((counted[0][0] - period_s, (counted[0][1] - 2) % 8 + 1))
    while counted[-1][0] + period_s <= windows[-1].end_s + WINDOW_EDGE_S:
        counted.append((counted[-1][0] + period_s, counted[-1][1] % 8 + 1))
    rounded = ((round(beat, 4), count) for beat, count in counted)
    inside = [(beat, count) for beat, count in rounded if window_at(windows, beat) is not None]
    return tuple(beat for beat, _ in inside), tuple(count for _, count in inside)
