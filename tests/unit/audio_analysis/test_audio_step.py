"""The audio analysis step, run as the step wrapper runs it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from agents.audio_analysis.agent import STEP
from agents.audio_analysis.inputs import SongToAnalyze
from agents.step import Tools
from schemas.audio_analyzed import AudioAnalysis, AudioAnalyzed, Doubt
from schemas.base import Corrections, MediaFacts, MediaRef, Options
from schemas.limits import MediaKind
from schemas.song_accepted import SongAccepted
from streams.testing import work_of


class OneFile:
    """A media store with one file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.sha256 = hashlib.sha256(file.read_bytes()).hexdigest()

    def path(self, sha256: str) -> Path:
        assert sha256 == self.sha256
        return self.file

    def has(self, sha256: str) -> bool:
        return sha256 == self.sha256

    def add(self, source: Path, kind: MediaKind) -> MediaRef:
        raise AssertionError(f"the analysis adds nothing to the store, not even {source} ({kind})")


def test_an_accepted_song_is_analysed(song_file: Path, analysis: AudioAnalysis, tmp_path: Path) -> None:
    store, fractions = OneFile(song_file), list[float]()
    tools = Tools(store, tmp_path, tmp_path, (), tmp_path / "none.task", report=fractions.append)
    event = _accepted(store)
    result = work_of(STEP, event, tools)
    produced = STEP.event_after(event, result)
    assert isinstance(produced, AudioAnalyzed)
    assert produced.analysis == analysis
    assert (produced.request_id, produced.title, produced.options) == (event.request_id, event.title, event.options)
    assert STEP.subject(event, produced.analysis) == store.sha256
    assert fractions


def test_the_result_depends_on_the_song_alone(song_file: Path, tmp_path: Path) -> None:
    store = OneFile(song_file)
    tools = Tools(store, tmp_path, tmp_path, (), tmp_path / "none.task")
    event = _accepted(store)
    other = event.model_copy(update={"title": "another", "options": Options(seed=5), "request_id": "r2"})
    assert STEP.depends_on(event, tools) == STEP.depends_on(other, tools) == SongToAnalyze(sha256=store.sha256)


def test_corrections_change_the_event_and_not_the_cache_key(
    song_file: Path, analysis: AudioAnalysis, tmp_path: Path
) -> None:
    store = OneFile(song_file)
    tools = Tools(store, tmp_path, tmp_path, (), tmp_path / "none.task")
    plain, moved = _accepted(store), _accepted(store).model_copy(update={"corrections": Corrections(count_offset=4)})
    assert STEP.depends_on(plain, tools) == STEP.depends_on(moved, tools)
    produced = STEP.event_after(moved, analysis)
    assert produced.analysis.counts == tuple((count + 3) % 8 + 1 for count in analysis.counts)
    assert produced.corrections == moved.corrections
    assert STEP.event_after(plain, analysis).analysis is analysis


def test_doubts_become_one_warning(song_file: Path, analysis: AudioAnalysis) -> None:
    event = _accepted(OneFile(song_file))
    doubts = tuple(Doubt(start_s=n, end_s=n + 1.0, about="beats") for n in range(6))
    sure, unsure = (analysis.model_copy(update={"doubts": doubts[:count]}) for count in (0, 6))
    assert STEP.event_after(event, sure).warnings == event.warnings
    *before, warning = STEP.event_after(event, unsure).warnings
    assert tuple(before) == event.warnings
    assert warning.startswith("in the music, 0:00-0:01: the beats are unsure; 0:01-0:02")
    assert warning.endswith("; and 2 more")


def _accepted(store: OneFile) -> SongAccepted:
    size = store.file.stat().st_size
    facts = MediaFacts(
        sha256=store.sha256, size_bytes=size, kind="audio", format="wav", codec="pcm_s16le", duration_s=59.0
    )
    return SongAccepted(request_id="r1", song=facts, title="A song", options=Options(), warnings=("short",))
