"""Measure odd songs: whether they are accepted, and where their beats are."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import av

from agents.audio_analysis.inputs import SongToAnalyze
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import MediaFacts
from schemas.faults import Fault
from tests.odd_media.marked import plain_sound, song
from tests.quality.media_cases import SongCase
from tests.quality.media_measures import beat_errors, lag_s
from tests.quality.media_row import MAX_BEAT_S, Row, Runner, plain_beats, plainly_converted, submitted

_MAX_DURATION_ERROR_S = 0.1


class Songs:
    """Measures songs; the first one gives the right beats of the others, after the delay of each codec."""

    def __init__(self, runner: Runner, folder: Path) -> None:
        self._runner, self._folder = runner, folder
        self._right_beats: tuple[float, ...] = ()

    async def measure(self, case: SongCase) -> Row:
        """Make a song, accept and analyze it, and compare all with what is right."""
        row, path = Row(case.name), self._folder / case.name
        await asyncio.to_thread(case.make, path)
        lag = await asyncio.to_thread(_delay_s, path, case)
        try:
            accepted = await self._runner.run(row, "intake", submitted(path))
            facts = MediaFacts.model_validate_json(accepted)
            analyzed = await self._runner.run(row, "audio_analysis", SongToAnalyze(sha256=facts.sha256))
        except Fault as fault:
            row.check_fault(fault, case.refused)
        else:
            self._check(row, case, AudioAnalysis.model_validate_json(analyzed), lag)
            row.check_words(accepted + analyzed, case.warns)
        row.other = await asyncio.to_thread(self._other, case, path, lag)
        return row

    def _check(self, row: Row, case: SongCase, found: AudioAnalysis, lag: float) -> None:
        if case.refused:
            row.check("taken", right=False, wrong=f"taken; right: {case.refused.reason}")
        self._right_beats = self._right_beats or found.beats
        right_s = case.seconds + max(0.0, lag)
        row.check(f"{found.duration_s:.2f} s", abs(found.duration_s - right_s) <= _MAX_DURATION_ERROR_S)
        error, missed = beat_errors(found.beats, [beat + lag for beat in self._right_beats], right_s)
        text = f"beats {1000 * error:.1f} ms after {1000 * lag:.0f} ms"
        row.check(text, error <= MAX_BEAT_S and not missed, wrong=f"{text}, {missed} missed")

    def _other(self, case: SongCase, path: Path, lag: float) -> str:
        """Return what a plain conversion gives."""
        try:
            right = [beat + lag for beat in self._right_beats]
            return plain_beats(plainly_converted(path), right, case.seconds)
        except (av.FFmpegError, ValueError, IndexError, subprocess.CalledProcessError) as error:
            return f"fails: {type(error).__name__}"


def _delay_s(path: Path, case: SongCase) -> float:
    """Return how much later a file's music is than the original's by its container and codec, as PyAV decodes it."""
    if case.refused or case.late_s is not None:
        return case.late_s or 0.0
    return lag_s(plain_sound(path), song())
