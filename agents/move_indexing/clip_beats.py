"""Find the beats and counts of a clip, from its sound or from its annotated tempo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.move_indexing.clip_sound import clip_sound
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import MediaFacts
from schemas.faults import Poison
from schemas.move_submitted import MoveAnnotation

_MIN_BEAT_CONFIDENCE = 0.3
_MAX_TEMPO_DEVIATION_TO_CONFIRM = 0.04  # relative: an annotation this near confirms uncertain beats
_MAX_TEMPO_DEVIATION_WITHOUT_WARNING = 0.08  # relative
_NO_BEAT = "no beat is detected in the sound"


@dataclass(frozen=True)
class ClipBeats:
    """Beats (seconds from the container's start, all within the clip) and their counts 1-8.

    `audio`: the sound's embedding; None where the sound cannot be analyzed.
    """

    tempo_bpm: float
    beats: tuple[float, ...]
    counts: tuple[int, ...]
    audio: tuple[float, ...] | None = None
    warnings: tuple[str, ...] = ()


def clip_beats_of(path: Path, facts: MediaFacts, annotation: MoveAnnotation | None) -> ClipBeats:
    """Return the beats of a clip, from its sound or from its annotated tempo. Raises: as `choose_beats`."""
    annotated_tempo_bpm = annotation.tempo_bpm if annotation else None
    analysis, problem = clip_sound(path, facts)
    return choose_beats(analysis, annotated_tempo_bpm, facts.duration_s, problem or _NO_BEAT)


def choose_beats(
    analysis: AudioAnalysis | None, annotated_tempo_bpm: float | None, duration_s: float, problem: str = _NO_BEAT
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
        return _from_sound(analysis, annotated_tempo_bpm, duration_s)
    if annotated_tempo_bpm is None:
        raise Poison(f"{problem}: give a clip with music, or annotate tempo_bpm, its beats per minute", "no_tempo")
    return _from_annotation(analysis, annotated_tempo_bpm, duration_s, problem)


def _is_certain(analysis: AudioAnalysis) -> bool:
    return analysis.beat_confidence >= _MIN_BEAT_CONFIDENCE


def _agree(analysis: AudioAnalysis, annotated_tempo_bpm: float, max_deviation: float) -> bool:
    return abs(analysis.tempo_bpm / annotated_tempo_bpm - 1) <= max_deviation


def _from_sound(analysis: AudioAnalysis, annotated_tempo_bpm: float | None, duration_s: float) -> ClipBeats:
    beats, counts = extend_beats(analysis.beats, analysis.counts, 60 / analysis.tempo_bpm, duration_s)
    warnings = tuple(_tempo_warnings(analysis, annotated_tempo_bpm))
    return ClipBeats(analysis.tempo_bpm, beats, counts, analysis.embedding, warnings)


def _tempo_warnings(analysis: AudioAnalysis, annotated_tempo_bpm: float | None) -> Iterator[str]:
    detected = f"the tempo detected in the sound is {analysis.tempo_bpm:.0f} bpm"
    if annotated_tempo_bpm is None:
        if not _is_certain(analysis):
            yield f"{detected}, which is uncertain: annotate tempo_bpm"
    elif not _agree(analysis, annotated_tempo_bpm, _MAX_TEMPO_DEVIATION_WITHOUT_WARNING):
        yield f"{detected}, the annotated tempo is {annotated_tempo_bpm:g} bpm: the detected tempo is used"


def _from_annotation(
    analysis: AudioAnalysis | None, annotated_tempo_bpm: float, duration_s: float, problem: str
) -> ClipBeats:
    beats, counts = extend_beats((0.0,), (1,), 60 / annotated_tempo_bpm, duration_s)
    warning = f"{problem}: the beats follow the annotated {annotated_tempo_bpm:g} bpm from the first frame on"
    return ClipBeats(annotated_tempo_bpm, beats, counts, analysis.embedding if analysis else None, (warning,))


def extend_beats(
    beats: Sequence[float], counts: Sequence[int], period_s: float, duration_s: float
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Return the beats within the clip, continued every `period_s` to its start and up to its end, and their counts.

    Without any beat within the clip, the first beat is at 0 s with count 1.
    """
    inside = [(beat, count) for beat, count in zip(beats, counts, strict=True) if 0 <= beat < duration_s]
    counted = inside or [(0.0, 1)]
    while counted[0][0] - period_s >= 0:
        counted.insert(0, (counted[0][0] - period_s, (counted[0][1] - 2) % 8 + 1))
    while counted[-1][0] + period_s < duration_s:
        counted.append((counted[-1][0] + period_s, counted[-1][1] % 8 + 1))
    return tuple(round(beat, 4) for beat, _ in counted), tuple(count for _, count in counted)
