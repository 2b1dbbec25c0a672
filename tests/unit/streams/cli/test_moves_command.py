"""`bachata moves show` and `moves map`: what is meant by a name, what is said of mistakes, and the files made."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agents.move_indexing.dancers import detection_cache
from infra.media_store import MediaStore
from infra.move_index.edge import EdgeMoveIndex
from infra.settings import load_settings
from schemas.faults import Poison
from schemas.move_indexed import Move, MoveSummary
from streams.cli import moves
from streams.local.services import Endpoint
from streams.page import library
from streams.page.server import Page
from tests.unit.infra.moves import MOVES, make_move
from tests.unit.move_indexing import known_dancers

_TOKEN = "t" * 43
KNOWN = [
    {"clip": "basic_side", "sha256": "ab" * 32},
    {"clip": "dip", "sha256": "cd" * 32},
    {"clip": "dip", "sha256": "ce" * 32},
    {"clip": "abab", "sha256": "ef" * 32},
]


class FakePage:
    """What the worker's page says of a library."""

    def __init__(self, known: list[Move]) -> None:
        self.known = known

    def get(self, path: str) -> dict[str, Any]:
        """As the worker's page."""
        if path.startswith("/moves/"):
            return next(m.card().model_dump(mode="json") for m in self.known if path.endswith(m.clip.sha256))
        listed = [{"clip": m.name, "sha256": m.clip.sha256, "category": m.category} for m in self.known]
        told = [
            {"embedding": list(m.embedding), "embedding_version": m.embedding_version} if "embeddings" in path else {}
            for m in self.known
        ]
        return {"moves": [one | more for one, more in zip(listed, told, strict=True)]}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> FakePage:
    fake = FakePage([])

    @contextmanager
    def stream(*_: object) -> Iterator[FakePage]:
        yield fake

    monkeypatch.setattr(moves, "stream", stream)
    return fake


