"""An analysis comes in; what its song's sender should be told of it comes out."""

from __future__ import annotations

from schemas.audio_analyzed import AudioAnalysis

_MOST_TOLD = 4


def warnings_of(analysis: AudioAnalysis) -> tuple[str, ...]:
    """One line of all doubts, or none."""
    told = [str(doubt) for doubt in analysis.doubts]
    more = f"; and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    return (f"in the music, {'; '.join(told[:_MOST_TOLD])}{more}",) if told else ()
