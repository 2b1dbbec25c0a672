"""The texts of a song's picture, in characters that the picture's font has."""

from __future__ import annotations

from agents.audio_analysis.confidence import DOUBT_THRESHOLD
from schemas.audio_analyzed import AudioAnalysis, Section, clock

_SURE_FROM = 0.8


def facts(analysis: AudioAnalysis) -> str:
    """Return tempo, number of beats, duration, energy level and confidence in one line."""
    sure = f"{sureness(analysis.confidence)} ({analysis.confidence:.2f})"
    return "   ·   ".join(
        (
            f"{analysis.tempo_bpm:.1f} BPM",
            f"{len(analysis.beats)} beats",
            clock(analysis.duration_s),
            f"energy {analysis.energy_level}",
            f"confidence: {sure}",
        )
    )


def confidence_parts(analysis: AudioAnalysis) -> str:
    """Return the confidences in beats, bars and counts in one line."""
    parts = (
        ("beats", analysis.beat_confidence),
        ("bars", analysis.downbeat_confidence),
        ("counts", analysis.count_confidence),
    )
    return "   ".join(f"{name} {value:.2f}" for name, value in parts)


def sureness(confidence: float) -> str:
    """Return a confidence as text; "unsure" is what is also reported as a doubt."""
    if confidence < DOUBT_THRESHOLD:
        return "unsure"
    return "sure" if confidence >= _SURE_FROM else "fairly sure"


def names(section: Section) -> tuple[str, ...]:
    """Return the names of a section, from the longest to the shortest."""
    short = f"{section.label} {section.letter}"
    with_rhythm = (f"{short} {section.rhythm}",) if section.rhythm not in ("none", section.label) else ()
    return (*with_rhythm, short, section.letter)
