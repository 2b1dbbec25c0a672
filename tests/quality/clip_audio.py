"""Analyze the sound of a clip as indexing does."""

from __future__ import annotations

from pathlib import Path

from agents.audio_analysis.analysis import analyze
from schemas.faults import Poison

DEFAULT_TEMPO_BPM = 125.0


def tempo_and_embedding(clip: Path) -> tuple[float, tuple[float, ...] | None]:
    """Return a clip's tempo and the embedding of its sound; 125 BPM and None where no beat is found."""
    try:
        analysis = analyze(clip)
    except Poison:
        return DEFAULT_TEMPO_BPM, None
    return analysis.tempo_bpm, analysis.embedding