@pytest.fixture
def clip(tmp_path: Path, page: FakePage, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clip in the store and in the library, looked at already."""
    path = known_dancers.clip(tmp_path / "clip.mp4")
    MediaStore(load_settings().media_dir).add(path, "video")
    card = known_dancers.move(path)
    page.known.append(Move(**card.model_dump(), embedding=MOVES[0].embedding))
    monkeypatch.setattr(detection_cache, "DancerFinder", known_dancers.Finder)
    detection_cache.cached_detections(path, card.clip.sha256, "fast", Path("none"), load_settings().cache_dir)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(moves.moves, [*map(str, arguments)])


def failed(*arguments: str | Path) -> tuple[str, str]:
    """(reason, line) of a command that must fail with one line."""
    done = run(*arguments, "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    *_, last = done.stderr.splitlines()
    assert last == f"error: {told['error']}"
    return told["reason"], last


@pytest.mark.parametrize(
    ("named", "index"), [("basic_side", 0), ("ab" * 32, 0), ("ABABAB", 0), ("cdcd", 1), ("cece", 2), ("abab", 3)]
)
def test_a_move_is_named_by_its_clip_or_the_beginning_of_its_hash(named: str, index: int) -> None:
    assert moves.resolve(named, KNOWN) == KNOWN[index]["sha256"]


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("basic_sid", "do you mean basic_side?"),
        ("dip", "any of 2 clips; name it by its hash: cdcdcdcdcdcd, cececececece"),
        ("zzzzzz", "`bachata moves list` names them"),
        ("c", "`bachata moves list` names them"),
        ("", "`bachata moves list` names them"),
    ],
)
def test_a_name_that_says_too_little_is_answered_with_what_to_do(named: str, said: str) -> None:
    with pytest.raises(Poison, match=said) as caught:
        moves.resolve(named, KNOWN)
    assert caught.value.reason == "unknown_move"


def test_in_an_empty_library_nothing_is_found_or_drawn(page: FakePage, tmp_path: Path) -> None:
    with pytest.raises(Poison, match="bachata index FOLDER"):
        moves.resolve("dip", [])
    reason, line = failed("map", "--png", tmp_path / "a.png")
    assert reason == "no_moves"
    assert "bachata index FOLDER" in line
    assert not (tmp_path / "a.png").exists()


def test_show_without_a_file_says_which_to_give() -> None:
    reason, line = failed("show", "basic_side")
    assert reason == "no_target"
    assert "--png FILE" in line
    assert "--video FILE" in line


@pytest.mark.parametrize(
    "arguments",
    [("show", "m", "--png", "file/a.png"), ("show", "m", "--png", "a", "--video", "./a"), ("map", "--png", "file/a")],
)
def test_a_target_that_cannot_be_is_refused_before_anything_is_started(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(moves, "stream", None)
    assert failed(*arguments)[0] == "bad_target"


def test_a_move_is_drawn_by_a_child_to_where_it_is_wanted(clip: Path, tmp_path: Path) -> None:
    png, video = tmp_path / "new" / "a.png", tmp_path / "a.mp4"
    done = run("show", "to_and_fro", "--png", png, "--video", video, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"png": str(png), "video": str(video)}
    assert png.read_bytes()[:4] == b"\x89PNG"
    assert video.read_bytes()[4:8] == b"ftyp"
    assert "drawing png and video of to_and_fro" in done.stderr
    one = run("show", known_dancers.move(clip).clip.sha256[:8], "--png", png)
    assert one.stdout == f"{png}\n"


def test_the_clip_itself_is_not_written_over(clip: Path) -> None:
    before = clip.read_bytes()
    reason, line = failed("show", "to_and_fro", "--video", clip)
    assert reason == "bad_target"
    assert "it is the clip itself" in line
    assert clip.read_bytes() == before


def test_a_clip_that_left_the_store_is_one_line(clip: Path, tmp_path: Path) -> None:
    sha256 = known_dancers.move(clip).clip.sha256
    MediaStore(load_settings().media_dir).path(sha256).unlink()
    reason, line = failed("show", "to_and_fro", "--png", tmp_path / "a.png")
    assert reason == "unknown_media"
    assert "index it again" in line
    assert not (tmp_path / "a.png").exists()


def test_the_library_is_drawn(page: FakePage, tmp_path: Path) -> None:
    old = MOVES[5].model_copy(update={"embedding_version": MOVES[0].embedding_version - 1})
    page.known = [*MOVES[:5], old]
    done = run("map", "--png", tmp_path / "a.png", "--json")
    assert "1 moves were indexed by an older version" in done.stderr
    assert json.loads(done.stdout) == {"png": str(tmp_path / "a.png")}
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


async def test_only_embeddings_of_one_version_are_compared(tmp_path: Path) -> None:
    index = EdgeMoveIndex(tmp_path / "edge")
    asked, alike, older = (make_move(number) for number in (1, 2, 3))
    for move, version in ((asked, 2), (alike, 2), (older, 1)):
        index.upsert(move.model_copy(update={"embedding_version": version}))
    page = Page(library.routes(index), _TOKEN)
    await page.start()
    endpoint = Endpoint("", page.url, _TOKEN)
    listed = (await asyncio.to_thread(endpoint.get, "/moves?embeddings=1"))["moves"]
    assert {move["embedding_version"] for move in listed} == {1, 2}
    found = (await asyncio.to_thread(endpoint.post, "/moves/search", {"like": asked.clip.sha256}))["moves"]
    assert {move["sha256"] for move in found} == {asked.clip.sha256, alike.clip.sha256}
    assert len((await asyncio.to_thread(endpoint.post, "/moves/search", {}))["moves"]) == 3
    await page.stop()
    index.close()


async def test_the_workers_page_tells_all_of_one_move(tmp_path: Path) -> None:
    index = EdgeMoveIndex(tmp_path / "edge")
    index.upsert(make_move(3))
    page = Page(library.routes(index), _TOKEN)
    await page.start()
    endpoint = Endpoint("", page.url, _TOKEN)
    told = await asyncio.to_thread(endpoint.get, f"/moves/{make_move(3).clip.sha256}")
    assert MoveSummary.model_validate(told) == MoveSummary(**make_move(3).card().model_dump())
    assert "embedding" not in told
    for unknown in ("0" * 64, "nothing", "%2e%2e"):
        with pytest.raises(LookupError):
            await asyncio.to_thread(endpoint.get, f"/moves/{unknown}")
    await page.stop()
    index.close()
