"""Titles, names, errors, headers and file names with controls are harmless in all that commands and logs show."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from infra.kafka_connection import KafkaConnection
from schemas.base import Model, Source
from schemas.move_indexed import Move, MoveIndexed
from schemas.progress import Progress
from schemas.request_ended import RequestEnded
from schemas.safe_text import is_harmless
from schemas.song_submitted import SongSubmitted
from streams.cli import main
from streams.client import Client
from streams.envelope import event_headers
from streams.ids import new_request_id
from streams.kafka import make_producer
from streams.topics import MOVE_INDEXED, topic_of
from tests.broker.conftest import DataFolder
from tests.paths import DEMO
from tests.unit.infra.moves import make_move

pytestmark = [pytest.mark.broker, pytest.mark.slow]
_TEXT = "A\x1b]0;x\x07B\u202eC\u2028D\u200bE\x9b31m\nF"
_SURROGATE = "\ud800"
_WAITING, _FAILED = new_request_id(), new_request_id()


@pytest.fixture(scope="module")
def move(data_folder: DataFolder) -> Iterator[Move]:
    """Send events with hostile text in all fields, and yield the move of one; it is removed afterwards."""
    names = {"name": _TEXT, "move": _TEXT, "category": _TEXT}
    move = make_move(27).model_copy(update=names)
    asyncio.run(_send_all(data_folder.kafka, move))
    yield move
    asyncio.run(_send(data_folder.kafka, MOVE_INDEXED.full_name, move.clip.sha256.encode(), None, []))


async def _send_all(kafka: KafkaConnection, move: Move) -> None:
    waiting = Progress(request_id=_WAITING, subject=_TEXT, step=_TEXT, state="waiting", error=_TEXT, reason=_TEXT)
    failed = RequestEnded(request_id=_FAILED, subject=_TEXT, step="intake", outcome="failed", error=_TEXT, reason=_TEXT)
    for event, key in (
        (MoveIndexed(request_id=new_request_id(), move=move, warnings=(_TEXT,)), move.clip.sha256),
        (waiting, _WAITING),
        (failed, _FAILED),
        (waiting.model_copy(update={"request_id": _FAILED}), _FAILED),
    ):
        await _send_event(kafka, event, key)
    songs = topic_of(SongSubmitted).full_name
    headers = [("\x1b[31m" + _TEXT, _TEXT.encode()), ("ce_type", _TEXT.encode()), ("ce_id", _TEXT.encode())]
    for value in (_TEXT.encode(), json.dumps({"title": _TEXT + _SURROGATE, "source": 7}).encode(), b"\x1b[2J\xff"):
        await _send(kafka, songs, _TEXT.encode(), value, headers)
    async with Client(kafka) as client:
        request = SongSubmitted(source=Source(sha256="0" * 64), request_id=new_request_id(), title=_TEXT)
        await client.submit_event(request)
        await client.wait_all([str(request.request_id)])


async def _send_event(kafka: KafkaConnection, event: Model, key: str) -> None:
    topic = topic_of(type(event))
    headers = event_headers(topic, "/test", new_request_id(), key)
    await _send(kafka, topic.full_name, key.encode(), event.model_dump_json().encode(), headers)


async def _send(
    kafka: KafkaConnection, topic: str, key: bytes, value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    async with make_producer(kafka) as producer:
        await producer.send_and_wait(topic, value, key=key, headers=headers)


def _run(data_folder: DataFolder, *arguments: str | Path) -> Result:
    """Run a command in this process, check all that it shows, and return its result."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], env=data_folder.env)
    printed = result.stdout_bytes.decode() + result.stderr_bytes.decode()
    assert not [line for line in printed.split("\n") if not is_harmless(line)], arguments
    return result


def test_no_command_and_no_log_shows_a_control(data_folder: DataFolder, move: Move, tmp_path: Path) -> None:
    letters = data_folder.bachata("dead-letters", "list", "--since", "5m").json["letters"]
    assert len(letters) >= 4
    file = tmp_path / f"{_TEXT}.mp3"
    file.write_bytes(b"no song")
    folder = tmp_path / _TEXT
    folder.mkdir()
    shutil.copy(file, folder / f"{_TEXT}.mp4")
    (folder / "annotations.json").write_text(json.dumps({"clips": [{"video_path": _TEXT, "move_label": _TEXT}]}))
    commands: list[tuple[str | Path, ...]] = [
        ("status",),
        ("status", _WAITING),
        ("status", _FAILED),
        ("status", _TEXT),
        ("moves", "list"),
        ("moves", "search", "--like", _TEXT),
        ("moves", "search", "--like", f"{_TEXT}x"),
        ("moves", "show", _TEXT, "--png", tmp_path / f"{_TEXT}.png"),
        ("moves", "show", f"{_TEXT}x", "--png", tmp_path / "x.png"),
        ("moves", "map", "--png", tmp_path / f"{_TEXT}.png"),
        ("dead-letters", "list"),
        *(("dead-letters", "show", letter["id"]) for letter in letters[:4]),
        ("dead-letters", "show", _TEXT),
        ("dead-letters", "list", "--reason", _TEXT),
        ("replay", "song-submitted"),
        ("replay", "song-submitted", "--song", _TEXT),
        ("generate", file),
        ("generate", file, "--beats", file),
        ("analyze", file),
        ("analyze", DEMO / "songs" / "luna_124.mp3", "--plot", folder / f"{_TEXT}.png"),
        ("index", folder, "--annotations", folder / "annotations.json"),
        ("topology",),
        ("kafka", "status"),
    ]
    for command in commands:
        _run(data_folder, *command)
    for command in (("status",), ("dead-letters", "list"), ("dead-letters", "show", letters[0]["id"])):
        json.loads(_run(data_folder, *command, "--json").stdout)
    logs = list((data_folder.path / "run").glob("*.log*"))
    assert logs
    for log in logs:
        assert not [line for line in log.read_text().split("\n") if not is_harmless(line)], log


def test_the_text_is_there_as_escapes_and_exact_in_json(data_folder: DataFolder, move: Move) -> None:
    assert "A\\x1b]0;x\\x07B\\u202eC\\u2028D\\u200bE\\x9b31m\\nF" in _run(data_folder, "moves", "list").stdout
    listed = json.loads(_run(data_folder, "moves", "list", "--json").stdout)["moves"]
    assert _TEXT in [entry["clip"] for entry in listed]
