"""The phrases of a song: from one count 1 to the next."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from agents.dance.music import section_at
from schemas.audio_analyzed import AudioAnalysis
from schemas.faults import Poison


@dataclass(frozen=True)
class Span:
    """A phrase without its candidates: beats `start_beat` to `end_beat` (exclusive), and the music there.

    `energy`: 0-1. `section`: index of the section at the phrase's middle.
    """

    start_beat: int
    end_beat: int
    energy: float
    tempo_bpm: float
    section: int
    label: str
    rhythm: str


def cut_phrases(analysis: AudioAnalysis) -> tuple[Span, ...]:
    """Return phrases that cover every beat: each begins on a count 1, except the first where the song does not.

    Raises: `Poison` (`no_beats`) for a song with fewer than two beats.
    """
    if len(analysis.beats) < 2:
        raise Poison("no beats were found in this song: there is nothing to dance to", reason="no_beats")
    ones = {index for index, count in enumerate(analysis.counts) if count == 1}
    edges = sorted(ones | {0, len(analysis.beats)})
    return tuple(_span(analysis, start, end) for start, end in pairwise(edges))


def _span(analysis: AudioAnalysis, start: int, end: int) -> Span:
    last = min(end, len(analysis.beats) - 1)
    seconds = analysis.beats[last] - analysis.beats[start]
    number, section = section_at(analysis.sections, analysis.beats[start] + seconds / 2)
    return Span(
        start_beat=start,
        end_beat=end,
        energy=fmean(analysis.energy[start:end]),
        tempo_bpm=60.0 * (last - start) / seconds if seconds else analysis.tempo_bpm,
        section=number,
        label=section.label if section else "verse",
        rhythm=section.rhythm if section else "derecho",
    )
