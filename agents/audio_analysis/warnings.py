"""Warn the person who submitted a song about the doubts of its analysis."""

from __future__ import annotations

from schemas.audio_analyzed import AudioAnalysis

_MAX_LISTED_DOUBTS = 4


def warnings_of(analysis: AudioAnalysis) -> tuple[str, ...]:
    """Return one line that lists at most four doubts and the number of the others; empty without doubts."""
    doubts = [str(doubt) for doubt in analysis.doubts]
    more = f"; and {len(doubts) - _MAX_LISTED_DOUBTS} more" if len(doubts) > _MAX_LISTED_DOUBTS else ""
    return (f"in the music, {'; '.join(doubts[:_MAX_LISTED_DOUBTS])}{more}",) if doubts else ()
