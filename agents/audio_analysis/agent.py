"""`song-accepted` comes in, `audio-analyzed` goes out: what the music does."""

from __future__ import annotations

from agents.audio_analysis.warnings import warnings_of
from agents.step import Step, Tools
from schemas.audio_analyzed import AudioAnalysis, AudioAnalyzed
from schemas.base import Corrections
from schemas.song_accepted import SongAccepted


def _known_by(event: SongAccepted, tools: Tools) -> dict[str, str]:
    del tools
    return {"song": event.song.sha256}


def _work(event: SongAccepted, tools: Tools) -> AudioAnalysis:
    from agents.audio_analysis.analysis import analyze

    return analyze(tools.media.path(event.song.sha256), tools.report)


def _emit(event: SongAccepted, result: AudioAnalysis) -> AudioAnalyzed:
    analysis = _corrected(result, event.corrections) if event.corrections != Corrections() else result
    return AudioAnalyzed(**event.carried() | {"warnings": event.warnings + warnings_of(analysis)}, analysis=analysis)


def _corrected(result: AudioAnalysis, corrections: Corrections) -> AudioAnalysis:
    from agents.audio_analysis.corrections import corrected

    return corrected(result, corrections)


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
