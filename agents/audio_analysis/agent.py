"""The audio analysis step: find the beats, counts, sections and energy of an accepted song."""

from __future__ import annotations

from agents.audio_analysis.inputs import SongToAnalyze, song_to_analyze
from agents.audio_analysis.warnings import warnings_of
from agents.step import Step, Tools
from schemas.audio_analyzed import AudioAnalysis, AudioAnalyzed
from schemas.base import Corrections, joined_warnings
from schemas.song_accepted import SongAccepted


def _work(song: SongToAnalyze, tools: Tools) -> AudioAnalysis:
    from agents.audio_analysis.analysis import analyze_music

    return analyze_music(tools.media.path(song.sha256), tools.report, song.sound_track, finds_ends=True)


def _emit(event: SongAccepted, result: AudioAnalysis) -> AudioAnalyzed:
    analysis = _corrected(result, event.corrections) if event.corrections != Corrections() else result
    warnings = joined_warnings(event.warnings, warnings_of(analysis))
    return AudioAnalyzed(**event.carried() | {"warnings": warnings}, analysis=analysis)


def _corrected(result: AudioAnalysis, corrections: Corrections) -> AudioAnalysis:
    from agents.audio_analysis.corrections import corrected

    return corrected(result, corrections)


STEP = Step(
    name="audio_analysis",
    version="4",
    consumes=SongAccepted,
    depends_on=song_to_analyze,
    takes=SongToAnalyze,
    work=_work,
    result=AudioAnalysis,
    emit=_emit,
    produces=AudioAnalyzed,
    subject=lambda event, _: event.song.sha256,
    timeout_s=300.0,
    memory_mb=768,
)
