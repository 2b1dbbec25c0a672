"""Measure odd songs: whether they are accepted, and where their beats are."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import av

from agents.audio_analysis.inputs import song_to_analyze
from agents.audio_analysis.warnings import warnings_of
from agents.intake.accepted import accepted
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import MediaFacts, Source
from schemas.faults import Fault
from schemas.song_submitted import SongSubmitted
from streams.tools import process_tools
from tests.odd_media.marked import plain_sound, song
from tests.quality.media_cases import SongCase
from tests.quality.media_measures import beat_errors, lag_s
from tests.quality.media_row import Row, Runner, plain_beats, plainly_converted, submitted

_MAX_DURATION_ERROR_S = 0.1


class Songs:
    """Measures songs; the first of each part of the original gives the right beats of the others."""

    def __init__(self, runner: Runner, folder: Path) -> None:
        self._runner, self._folder = runner, folder
        self._right_beats: dict[float, tuple[float, ...]] = {}
        self._tools = process_tools()

    async def measure(self, case: SongCase) -> Row:
        """Make a song, accept and analyze it, and compare all with what is right."""
        row, path = Row(case.name), self._folder / case.name
        await asyncio.to_thread(case.make, path)
        lag = await asyncio.to_thread(_delay_s, path, case)
        try:
            analysis, warnings = await self._analyzed(row, path)
        except Fault as fault:
            row.check_fault(fault, case.refused)
        else:
            self._check(row, case, analysis, lag)
            row.check_words(warnings, case.warns)
        row.other = await asyncio.to_thread(self._other, case, path, lag)
        return row

    async def _analyzed(self, row: Row, path: Path) -> tuple[AudioAnalysis, str]:
        """Return a song's analysis, and all warnings of its two steps."""
        facts = MediaFacts.model_validate_json(await self._runner.run(row, "intake", submitted(path)))
        event = accepted(SongSubmitted(request_id="odd", source=Source(path=str(path))), facts)
        result = await self._runner.run(row, "audio_analysis", song_to_analyze(event, self._tools))
        analysis = AudioAnalysis.model_validate_json(result)
        return analysis, " ".join((*event.warnings, *warnings_of(analysis)))

    def _check(self, row: Row, case: SongCase, found: AudioAnalysis, lag: float) -> None:
        if case.refused:
            row.check("taken", right=False, wrong=f"taken; right: {case.refused.reason}")
        right = self._right_beats.setdefault(case.start_s, found.beats)
        right_s = case.seconds + max(0.0, lag)
        row.check(f"{found.duration_s:.2f} s", abs(found.duration_s - right_s) <= _MAX_DURATION_ERROR_S)
        error, missed = beat_errors(found.beats, [beat + lag for beat in right], right_s)
        text = f"beats {1000 * error:.1f} ms after {1000 * lag:.0f} ms"
        row.check(text, error <= case.max_beat_s and not missed, wrong=f"{text}, {missed} missed")

    def _other(self, case: SongCase, path: Path, lag: float) -> str:
        """Return what a plain conversion gives."""
        try:
            right = [beat + lag for beat in self._right_beats.get(case.start_s, ())]
            return plain_beats(plainly_converted(path), right, case.seconds)
        except (av.FFmpegError, ValueError, IndexError, subprocess.CalledProcessError) as error:
            return f"fails: {type(error).__name__}"


def _delay_s(path: Path, case: SongCase) -> float:
    """Return how much later a file's music is than the original's by its container and codec, as PyAV decodes it."""
    if case.refused or case.late_s is not None:
        return case.late_s or 0.0
    try:
        return lag_s(plain_sound(path), song(case.seconds, case.start_s))
    except av.FFmpegError:  # it is damaged
        return 0.0
