"""`song-accepted` comes in, `audio-analyzed` goes out: what the music does."""

from __future__ import annotations

from agents.audio_analysis.warnings import warnings_of
from agents.step import Step, Tools
from schemas.audio_analyzed import AudioAnalysis, AudioAnalyzed
from schemas.song_accepted import SongAccepted


def _known_by(event: SongAccepted, tools: Tools) -> dict[str, str]:
    del tools
    return {"song": event.song.sha256}


def _work(event: SongAccepted, tools: Tools) -> AudioAnalysis:
    from agents.audio_analysis.analysis import analyze

    return analyze(tools.media.path(event.song.sha256), tools.report)


def _emit(event: SongAccepted, result: AudioAnalysis) -> AudioAnalyzed:
    from agents.audio_analysis.corrections import corrected

    analysis = corrected(result, event.corrections)
    return AudioAnalyzed(**event.carried() | {"warnings": event.warnings + warnings_of(analysis)}, analysis=analysis)


STEP = Step(
    name="audio_analysis",
    version="2",
    consumes=SongAccepted,
    result=AudioAnalysis,
    produces=AudioAnalyzed,
    known_by=_known_by,
    work=_work,
    emit=_emit,
    key=lambda event: event.song.sha256,
)
