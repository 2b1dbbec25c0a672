"""`bachata moves boundaries` and its page: the least sure first, each with a picture, no stranger's text as HTML."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infra.kafka_connection import KafkaConnection
from infra.media_store import MediaStore
from infra.move_index.edge import EdgeMoveIndex
from infra.settings import load_settings
from schemas.boundary import Boundary
from schemas.move_indexed import Move
from streams.cli.moves import boundaries as boundaries_command
from streams.cli.moves import moves
from streams.cli.moves.boundaries_page import boundaries_page, stills
from streams.local.services import Endpoint
from streams.operations.boundaries import ClipBoundary, boundaries_of
from streams.page import library
from streams.page.server import Page
from tests.unit.infra.moves import make_boundary, make_move
from tests.unit.move_indexing import known_dancers

_TOKEN = "t" * 43
_ATTACK = '"><script>alert(1)</script>'


def _move(number: int, *boundaries: Boundary, **fields: Any) -> Move:
    return make_move(number).model_copy(update={"boundaries": boundaries, "count_confidence": 0.9, **fields})


def _listed(*boundaries: Boundary, **fields: Any) -> list[ClipBoundary]:
    return list(boundaries_of(_move(0, *boundaries, **fields)))


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(moves, ["boundaries", *map(str, arguments)])


@pytest.fixture
async def of_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Serve a library of a clip in the media store with three boundaries, one that is not, and an older one."""
    MediaStore(load_settings().media_dir).add(known_dancers.clip(tmp_path / "clip.mp4"), "video")
    unsure = make_boundary(4, hold="wrap", hold_confidence=0.41)
    index = EdgeMoveIndex(tmp_path / "edge")
    index.upsert(
        _move(0, make_boundary(0), unsure, Boundary(beat=8), clip=known_dancers.move(tmp_path / "clip.mp4").clip),
        _move(1, make_boundary(0, facing_confidence=0.7)),
        make_move(2),
    )
    page = Page(library.routes(index), _TOKEN)
    await page.start()
    endpoint = Endpoint(KafkaConnection(""), page.url, _TOKEN)
    monkeypatch.setattr(boundaries_command, "stream", lambda *_: nullcontext(endpoint))
    yield
    await page.stop()
    index.close()


@pytest.mark.usefixtures("of_library")
async def test_the_least_sure_boundaries_are_listed_first_and_unknown_ones_last() -> None:
    listed = await asyncio.to_thread(_run)
    assert [re.split(r"\s{2,}", line) for line in listed.stdout.splitlines()] == [
        ["clip_000", "1.98 s", "5", "wrap ?, L-R", "free: lead left, follow right", "face to face"],
        ["clip_001", "0.10 s", "1", "closed, L-R", "free: lead left, follow right", "face to face ?"],
        ["clip_000", "0.10 s", "1", "closed, L-R", "free: lead left, follow right", "face to face"],
        [
            *("clip_000", "3.86 s", "1", "hold unknown, hands unknown"),
            *("free: lead unknown, follow unknown", "facing unknown"),
        ],
    ]
    assert "without boundaries, index them again: clip_002 (1 moves)" in listed.stderr


@pytest.mark.usefixtures("of_library")
async def test_boundaries_are_chosen_by_move_hold_count_and_number() -> None:
    first, unsure, other, unknown = (("clip_000", 0), ("clip_000", 4), ("clip_001", 0), ("clip_000", 8))
    for arguments, expected, number in (
        (["clip_001"], [other], 1),
        (["--hold", "wrap"], [unsure], 1),
        (["--count", "1"], [other, first, unknown], 3),
        (["--limit", "1"], [unsure], 4),
        (["clip_002"], [], 0),
    ):
        completed = await asyncio.to_thread(_run, *arguments, "--json")
        fields = json.loads(completed.stdout)
        assert [(each["clip"], each["beat"]) for each in fields["boundaries"]] == expected
        assert fields["found"] == number
        assert ("the 1 least sure of 4 boundaries" in completed.stderr) == ("--limit" in arguments)
    wrong = await asyncio.to_thread(_run, "clip_009", "--json")
    assert json.loads(wrong.stdout)["reason"] == "unknown_move"


@pytest.mark.usefixtures("of_library")
async def test_the_page_has_a_picture_of_each_boundary_whose_clip_is_in_the_store(tmp_path: Path) -> None:
    target = tmp_path / "boundaries.html"
    completed = await asyncio.to_thread(_run, "--html", target, "--json")
    fields = json.loads(completed.stdout)
    assert fields["html"] == str(target)
    assert fields["boundaries"][0] | {"clip": "clip_000", "time_s": 1.98, "on_count": 5} == fields["boundaries"][0]
    assert (fields["boundaries"][0]["hold"], fields["boundaries"][0]["confidence"]) == ("wrap", 0.41)
    assert (fields["boundaries"][0]["count"], fields["boundaries"][0]["count_confidence"]) == ("sure", 0.9)
    written = target.read_text(encoding="utf-8")
    assert written.count("<figure") == 4
    assert written.count("<img") == 3
    assert "no picture of clip_001" in completed.stderr
    printed = await asyncio.to_thread(_run, "--html", target)
    assert printed.stdout.strip() == str(target)


def test_tiles_are_coloured_by_confidence_and_can_be_ordered_and_filtered() -> None:
    listed = _listed(make_boundary(0), make_boundary(4, hold="wrap", hold_confidence=0.41, facing_confidence=0.7))
    page = boundaries_page(sorted(listed, key=lambda each: each.by_confidence), {})
    first, second = re.findall(r"<figure.*?</figure>", page)
    assert '<span class=low title="0.41">wrap ?</span>' in first
    assert '<span class=unsure title="0.70">face to face ?</span>' in first
    assert '<span class=sure title="0.90">closed</span>' in second
    assert 'data-by-sure="0" data-by-clip="1" data-hold="wrap" data-count="5"' in first
    assert 'data-by-sure="1" data-by-clip="0" data-hold="closed" data-count="1"' in second
    assert '<option value="closed">closed</option><option value="wrap">wrap</option>' in page


def test_an_unsure_count_has_a_question_mark() -> None:
    sure, unsure = (boundaries_page(_listed(make_boundary(0), count_confidence=c), {}) for c in (0.9, 0.5))
    assert "<b>1</b> 0.10 s" in sure
    assert "<b>1</b> ? 0.10 s" in unsure


def test_names_of_strangers_are_text() -> None:
    page = boundaries_page(_listed(make_boundary(0), name=_ATTACK), {})
    assert page.count("<script>") == 1
    assert page.count("&lt;script&gt;") == 2


def test_a_clip_without_a_file_costs_only_its_own_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    assert stills(_listed(make_boundary(0))) == {}
    assert "warning: no picture of clip_000: the clip of 'clip_000' is no longer in the media store" in (
        capsys.readouterr().err
    )
