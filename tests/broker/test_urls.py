"""Songs at URLs on the real stream: one is danced to, others fail alone with their reasons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.broker.conftest import SONG_SERVER, DataFolder
from tests.file_server import FileServer, file_server, response
from tests.odd_media.windows import copy_start
from tests.paths import DEMO

pytestmark = pytest.mark.broker
_OPTIONS = ("--quality", "fast", "--duration", "30s")
_SECRET = "hunter2-is-secret"  # noqa: S105 - of this test only


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    copy_start(DEMO / "songs" / "luna_124.mp3", tmp_path / "a.mp3", 11)
    with file_server(*SONG_SERVER) as running:
        running.routes["/Luna%20Nueva.mp3"] = response((tmp_path / "a.mp3").read_bytes())
        running.routes["/page.mp3"] = response(b"<!DOCTYPE html><title>Sign in</title>")
        yield running


def test_songs_at_urls_are_fetched_by_the_worker(
    server: FileServer, data_folder: DataFolder, one_move: dict[str, Any], tmp_path: Path
) -> None:
    urls = [server.url("/Luna%20Nueva.mp3?token=1"), server.url("/page.mp3"), f"http://10.1.2.3/a.mp3?token={_SECRET}"]
    result = data_folder.bachata("generate", *urls, *_OPTIONS, "--out", tmp_path / "videos")
    songs = result.json["songs"]
    assert [song["reason"] for song in songs] == [None, "not_media", "url_not_allowed"], result.stderr
    assert "'10.1.2.3'" in songs[2]["error"]
    assert "BACHATA_URL_HOSTS" in songs[2]["error"]
    assert [file.name for file in (tmp_path / "videos").iterdir()] == ["Luna Nueva.mp4"]
    alone = data_folder.bachata("generate", urls[0], *_OPTIONS)
    assert (alone.exit_code, Path(alone.json["video"]).is_file()) == (0, True), alone.stderr
    assert [request.target for request in server.requests].count("/Luna%20Nueva.mp3?token=1") == 2  # once a request
    assert [step for step, cost in alone.json["steps"].items() if not cost["cached"]] == ["intake"]
    assert not list((data_folder.path / "cache" / "downloads").iterdir())
    logs = [file.read_text() for file in (data_folder.path / "run").rglob("*.log*")]
    assert logs
    assert _SECRET not in "".join(logs)
