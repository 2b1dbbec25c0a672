"""`bachata moves couples` and its page: each couple with its clips and pictures, and no text of a stranger as HTML."""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infra.kafka_connection import KafkaConnection
from infra.media_store import MediaStore
from infra.move_index.edge import EdgeMoveIndex
from infra.settings import load_settings
from schemas.look import Look
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Move
from streams.cli.moves import couples as couples_command
from streams.cli.moves import moves
from streams.cli.moves.couples_page import couples_page, pictured
from streams.local.services import Endpoint
from streams.page import library
from streams.page.server import Page
from tests.unit.infra.moves import make_move
from tests.unit.move_indexing import known_dancers

_TOKEN = "t" * 43
_ATTACK = '"><script>alert(1)</script>'
_BLACK = Look(lead=(20.0, 128.0, 128.0) * 4, follow=(20.0, 128.0, 128.0) * 4, room=(150.0, 128.0, 128.0, 5.0) * 40)
_WHITE = Look(lead=(230.0, 128.0, 128.0) * 4, follow=(230.0, 128.0, 128.0) * 4, room=(150.0, 128.0, 128.0, 5.0) * 40)


def _move(number: int, look: Look | None, couple: str | None = None) -> Move:
    annotation = MoveAnnotation(couple=couple) if couple else None
    return make_move(number).model_copy(update={"look": look, "annotation": annotation})


def _couple(*clips: str, name: str = "couple-1") -> dict[str, Any]:
    return {
        "name": name,
        "rooms": ["room-1"],
        "moves": [{"clip": clip, "sha256": clip.encode().hex()} for clip in clips],
    }


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(moves, ["couples", *map(str, arguments)])


async def test_the_couples_are_listed_and_written_as_a_page_with_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = MediaStore(load_settings().media_dir).add(known_dancers.clip(tmp_path / "clip.mp4"), "video")
    pictured_move = _move(0, _BLACK).model_copy(update={"clip": known_dancers.move(tmp_path / "clip.mp4").clip})
    index = EdgeMoveIndex(tmp_path / "edge")
    index.upsert(pictured_move, _move(1, _BLACK), _move(2, _WHITE, "Ana & Leo"), _move(3, None))
    page = Page(library.routes(index), _TOKEN)
    await page.start()
    endpoint = Endpoint(KafkaConnection(""), page.url, _TOKEN)
    monkeypatch.setattr(couples_command, "stream", lambda *_: nullcontext(endpoint))
    listed = await asyncio.to_thread(_run)
    lines = [line.split(maxsplit=3) for line in listed.stdout.splitlines()]
    assert lines[0] == ["couple-1", "2", "room-1", "clip_000, clip_001"]
    assert listed.stdout.splitlines()[1].split() == ["Ana", "&", "Leo", "1", "room-1", "clip_002"]
    assert lines[2] == ["unknown", "1", "unknown", "clip_003"]
    target = tmp_path / "couples.html"
    as_json = json.loads((await asyncio.to_thread(_run, "--html", target, "--json")).stdout)
    assert as_json["html"] == str(target)
    assert [(couple["name"], len(couple["moves"])) for couple in as_json["couples"]] == [
        ("couple-1", 2),
        ("Ana & Leo", 1),
        ("unknown", 1),
    ]
    assert as_json["couples"][0]["moves"][0]["sha256"] == stored.sha256
    assert [move["room"] for couple in as_json["couples"] for move in couple["moves"]] == [*["room-1"] * 3, "unknown"]
    written = target.read_text(encoding="utf-8")
    assert written.count("<section>") == 3
    assert written.count("<img") == 1
    assert "Ana &amp; Leo" in written
    await page.stop()
    index.close()


def test_names_of_strangers_are_text() -> None:
    couple = _couple(_ATTACK, name=_ATTACK) | {"rooms": [_ATTACK]}
    page = couples_page([couple], {_ATTACK.encode().hex(): b"jpeg"})
    assert "<script>" not in page
    assert page.count("&lt;script&gt;") == 4


def test_a_large_couple_has_twelve_pictures_and_the_names_of_its_other_clips() -> None:
    couple = _couple(*(f"clip_{n:02d}" for n in range(30)))
    assert len(pictured(couple)) <= 12
    page = couples_page([couple], {move["sha256"]: b"jpeg" for move in couple["moves"]})
    assert page.count("<img") == len(pictured(couple))
    assert all(f"clip_{n:02d}" in page for n in range(30))
    assert "30 clips, room-1" in page
