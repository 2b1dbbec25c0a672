"""The intake step stores a submitted song by its content and publishes it as accepted."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agents.intake.agent import STEP
from agents.media.submitted import SubmittedFile, accept, locate
from agents.step import Tools
from infra.media_store import MediaStore
from schemas.base import Source
from schemas.faults import Poison
from schemas.song_submitted import SongSubmitted
from streams.testing import work_of
from tests.unit.media.media_builders import tone, write_clip, write_sound


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    (tmp_path / "songs").mkdir()
    write_sound(tmp_path / "songs" / "Luna Nueva.mp3", tone(11), "libmp3lame")
    return tmp_path / "songs"


@pytest.fixture
def tools(tmp_path: Path, songs: Path) -> Tools:
    media = MediaStore(tmp_path / "media")
    return Tools(media, tmp_path / "cache", tmp_path / "output", (songs,), tmp_path / "pose.task")


def submitted(**source: str) -> SongSubmitted:
    return SongSubmitted(source=Source(**source), request_id="r1")


def refusal(event: SongSubmitted, tools: Tools) -> str:
    with pytest.raises(Poison) as caught:
        work_of(STEP, event, tools)
    return caught.value.reason


def test_a_song_submitted_by_path_is_stored_and_accepted(songs: Path, tools: Tools) -> None:
    event = submitted(path="Luna Nueva.mp3")
    facts = work_of(STEP, event, tools)
    content = (songs / "Luna Nueva.mp3").read_bytes()
    assert facts.sha256 == hashlib.sha256(content).hexdigest()
    assert facts.size_bytes == len(content)
    assert facts.kind == "audio"
    assert tools.media.path(facts.sha256).read_bytes() == content
    accepted = STEP.event_after(event, facts)
    assert (accepted.request_id, accepted.title, STEP.subject(event, facts)) == ("r1", "Luna Nueva", facts.sha256)


def test_a_song_submitted_by_hash_has_the_same_facts(tools: Tools) -> None:
    by_path = work_of(STEP, submitted(path="Luna Nueva.mp3"), tools)
    event = submitted(sha256=by_path.sha256)
    assert work_of(STEP, event, tools) == by_path
    assert STEP.event_after(event, by_path).title == by_path.sha256[:12]


def test_a_submitted_title_is_used(tools: Tools) -> None:
    facts = work_of(STEP, submitted(path="Luna Nueva.mp3"), tools)
    event = SongSubmitted(source=Source(path="Luna Nueva.mp3"), request_id="r1", title="Otra Luna")
    assert STEP.event_after(event, facts).title == "Otra Luna"


def test_the_priority_of_a_song_and_whether_it_is_fresh_reach_the_next_step(tools: Tools) -> None:
    facts = work_of(STEP, submitted(path="Luna Nueva.mp3"), tools)
    event = submitted(path="Luna Nueva.mp3").model_copy(update={"priority": "bulk", "fresh": True})
    accepted = STEP.event_after(event, facts)
    assert (accepted.priority, accepted.fresh) == ("bulk", True)
    assert accepted.carried()["fresh"]


def test_a_file_name_that_is_no_valid_title_is_replaced_by_the_hash(tools: Tools) -> None:
    facts = work_of(STEP, submitted(path="Luna Nueva.mp3"), tools)
    assert STEP.event_after(submitted(path="\x07 .mp3"), facts).title == facts.sha256[:12]


def test_emitting_without_a_request_id_is_an_assertion_error(tools: Tools) -> None:
    facts = work_of(STEP, submitted(path="Luna Nueva.mp3"), tools)
    with pytest.raises(AssertionError, match="request_id"):
        STEP.event_after(SongSubmitted(source=Source(path="Luna Nueva.mp3")), facts)


def test_the_cache_key_covers_the_hash_or_the_files_path_and_time(songs: Path, tools: Tools) -> None:
    path = songs / "Luna Nueva.mp3"
    sha = work_of(STEP, submitted(path=str(path)), tools).sha256
    assert STEP.depends_on(submitted(sha256=sha), tools) == SubmittedFile(sha256=sha)
    by_name = STEP.depends_on(submitted(path="Luna Nueva.mp3"), tools)
    assert by_name == STEP.depends_on(submitted(path=str(path)), tools)
    os.utime(path, ns=(1, 1))
    assert STEP.depends_on(submitted(path="Luna Nueva.mp3"), tools) != by_name


def test_a_cached_result_is_valid_while_the_store_has_the_song(tools: Tools) -> None:
    facts = work_of(STEP, submitted(path="Luna Nueva.mp3"), tools)
    assert STEP.is_valid(facts, tools)
    tools.media.path(facts.sha256).unlink()
    assert not STEP.is_valid(facts, tools)


def test_unusable_sources_are_refused(songs: Path, tools: Tools) -> None:
    (songs / "empty.mp3").touch()
    (songs / "text.mp3").write_text("la la la\n" * 100)
    (songs / "folder").mkdir()
    os.mkfifo(songs / "pipe.mp3")
    (songs / "away.mp3").symlink_to("/etc/hostname")
    expected = {
        "empty.mp3": "empty",
        "text.mp3": "not_media",
        "folder": "not_a_file",
        "pipe.mp3": "not_a_file",
        "away.mp3": "path_not_allowed",
        "../media": "path_not_allowed",
        "/etc/hostname": "path_not_allowed",
        "none.mp3": "not_found",
    }
    assert {name: refusal(submitted(path=name), tools) for name in expected} == expected
    assert refusal(submitted(sha256="0" * 64), tools) == "unknown_media"
    assert not [file for file in tools.cache_dir.parent.rglob("media/**/*") if file.is_file()]


def test_a_clip_is_checked_as_a_video(songs: Path, tools: Tools) -> None:
    write_clip(songs / "basic.mp4", 3, fps=20)
    facts = accept(locate(Source(path="basic.mp4"), tools), tools, "video")
    assert (facts.kind, facts.width, facts.fps, facts.has_audio) == ("video", 96, 20.0, True)


def test_declaring_the_step_loads_no_large_library() -> None:
    code = (
        "import sys, agents.intake.agent; print([m for m in ('av', 'numpy', 'scipy', 'librosa') if m in sys.modules])"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"
