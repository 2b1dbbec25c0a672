"""Tell the person who submitted a song what is not danced to, and the doubts of the analysis."""

from __future__ import annotations

from schemas.audio_analyzed import AudioAnalysis, clock

_MAX_LISTED_DOUBTS = 4


def warnings_of(analysis: AudioAnalysis) -> tuple[str, ...]:
    """Return a line on what is left out before and after the music, and one that lists at most four doubts."""
    return (*_left_out(analysis), *_doubts(analysis))


def _left_out(analysis: AudioAnalysis) -> tuple[str, ...]:
    ends = [f"begins at {clock(analysis.music_start_s)}"] if analysis.music_start_s else []
    ends += [f"ends at {clock(analysis.music_end_s)}"] if analysis.music_end_s is not None else []
    return (f"the music {' and '.join(ends)}; the rest of the recording is not danced to",) if ends else ()


def _doubts(analysis: AudioAnalysis) -> tuple[str, ...]:
    doubts = [str(doubt) for doubt in analysis.doubts]
    more = f"; and {len(doubts) - _MAX_LISTED_DOUBTS} more" if len(doubts) > _MAX_LISTED_DOUBTS else ""
    return (f"in the music, {'; '.join(doubts[:_MAX_LISTED_DOUBTS])}{more}",) if doubts else ()
