"""An analysis goes in; what the picture says of it comes out, as words that any font of ours can print."""

from __future__ import annotations

from agents.audio_analysis.confidence import UNSURE
from schemas.audio_analyzed import AudioAnalysis, Section, clock

_SURE = 0.8


def facts(analysis: AudioAnalysis) -> str:
    """The song in one line."""
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


def trust(analysis: AudioAnalysis) -> str:
    """What the confidence is made of."""
    parts = (
        ("beats", analysis.beat_confidence),
        ("bars", analysis.downbeat_confidence),
        ("counts", analysis.count_confidence),
    )
    return "   ".join(f"{name} {value:.2f}" for name, value in parts)


def sureness(confidence: float) -> str:
    """A confidence in words; what is told as a doubt is unsure."""
    if confidence < UNSURE:
        return "unsure"
    return "sure" if confidence >= _SURE else "fairly sure"


def names(section: Section) -> tuple[str, ...]:
    """What a section may be called, from the fullest to the shortest."""
    short = f"{section.label} {section.letter}"
    told = section.rhythm not in ("none", section.label)
    return (*((f"{short} {section.rhythm}",) if told else ()), short, section.letter)
