"""`bachata watch` on a real Kafka and worker: clips become moves, each content once, and a second run does nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.base.umask import PRIVATE
from infra.settings import Settings
from schemas.move_annotated import MoveAnnotated
from streams.local.services import Endpoint, running_worker
from streams.watch.run import watch_folders
from streams.watch.watcher import WatchOptions
from tests.broker.conftest import DataFolder, wait_until
from tests.broker.found_dancers import reuse_dancers
from tests.chaos.topic_reader import name_of, read_all
from tests.paths import BACHATA

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture(autouse=True)
def _private_files() -> Iterator[None]:
    """Create files as the program does, which this process takes the place of."""
    before = os.umask(PRIVATE)
    yield
    os.umask(before)


def _copy(clip: Path, file: Path, number: int) -> Path:
    """Write a copy of a clip whose content differs from that of other tests only behind its last box."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(clip.read_bytes() + b"\x00\x00\x00\x10free" + (7000 + number).to_bytes(8, "big"))
    return file


def _worker(data_folder: DataFolder) -> Endpoint:
    worker = running_worker(Settings(data_dir=data_folder.path))
    assert worker is not None
    return worker


def _moves(data_folder: DataFolder, clip: str) -> list[dict[str, Any]]:
    return [move for move in _worker(data_folder).get("/moves")["moves"] if move["clip"] == clip]


def _annotating(data_folder: DataFolder, sha256: str) -> set[str | None]:
    """Return the sources of the events that annotated a clip."""
    events = asyncio.run(read_all(data_folder.kafka, name_of(MoveAnnotated)))
    return {event.header("ce_source") for event in events if event.payload.get("clip_sha256") == sha256}


def _watch_once(data_folder: DataFolder, folder: Path) -> list[str]:
    """Watch in this process, and return the clips whose files are gone."""
    lines: list[str] = []
    options = WatchOptions((folder,), once=True, settle_s=0.3)
    _, gone = watch_folders(Settings(data_dir=data_folder.path), options, lines.append, threading.Event())
    return [content.clip for content in gone]


def test_clips_become_moves_once_a_song_a_video_and_bad_files_say_why(
    data_folder: DataFolder, one_move: dict[str, Any], short_clip: Path, demo_song: Path, tmp_path: Path
) -> None:
    folder, videos = tmp_path / "watched", tmp_path / "videos"
    file = _copy(short_clip, folder / "turns" / "watched_one.mp4", 1)
    reuse_dancers(data_folder.path, short_clip, file)
    _copy(short_clip, folder / "watched_one_copy.mp4", 1)
    (folder / "watched_bad.mp4").write_bytes(short_clip.read_bytes()[:1000])
    (folder / "watched_later.mp4.part").write_bytes(short_clip.read_bytes())
    (folder / "a_song.mp3").write_bytes(demo_song.read_bytes() + bytes(8))
    result = data_folder.bachata("watch", folder, "--once", "--songs-to", videos)
    outcomes = {Path(outcome["file"]).name: outcome for outcome in result.json["files"]}
    assert {name: outcome["status"] for name, outcome in outcomes.items()} == {
        "watched_one.mp4": "done",
        "watched_one_copy.mp4": "copy",
        "watched_bad.mp4": "failed",
        "a_song.mp3": "done",
    }
    assert result.exit_code == 1
    beside = json.loads((folder / "turns" / "watched_one.mp4.bachata.json").read_text())
    assert (beside["status"], beside["category"]) == ("done", "turns")
    [video] = videos.iterdir()
    assert outcomes["a_song.mp3"]["video"] == str(video)
    assert video.stat().st_size > 0
    file.rename(folder / "watched_renamed.mp4")
    (folder / "watched_one_copy.mp4").unlink()
    (folder / "annotations.csv").write_text("file,difficulty\nwatched_renamed.mp4,advanced\n")
    assert _watch_once(data_folder, folder) == []
    wait_until(lambda: [move["difficulty"] for move in _moves(data_folder, "watched_one")] == ["advanced"], 30)
    [move] = _moves(data_folder, "watched_one")
    assert move["category"] != "turns"
    assert _annotating(data_folder, move["sha256"]) == {"/watch"}
    (folder / "watched_renamed.mp4").unlink()
    assert _watch_once(data_folder, folder) == ["watched_one"]
    listed = data_folder.bachata("moves", "list").json["moves"]
    assert [move["clip"] for move in listed if move["without_source"]] == ["watched_one"]


def test_a_watcher_runs_until_ctrl_c_and_one_that_was_killed_is_continued(
    data_folder: DataFolder, short_clip: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "watched"
    folder.mkdir()
    command = [str(BACHATA), "watch", str(folder), "--results", "move", "--json"]
    with subprocess.Popen(command, env=data_folder.env, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        assert json.loads(killed.stdout.readline())["ready"]
        _copy(short_clip, folder / "watched_two.mp4", 2)
        wait_until(lambda: _has_request(data_folder, "watched_two"), 60)
        killed.kill()
    with subprocess.Popen(command, env=data_folder.env, stdout=subprocess.PIPE) as process:
        wait_until((folder / "done" / "watched_two.mp4.bachata.json").exists, 120)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=60)
        assert process.returncode == 130
        assert json.loads(printed)["ready"], "one JSON object"
    assert len(_moves(data_folder, "watched_two")) == 1


def _has_request(data_folder: DataFolder, clip: str) -> bool:
    return any(request["subject"] == clip for request in _worker(data_folder).get("/requests")["requests"])


def test_bachata_up_watches_the_folders_of_the_setting(data_folder: DataFolder, short_clip: Path) -> None:
    first, second = data_folder.watched
    file = _copy(short_clip, second / "watched_three.mp4", 1)  # a move by now, if the other test has run
    refused = data_folder.bachata("watch", first, "--once")
    assert (refused.exit_code, refused.json["reason"]) == (1, "watched")
    beside = file.with_name("watched_three.mp4.bachata.json")
    wait_until(beside.exists, 120)
    outcome = json.loads(beside.read_text())
    assert outcome["status"] == "done"
    assert [move["sha256"] for move in _moves(data_folder, outcome["clip"])] == [outcome["sha256"]]
