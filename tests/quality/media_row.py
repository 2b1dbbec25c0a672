"""A row of `quality_media`'s table, the checks of one case, and the processes in which its jobs run."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from agents.audio_analysis.analysis import analyze
from agents.media.submitted import SubmittedFile
from infra.base.memory import MIB
from schemas.base import Model
from schemas.faults import Fault, Poison
from streams.steps import JOB_BY_NAME
from streams.worker.step_pool import StepPool
from tests.odd_media.marked import plain_sound
from tests.odd_media.writer import Sound, write
from tests.quality.media_cases import MAX_BEAT_S, Refusal
from tests.quality.media_measures import Look, beat_errors

_MIN_CORRELATION, _MAX_MEAN, _MAX_P95 = 0.95, 12.0, 20.0
GOALS = f"beats {1000 * MAX_BEAT_S:.0f} ms, correlation {_MIN_CORRELATION}, luma {_MAX_MEAN:.0f} and {_MAX_P95:.0f}"
_PROCESSES = 2


@dataclass
class Row:
    """What is measured of a case: `wrong` says what is not right, `other` what a plain conversion gives."""

    name: str
    values: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    other: str = ""
    cpu_s: float = 0.0
    peak_mb: float = 0.0
    sync_ms: float | None = None

    def check(self, text: str, right: bool, wrong: str = "") -> None:
        """Note a value; where it is not right, with other words."""
        self.values.append(text)
        if not right:
            self.wrong.append(wrong or text)

    def check_words(self, found: str, words: str) -> None:
        """Note whether a text has words."""
        if words:
            self.check(f"says '{words}'", words in found, wrong=f"'{words}' is not in: {found or 'no warning'}")

    def check_look(self, where: str, found: Look, brighter: float = 0.0) -> None:
        """Note how pictures look; `brighter`: by how much their luma may be above the original's."""
        is_light = -_MAX_MEAN <= found.mean <= max(_MAX_MEAN, brighter)
        is_white = -_MAX_P95 <= found.p95 <= max(_MAX_P95, brighter)
        self.check(f"{where} {found}", found.correlation >= _MIN_CORRELATION and is_light and is_white)

    def check_fault(self, fault: Fault, right: Refusal | None) -> None:
        """Note a refusal."""
        is_right = right is not None and right.reason in fault.reason and right.words in str(fault)
        text = f"{fault.reason}: {fault}"
        expected = f"right: {right.reason} '{right.words}'" if right else "right: taken"
        self.check(text, is_right and isinstance(fault, Poison), wrong=expected)

    def lines(self) -> str:
        """Return the row as text."""
        verdict = "right" if not self.wrong else f"WRONG: {'; '.join(self.wrong)}"
        first = f"{self.name[:42]:42} {self.peak_mb:5.0f} {self.cpu_s:6.1f}  {verdict}"
        return f"{first}\n{'':8}ours:  {'; '.join(self.values)}\n{'':8}other: {self.other}"


class Runner:
    """Runs jobs in step processes, as a worker does, and notes what they cost."""

    def __init__(self) -> None:
        self._pool = StepPool(_PROCESSES)
        self.stop = self._pool.stop

    async def run(self, row: Row, job: str, job_input: Model) -> str:
        """Return a job's result as JSON. Raises: its fault."""
        done = await self._pool.run(job, job_input.model_dump_json(), JOB_BY_NAME[job].timeout_s, lambda _: None)
        row.cpu_s += done.cpu_seconds
        row.peak_mb = max(row.peak_mb, done.peak_rss_bytes / MIB)
        return done.result


def submitted(path: Path) -> SubmittedFile:
    """Return what names a file."""
    status = path.stat()
    return SubmittedFile(path=str(path), size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)


def plainly_converted(path: Path) -> Path:
    """Return what FFmpeg's program makes of a file with its defaults; the file itself where there is no program."""
    program = shutil.which("ffmpeg")
    if program is None:
        return path
    target = path.with_suffix(".ffmpeg.mkv")
    encoding = ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "10", "-c:a", "pcm_s16le"]
    subprocess.run([program, "-v", "error", "-y", "-i", path, *encoding, target], check=True, timeout=120)
    return target


def plain_beats(path: Path, right: Sequence[float], end_s: float) -> str:
    """Return how far the beats are off in a file's first sound, its channels' mean."""
    samples = plain_sound(path).mean(axis=0, keepdims=True)
    wav = write(path.with_suffix(".plain.wav"), (), [Sound(np.repeat(samples, 2, axis=0), "pcm_s16le")])
    try:
        found = analyze(wav)
    except Poison as fault:
        return f"beats fail ({fault.reason})"
    error, missed = beat_errors(found.beats, right, end_s)
    return f"beats {1000 * error:.1f} ms" + (f", {missed} missed" if missed else "")
