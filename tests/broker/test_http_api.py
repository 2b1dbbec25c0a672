"""The HTTP API of a real worker on a real Kafka: the documented calls, as they are written, and odd songs."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from agents.media.probe import probe_recording
from tests.broker.conftest import DataFolder
from tests.documents import blocks

pytestmark = pytest.mark.broker
_CALLS = [line for block in blocks("curl") for line in block.text.splitlines()]


class _Caller:
    """Runs curl in a folder with `song.mp3`."""

    def __init__(self, data_folder: DataFolder, folder: Path) -> None:
        self._folder = folder
        token = (data_folder.path / "run" / "token").read_text()
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self._env = environment | {"TOKEN": token, "API": f"http://{data_folder.api}"}

    def run(self, line: str) -> tuple[int, str]:
        """Return the HTTP status and the body of a written call."""
        command = f"{line} --silent --write-out '\\n%{{http_code}}'"
        script = ["bash", "-c", command]
        printed = subprocess.run(script, env=self._env, cwd=self._folder, capture_output=True, check=True).stdout
        body, _, status = printed.decode().rpartition("\n")
        return int(status), body

    def call(self, path: str, *options: str) -> tuple[int, Any]:
        """Return the HTTP status and the JSON of a call."""
        line = shlex.join(["curl", *options])
        status, body = self.run(f'{line} -H "Authorization: Bearer $TOKEN" "$API{path}"')
        return status, json.loads(body)

    def until_ended(self, request_id: str) -> dict[str, Any]:
        """Return the state of a request when it has ended."""
        deadline = monotonic() + 120
        while True:
            status, state = self.call(f"/requests/{request_id}")
            assert (status, state["request_id"]) == (200, request_id)
            if state["outcome"] is not None:
                return dict(state)
            assert monotonic() < deadline, state
            sleep(0.2)


@pytest.fixture
def caller(data_folder: DataFolder, demo_song: Path, tmp_path: Path) -> _Caller:
    """Return curl for the API of the shared worker."""
    shutil.copy(demo_song, tmp_path / "song.mp3")
    return _Caller(data_folder, tmp_path)


def test_the_documented_calls_make_a_video_of_an_uploaded_song(
    caller: _Caller, one_move: dict[str, Any], tmp_path: Path
) -> None:
    del one_move
    upload, form, by_path, state, video, cancel, document = _CALLS
    status, answer = caller.run(upload)
    assert (status, json.loads(answer)) == (202, {"request_id": "my-1"})
    assert caller.run(upload) == (status, answer)
    assert json.loads(caller.run(state)[1])["request_id"] == "my-1"
    ended = caller.until_ended("my-1")
    assert (ended["outcome"], ended["subject"]) == ("done", "Luna")
    assert caller.run(video)[0] == 200
    assert probe_recording(tmp_path / "luna.mp4").duration_s > 10
    assert caller.run(f'{video} -H "Range: bytes=0-9"')[0] == 206
    first, second = (json.loads(caller.run(form)[1]) for _ in range(2))
    assert first == second
    assert caller.run(by_path)[0] == 202
    assert caller.until_ended("my-2")["reason"] == "not_found"
    assert caller.run(cancel)[0] == 409
    assert json.loads(caller.run(document)[1])["openapi"] == "3.1.0"
    assert caller.until_ended(first["request_id"])["outcome"] == "done"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda song: song.write_bytes(b"MZ" + bytes(5000)), "not_media"),
        (lambda song: song.write_bytes(b"<html>" * 500), "not_media"),
    ],
    ids=["program", "page"],
)
def test_a_file_that_is_no_song_ends_with_its_reason(
    caller: _Caller, make: Callable[[Path], object], reason: str, tmp_path: Path
) -> None:
    make(tmp_path / "song.mp3")
    status, answer = caller.call("/songs", "--data-binary", "@song.mp3")
    assert status == 202
    ended = caller.until_ended(answer["request_id"])
    assert (ended["outcome"], ended["reason"]) == ("failed", reason)
