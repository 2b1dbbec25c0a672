"""`bachata moves edit`, `export` and `import` on a real Kafka and worker: a person's word holds, and is taken back."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from infra.media_store import MediaStore
from infra.settings import Settings
from schemas.base import Source
from schemas.move_submitted import MoveSubmitted
from streams.client import Client, SyncClient
from streams.ids import new_request_id
from streams.kafka import make_consumer, partitions_of
from streams.topics import MOVE_ANNOTATED, specs
from tests.broker.conftest import DataFolder

pytestmark = [pytest.mark.broker, pytest.mark.slow]
_OF_THE_LIST = ("move", "category", "difficulty", "energy", "annotation", "judged")


def _listed(data_folder: DataFolder, clip: str) -> dict[str, Any]:
    [found] = [move for move in data_folder.bachata("moves", "list").json["moves"] if move["clip"] == clip]
    return {name: found[name] for name in _OF_THE_LIST}


def _version(data_folder: DataFolder) -> str:
    return str(data_folder.library()["version"])


async def _ends(data_folder: DataFolder) -> dict[str, int]:
    """Return the number of records of each topic that a step or a request writes."""
    consumer = make_consumer(data_folder.kafka)
    await consumer.start()
    try:
        names = [
            spec.name for spec in specs() if spec.name != MOVE_ANNOTATED.full_name and "changelog" not in spec.name
        ]
        partitions = await partitions_of(consumer._client, names)
        ends = await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()
    return {name: sum(end for tp, end in ends.items() if tp.topic == name) for name in names}


def _embedding(data_folder: DataFolder, clip: str) -> list[float]:
    listed = data_folder.bachata("moves", "list", "--embeddings").json["moves"]
    return next(move["embedding"] for move in listed if move["clip"] == clip)


def test_an_edit_analyses_nothing(data_folder: DataFolder, one_move: dict[str, Any]) -> None:
    clip = one_move["clips"][0]["clip"]
    ends, embedding = asyncio.run(_ends(data_folder)), _embedding(data_folder, clip)
    data_folder.bachata("moves", "edit", clip, "--difficulty", "advanced", "--tempo", "140")
    assert _listed(data_folder, clip)["difficulty"] == "advanced"
    assert asyncio.run(_ends(data_folder)) == ends
    assert _embedding(data_folder, clip) == embedding
    data_folder.bachata("moves", "edit", clip, "--clear", "difficulty", "--clear", "tempo_bpm")


def test_an_edit_holds_at_once_and_clearing_it_brings_back_the_judgement(
    data_folder: DataFolder, one_move: dict[str, Any]
) -> None:
    clip = one_move["clips"][0]["clip"]
    before, version = _listed(data_folder, clip), _version(data_folder)
    edit = ("moves", "edit", clip, "--difficulty", "advanced", "--style", "sensual", "--tag", "x", "--tag", "y")
    [edited] = data_folder.bachata(*edit).json["moves"]
    assert edited["difficulty"] == "advanced"
    assert edited["judged"] == before["judged"]
    after = _listed(data_folder, clip)
    assert (after["difficulty"], after["energy"]) == ("advanced", before["energy"])
    assert after["annotation"] == before["annotation"] | {
        "difficulty": "advanced",
        "style": "sensual",
        "tags": ["x", "y"],
    }
    assert _version(data_folder) != version
    cleared = ("--clear", "difficulty", "--clear", "style", "--clear", "tags")
    data_folder.bachata("moves", "edit", clip, *cleared)
    assert _listed(data_folder, clip)["difficulty"] == before["judged"]["difficulty"]


def test_an_export_is_imported_after_a_change(
    data_folder: DataFolder, one_move: dict[str, Any], tmp_path: Path
) -> None:
    clip = one_move["clips"][0]["clip"]
    file = tmp_path / "moves.csv"
    assert data_folder.bachata("moves", "export", file).exit_code == 0
    assert data_folder.bachata("moves", "import", file).json["changed"] == 0
    file.write_text(f"clip,energy,notes\n{clip},high,by hand\n")
    assert data_folder.bachata("moves", "import", file).json["changed"] == 1
    after = _listed(data_folder, clip)
    assert (after["energy"], after["annotation"]["notes"]) == ("high", "by hand")
    file.write_text(f"clip,energy\n{clip},low\nno such clip,low\nneither,low\n")
    failed = data_folder.bachata("moves", "import", file)
    assert failed.json["reason"] == "invalid_annotations"
    assert "row 3 (no such clip)" in failed.stderr
    assert "row 4 (neither)" in failed.stderr
    assert _listed(data_folder, clip)["energy"] == "high"


def test_an_edit_without_a_change_or_a_move_is_one_line(data_folder: DataFolder, one_move: dict[str, Any]) -> None:
    clip = one_move["clips"][0]["clip"]
    assert data_folder.bachata("moves", "edit", clip).json["reason"] == "no_change"
    assert data_folder.bachata("moves", "edit", "nothing", "--energy", "low").json["reason"] == "unknown_move"
    for option, value in (("--tempo", "7"), ("--notes", 3_000 * "x"), ("--tag", 300 * "x"), ("--style", "")):
        failed = data_folder.bachata("moves", "edit", clip, option, value).json
        assert (failed["reason"], failed["error"].partition(":")[0]) == ("invalid_annotations", option)


def _ones(data_folder: DataFolder, clip: str) -> list[float]:
    ones: list[float] = data_folder.bachata("moves", "show", clip).json["ones_s"]
    return ones


def test_an_annotated_1_holds_however_its_clip_is_indexed_again(
    data_folder: DataFolder, one_move: dict[str, Any], short_clip: Path
) -> None:
    clip, beats = one_move["clips"][0]["clip"], one_move["clips"][0]["beats"]
    before = _ones(data_folder, clip)
    first_one_s = round(next(beat for beat in beats[1:] if beat not in before) + 0.05, 2)
    edited = data_folder.bachata("moves", "edit", clip, "--first-one", str(first_one_s))
    assert edited.exit_code == 0, edited.stderr
    [move] = edited.json["moves"]
    assert (move["annotation"]["first_one_s"], move["error"]) == (first_one_s, None)
    after = _ones(data_folder, clip)
    assert min(abs(one - first_one_s) for one in after) < 0.1
    assert (move["count"], move["count_confidence"]) == ("sure", 1.0)

    data_folder.bachata("index", short_clip)
    assert _ones(data_folder, clip) == after, "indexed from its file"
    by_path = data_folder.path / "songs" / "by_path.mp4"
    by_path.parent.mkdir(exist_ok=True)
    shutil.copy(short_clip, by_path)
    with SyncClient(Client(data_folder.kafka, data_folder=data_folder.path)) as client:
        event = MoveSubmitted(source=Source(path=str(by_path)), clip=clip, request_id=new_request_id())
        client.wait(client.submit_event(event), timeout_s=120)
    assert _ones(data_folder, clip) == after, "indexed from a path, by a program that knows no annotation"

    cleared = data_folder.bachata("moves", "edit", clip, "--clear", "first_one_s")
    assert cleared.exit_code == 0, cleared.stderr
    assert _ones(data_folder, clip) == before

    file = data_folder.path.with_name("first_ones.csv")
    for first_one, ones in ((str(first_one_s), after), ("", before)):
        file.write_text(f"clip,first_one_s\n{clip},{first_one}\n")
        assert data_folder.bachata("moves", "import", file).json == {"changed": 1, "unchanged": 0, "indexed": 1}
        assert _ones(data_folder, clip) == ones


def test_a_1_holds_also_where_its_clip_cannot_be_indexed_now(
    data_folder: DataFolder, one_move: dict[str, Any], tmp_path: Path
) -> None:
    clip, sha256 = one_move["clips"][0]["clip"], one_move["clips"][0]["sha256"]
    stored = MediaStore(Settings(data_dir=data_folder.path).media_dir).path(sha256)
    first_one_s = _ones(data_folder, clip)[0]
    stored.rename(tmp_path / "away")
    try:
        failed = data_folder.bachata("moves", "edit", clip, "--first-one", str(first_one_s))
    finally:
        (tmp_path / "away").rename(stored)
    assert failed.exit_code == 1
    assert "media store has no file" in failed.json["moves"][0]["error"]
    assert _listed(data_folder, clip)["annotation"]["first_one_s"] == first_one_s
    assert data_folder.bachata("moves", "edit", clip, "--clear", "first_one_s").exit_code == 0


def test_a_1_that_the_clip_cannot_have_is_refused_and_changes_nothing(
    data_folder: DataFolder, one_move: dict[str, Any], tmp_path: Path
) -> None:
    clip, version = one_move["clips"][0]["clip"], _version(data_folder)
    failed = data_folder.bachata("moves", "edit", clip, "--first-one", "99").json
    assert failed["reason"] == "invalid_annotations"
    assert "--first-one: the clip has no picture at 99 s" in failed["error"]
    file = tmp_path / "moves.csv"
    file.write_text(f"clip,first_one_s\n{clip},99\n")
    assert f"{clip}, first_one_s: the clip has no picture" in data_folder.bachata("moves", "import", file).stderr
    assert data_folder.bachata("moves", "edit", clip, "--first-one", "-1").json["error"].startswith("--first-one: ")
    assert _version(data_folder) == version
