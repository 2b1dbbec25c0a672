"""`bachata moves remove` on a real Kafka and worker: any move can be removed, and none fails a song."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from schemas.move_indexed import MoveIndexed
from streams.kafka import make_producer
from streams.topics import MOVE_INDEXED
from tests.broker.conftest import DataFolder, wait_until
from tests.unit.infra.moves import make_move

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def _clips(data_folder: DataFolder) -> list[str]:
    listed = data_folder.bachata("moves", "list")
    assert listed.exit_code == 0, listed.stderr
    return [move["clip"] for move in listed.json["moves"]]


async def _publish(data_folder: DataFolder, *events: dict[str, Any]) -> None:
    async with make_producer(data_folder.kafka) as producer:
        for event in events:
            key = event["move"]["clip"]["sha256"].encode()
            await producer.send_and_wait(MOVE_INDEXED.full_name, json.dumps(event).encode(), key=key)


def test_a_removed_move_comes_back_when_its_clip_is_indexed_again(
    data_folder: DataFolder, one_move: dict[str, Any], short_clip: Path
) -> None:
    clip = one_move["clips"][0]
    removed = data_folder.bachata("moves", "remove", clip["clip"])
    assert removed.json == {"removed": [{"clip": clip["clip"], "sha256": clip["sha256"]}]}
    assert clip["clip"] not in _clips(data_folder)
    assert data_folder.bachata("moves", "remove", clip["clip"]).json["reason"] == "unknown_move"
    again = data_folder.bachata("index", short_clip, "--annotations", short_clip.parent / "annotations.json")
    assert [entry["status"] for entry in again.json["clips"]] == ["known"]
    assert clip["clip"] in _clips(data_folder)


def test_an_edit_outlives_the_removal_of_the_move(
    data_folder: DataFolder, one_move: dict[str, Any], short_clip: Path, tmp_path: Path
) -> None:
    clip = one_move["clips"][0]["clip"]
    edit = ("moves", "edit", clip, "--style", "sensual", "--notes", "by hand")
    assert data_folder.bachata(*edit).exit_code == 0
    data_folder.bachata("moves", "remove", clip)
    rows = tmp_path / "rows.csv"
    rows.write_text(f"clip,notes\n{clip},of the file\n")
    assert data_folder.bachata("index", short_clip, "--annotations", rows).exit_code == 0
    [move] = [move for move in data_folder.bachata("moves", "list").json["moves"] if move["clip"] == clip]
    assert (move["annotation"]["style"], move["annotation"]["notes"]) == ("sensual", "of the file")
    data_folder.bachata("moves", "edit", clip, "--clear", "style", "--clear", "notes")


def test_forged_moves_fail_no_song_and_can_be_removed(
    data_folder: DataFolder, one_move: dict[str, Any], demo_song: Path
) -> None:
    del one_move
    event = MoveIndexed(request_id="r", move=make_move(1, "basic_step")).model_dump(mode="json")
    backwards = MoveIndexed(request_id="r", move=make_move(2)).model_dump(mode="json")
    backwards["move"]["beats"].reverse()
    event["move"]["name"] = "\x1b]0;no clip\x07"
    asyncio.run(_publish(data_folder, event, backwards))
    wait_until(lambda: event["move"]["name"] in _clips(data_folder), 30)
    result = data_folder.bachata("generate", demo_song, "--duration", "30s", "--quality", "fast", "--seed", "5")
    assert result.exit_code == 0, result.stderr
    assert any("lacks the clips" in warning for warning in result.json["warnings"])
    hashes = [forged["move"]["clip"]["sha256"] for forged in (event, backwards)]
    removed = data_folder.bachata("moves", "remove", hashes[0][:10], hashes[1])
    assert [move["sha256"] for move in removed.json["removed"]] == hashes
    assert event["move"]["name"] not in _clips(data_folder)
