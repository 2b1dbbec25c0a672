"""Several songs in one command: one that is bad fails alone, and run again, the command does only what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.broker.conftest import CommandResult, DataFolder
from tests.odd_media.windows import copy_start
from tests.paths import DEMO

pytestmark = [pytest.mark.broker, pytest.mark.slow]
_OPTIONS = ("--quality", "fast", "--duration", "30s")


@pytest.fixture(scope="module")
def playlist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a playlist of four short songs, the third of which is no media."""
    folder = tmp_path_factory.mktemp("songs")
    (folder / "music").mkdir()
    luna, orilla = (DEMO / "songs" / f"{name}.mp3" for name in ("luna_124", "orilla_132"))
    copy_start(luna, folder / "music" / "luna.mp3", 11)
    copy_start(orilla, folder / "music" / "orilla.mp3", 11)
    copy_start(luna, folder / "music" / "longer.mp3", 12)
    (folder / "music" / "bad.mp3").write_text("no song")
    lines = ("#EXTM3U", "music/luna.mp3", "#EXTINF:11,À la orilla", "music/orilla.mp3", "music/bad.mp3")
    (folder / "list.m3u").write_text("\n".join((*lines, "music/longer.mp3", "music/luna.mp3")))
    return folder / "list.m3u"


@pytest.fixture(scope="module")
def generated(data_folder: DataFolder, one_move: dict[str, Any], playlist: Path) -> CommandResult:
    return data_folder.bachata("generate", playlist, *_OPTIONS, "--out", playlist.parent / "videos")


def _column(result: CommandResult, name: str) -> list[Any]:
    return [song[name] for song in result.json["songs"]]


def test_a_bad_song_fails_alone(generated: CommandResult, playlist: Path) -> None:
    assert generated.exit_code == 1
    assert _column(generated, "status") == ["done", "done", "failed", "done", "copy"]
    assert _column(generated, "reason") == [None, None, "not_media", None, None]
    videos = playlist.parent / "videos"
    assert sorted(file.name for file in videos.iterdir()) == ["longer.mp4", "luna.mp4", "À la orilla.mp4"]
    assert generated.json["counts"] == {"done": 3, "cached": 0, "copy": 1, "cancelled": 0, "failed": 1}


def test_run_again_nothing_is_computed(data_folder: DataFolder, generated: CommandResult, playlist: Path) -> None:
    again = data_folder.bachata("generate", playlist, *_OPTIONS, "--out", playlist.parent / "videos")
    assert again.exit_code == 1
    assert _column(again, "status") == ["cached", "cached", "failed", "cached", "copy"]
    assert _column(again, "video") == _column(generated, "video")
    assert again.json["songs"][2]["request_id"] == f"{generated.json['songs'][2]['request_id']}.2"
    done, failed = (data_folder.ended(again.json["songs"][n]["request_id"]) for n in (0, 2))
    assert (done["outcome"], failed["outcome"]) == ("done", "failed")


def test_submitted_songs_are_the_same_requests(
    data_folder: DataFolder, generated: CommandResult, playlist: Path
) -> None:
    music = playlist.parent / "music"
    submitted = data_folder.bachata("submit", music / "luna.mp3", music / "orilla.mp3", *_OPTIONS)
    assert submitted.exit_code == 0, submitted.stderr
    assert _column(submitted, "status") == ["cached", "cached"]
    assert _column(submitted, "request_id") == _column(generated, "request_id")[:2]
    new = data_folder.bachata("submit", music / "luna.mp3", *_OPTIONS, "--seed", "1").json["songs"][0]
    followed = data_folder.bachata("submit", music / "luna.mp3", *_OPTIONS, "--seed", "1", "--wait").json["songs"][0]
    assert (new["status"], followed["request_id"]) == ("submitted", new["request_id"])
    assert Path(followed["video"]).is_file()
