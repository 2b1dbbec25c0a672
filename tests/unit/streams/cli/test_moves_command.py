"""`bachata moves show` and `moves map`: names of moves, error messages, and the files written."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agents.move_indexing.dancers import detection_cache
from infra.kafka_connection import KafkaConnection
from infra.media_store import MediaStore
from infra.move_index.edge import EdgeMoveIndex
from infra.settings import load_settings
from schemas.faults import Poison
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Move, MoveSummary
from schemas.safe_text import escaped
from streams.cli.moves import boundaries, couples, draw, edit, find, moves, remove
from streams.cli.moves.group import resolve
from streams.cli.moves.remove import removable
from streams.local.services import Endpoint
from streams.page import library
from streams.page.server import Page
from tests.unit.infra.moves import MOVES, make_move
from tests.unit.move_indexing import known_dancers
from tests.unit.move_scoring.builders import make_move as counted_move

_TOKEN = "t" * 43
ENTRIES = [
    {"clip": "basic_side", "sha256": "ab" * 32},
    {"clip": "dip", "sha256": "cd" * 32},
    {"clip": "dip", "sha256": "ce" * 32},
    {"clip": "abab", "sha256": "ef" * 32},
]


class FakePage:
    """The worker's page of a library with `moves`."""

    def __init__(self, moves: list[Move]) -> None:
        self.moves = moves

    def get(self, path: str) -> dict[str, Any]:
        """Return the same JSON as the worker's page."""
        if path.startswith("/moves/"):
            return next(m.summary().model_dump(mode="json") for m in self.moves if path.endswith(m.clip.sha256))
        listed = [{"clip": m.name, "sha256": m.clip.sha256, "category": m.category} for m in self.moves]
        embeddings = [
            {"embedding": list(m.embedding), "embedding_version": m.embedding_version} if "embeddings" in path else {}
            for m in self.moves
        ]
        return {"moves": [entry | more for entry, more in zip(listed, embeddings, strict=True)]}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> FakePage:
    fake = FakePage([])

    @contextmanager
    def stream(*_: object) -> Iterator[FakePage]:
        yield fake

    for module in (draw, edit, find, remove):
        monkeypatch.setattr(module, "stream", stream)
    return fake


@pytest.fixture
def clip(tmp_path: Path, page: FakePage, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clip in the media store and in the library, with cached detections."""
    path = known_dancers.clip(tmp_path / "clip.mp4")
    MediaStore(load_settings().media_dir).add(path, "video")
    summary = known_dancers.move(path)
    page.moves.append(Move(**summary.model_dump(), embedding=MOVES[0].embedding))
    monkeypatch.setattr(detection_cache, "DancerFinder", known_dancers.Finder)
    detection_cache.cached_detections(path, summary.clip.sha256, "fast", Path("none"), load_settings().derived_dir)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(moves, [*map(str, arguments)])


def run_failing(*arguments: str | Path) -> tuple[str, str]:
    """Run a command that must fail with single line; return its reason code and that line."""
    completed = run(*arguments, "--json")
    assert completed.exit_code == 1
    error = json.loads(completed.stdout)
    *_, last = completed.stderr.splitlines()
    assert last == f"error: {error['error']}"
    return error["reason"], last


@pytest.mark.parametrize(
    ("name", "index"), [("basic_side", 0), ("ab" * 32, 0), ("ABABAB", 0), ("cdcd", 1), ("cece", 2), ("abab", 3)]
)
def test_a_move_is_found_by_its_clip_or_the_beginning_of_its_hash(name: str, index: int) -> None:
    assert resolve(name, ENTRIES) == ENTRIES[index]["sha256"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("basic_sid", "do you mean basic_side?"),
        ("dip", "ambiguous: 2 clips; give a hash: cdcdcdcdcdcd, cececececece"),
        ("zzzzzz", "`bachata moves list` lists all"),
        ("c", "`bachata moves list` lists all"),
        ("", "`bachata moves list` lists all"),
    ],
)
def test_an_unknown_or_ambiguous_name_is_an_error_with_a_suggestion(name: str, expected: str) -> None:
    with pytest.raises(Poison, match=expected) as raised:
        resolve(name, ENTRIES)
    assert raised.value.reason == "unknown_move"


def test_an_empty_library_is_an_error(page: FakePage, tmp_path: Path) -> None:
    with pytest.raises(Poison, match="bachata index FOLDER"):
        resolve("dip", [])
    reason, line = run_failing("map", "--png", tmp_path / "a.png")
    assert reason == "no_moves"
    assert "bachata index FOLDER" in line
    assert not (tmp_path / "a.png").exists()


def test_show_prints_how_sure_the_count_is_and_what_to_do_where_it_is_not(page: FakePage) -> None:
    page.moves[:] = [
        counted_move(1, count_confidence=0.975).annotated(MoveAnnotation(style="sensual")),
        counted_move(2, count_confidence=0.799),
        counted_move(3),
    ]
    lines = run("show", "clip_1").stdout.splitlines()
    assert lines[2:] == ["count: sure 0.97; 1 at 0.20, 4.04, 7.88 s", "annotated: style sensual"]
    assert "count: unsure 0.79, annotate one with --first-one; 1 at" in run("show", "clip_2").stdout
    assert "count: unknown, index the clip again; 1 at" in run("show", "clip_3").stdout
    card = json.loads(run("show", "clip_2", "--json").stdout)
    assert (card["count"], card["count_confidence"], card["png"]) == ("unsure", 0.799, None)
    assert json.loads(run("show", "clip_3", "--json").stdout)["count_confidence"] is None


def test_the_list_says_how_sure_each_count_is_and_names_the_unsure_ones(
    page: FakePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves = [counted_move(1, count_confidence=0.97), counted_move(2, count_confidence=0.4), counted_move(3)]
    monkeypatch.setattr(page, "get", lambda _: {"moves": [library._summary(move.summary()) for move in moves]})
    listed = run("list")
    for line, count in zip(listed.stdout.splitlines(), ("sure 0.97", "unsure 0.40", "unknown"), strict=True):
        assert line.endswith(f"count: {count}")
    assert "the 1 is unsure of clip_2: settle it with `bachata moves edit MOVE --first-one S`" in listed.stderr


def test_no_high_number_is_beside_an_unsure_count(page: FakePage) -> None:
    move = counted_move(1, count_confidence=0.98)
    page.moves[:] = [move.annotated(MoveAnnotation(first_one_s=move.beats[move.counts.index(5)]))]
    assert "count: unsure, annotate one with --first-one; 1 at" in run("show", "clip_1").stdout
    card = json.loads(run("show", "clip_1", "--json").stdout)
    assert (card["count"], card["count_confidence"]) == ("unsure", 0.98)


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "m", "--png", "file/a.png"),
        ("show", "m", "--png", "a", "--video", "./a"),
        ("map", "--png", "file/a"),
        ("couples", "--html", "file/a.html"),
        ("boundaries", "--html", "file/a.html"),
    ],
)
def test_an_invalid_output_file_is_an_error_before_anything_is_started(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    for command in (draw, couples, boundaries):
        monkeypatch.setattr(command, "stream", None)
    assert run_failing(*arguments)[0] == "bad_target"


def test_a_move_is_drawn_to_the_output_files(clip: Path, tmp_path: Path) -> None:
    png, video = tmp_path / "new" / "a.png", tmp_path / "a.mp4"
    completed = run("show", "to_and_fro", "--png", png, "--video", video, "--json")
    assert completed.exit_code == 0, completed.stderr
    printed = json.loads(completed.stdout)
    assert (printed["png"], printed["video"], printed["count"]) == (str(png), str(video), "unknown")
    assert png.read_bytes()[:4] == b"\x89PNG"
    assert video.read_bytes()[4:8] == b"ftyp"
    assert "drawing png and video of to_and_fro" in completed.stderr
    single = run("show", known_dancers.move(clip).clip.sha256[:8], "--png", png)
    assert single.stdout == f"{png}\n"


def test_the_clip_itself_is_not_overwritten(clip: Path) -> None:
    before = clip.read_bytes()
    reason, line = run_failing("show", "to_and_fro", "--video", clip)
    assert reason == "bad_target"
    assert "it is the clip itself" in line
    assert clip.read_bytes() == before


def test_a_clip_that_is_missing_in_the_store_is_one_line(clip: Path, tmp_path: Path) -> None:
    sha256 = known_dancers.move(clip).clip.sha256
    MediaStore(load_settings().media_dir).path(sha256).unlink()
    reason, line = run_failing("show", "to_and_fro", "--png", tmp_path / "a.png")
    assert reason == "unknown_media"
    assert "index it again" in line
    assert not (tmp_path / "a.png").exists()


def test_the_map_draws_the_moves_of_the_newest_embedding_version(page: FakePage, tmp_path: Path) -> None:
    old = MOVES[5].model_copy(update={"embedding_version": MOVES[0].embedding_version - 1})
    page.moves = [*MOVES[:5], old]
    completed = run("map", "--png", tmp_path / "a.png", "--json")
    assert "1 moves were indexed by an older version" in completed.stderr
    assert json.loads(completed.stdout) == {"png": str(tmp_path / "a.png")}
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


async def test_only_embeddings_of_one_version_are_compared(tmp_path: Path) -> None:
    index = EdgeMoveIndex(tmp_path / "edge")
    query, similar, older = (make_move(number) for number in (1, 2, 3))
    for move, version in ((query, 2), (similar, 2), (older, 1)):
        index.upsert(move.model_copy(update={"embedding_version": version}))
    page = Page(library.routes(index), _TOKEN)
    await page.start()
    endpoint = Endpoint(KafkaConnection(""), page.url, _TOKEN)
    listed = (await asyncio.to_thread(endpoint.get, "/moves?embeddings=1"))["moves"]
    assert {move["embedding_version"] for move in listed} == {1, 2}
    found = (await asyncio.to_thread(endpoint.post, "/moves/search", {"like": query.clip.sha256}))["moves"]
    assert {move["sha256"] for move in found} == {query.clip.sha256, similar.clip.sha256}
    assert len((await asyncio.to_thread(endpoint.post, "/moves/search", {}))["moves"]) == 3
    await page.stop()
    index.close()


async def test_the_library_is_listed_with_its_categories_and_written_as_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = EdgeMoveIndex(tmp_path / "edge")
    index.upsert(*MOVES[:7])
    page = Page(library.routes(index), _TOKEN)
    await page.start()
    monkeypatch.setattr(find, "stream", lambda *_: nullcontext(Endpoint(KafkaConnection(""), page.url, _TOKEN)))
    monkeypatch.setattr(find, "clips_without_source", lambda *_: {MOVES[0].clip.sha256})
    target = tmp_path / "library.html"
    listed = json.loads((await asyncio.to_thread(run, "list", "--html", target, "--json")).stdout)
    counts = Counter(move.category for move in MOVES[:7])
    assert listed["categories"] == counts
    assert list(listed["categories"].values()) == sorted(counts.values(), reverse=True)
    assert [move["clip"] for move in listed["moves"] if move["without_source"]] == [MOVES[0].name]
    assert listed["html"] == str(target)
    written = target.read_text(encoding="utf-8")
    assert all(move.name in written for move in MOVES[:7])
    assert written.count("its file is gone") == 1
    printed = await asyncio.to_thread(run, "list", "--html", target)
    assert printed.stdout.splitlines()[-1] == str(target)
    assert "7 moves: " in printed.stderr
    await page.stop()
    index.close()


async def test_a_search_softens_its_conditions_says_which_and_can_be_strict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = EdgeMoveIndex(tmp_path / "edge")
    index.upsert(*MOVES)
    page = Page(library.routes(index), _TOKEN)
    await page.start()
    endpoint = Endpoint(KafkaConnection(""), page.url, _TOKEN)
    monkeypatch.setattr(find, "stream", lambda *_: nullcontext(endpoint))
    conditions = ("search", "--style", "nothing", "--difficulty", "beginner", "--tempo", "300-400", "--top", "3")
    found = await asyncio.to_thread(run, *conditions)
    assert "no move meets all conditions; softened: style, tempo" in found.stderr
    assert len(found.stdout.splitlines()) == 3
    as_json = json.loads((await asyncio.to_thread(run, *conditions, "--json")).stdout)
    assert as_json["softened"] == ["style", "tempo"]
    assert {move["difficulty"] for move in as_json["moves"]} == {"beginner"}
    strict = await asyncio.to_thread(run, *conditions, "--strict", "--json")
    assert json.loads(strict.stdout) == {"moves": [], "softened": []}
    assert "softened" not in strict.stderr
    await page.stop()
    index.close()


async def test_the_workers_page_returns_the_summary_of_one_move(tmp_path: Path) -> None:
    index = EdgeMoveIndex(tmp_path / "edge")
    index.upsert(make_move(3))
    page = Page(library.routes(index), _TOKEN)
    await page.start()
    endpoint = Endpoint(KafkaConnection(""), page.url, _TOKEN)
    summary = await asyncio.to_thread(endpoint.get, f"/moves/{make_move(3).clip.sha256}")
    assert MoveSummary.model_validate(summary) == MoveSummary(**make_move(3).summary().model_dump())
    assert "embedding" not in summary
    for unknown in ("0" * 64, "nothing", "%2e%2e"):
        with pytest.raises(LookupError):
            await asyncio.to_thread(endpoint.get, f"/moves/{unknown}")
    await page.stop()
    index.close()


def test_a_move_with_an_odd_name_is_found_as_it_is_printed() -> None:
    entries = [{"clip": "a\x1b[31m b", "sha256": "ab" * 32}, {"clip": "other", "sha256": "cd" * 32}]
    for name in ("a\x1b[31m b", escaped("a\x1b[31m b"), "abab"):
        assert resolve(name, entries) == "ab" * 32


def test_a_move_that_cannot_be_read_is_removed_by_its_hash() -> None:
    entries = removable(ENTRIES, ["ab" * 32, "12" * 32])
    assert entries[-1] == {"clip": "", "sha256": "12" * 32}
    assert resolve("1212", entries) == "12" * 32
    with pytest.raises(Poison):
        resolve("", entries)


class RemovingPage(FakePage):
    """A page of a worker that needs a second to read of a removal."""

    def __init__(self, moves: list[Move]) -> None:
        super().__init__(moves)
        self.removed: list[str] = []
        self.answers = 0

    def get(self, path: str) -> dict[str, Any]:
        """Return the same JSON as the worker's page."""
        if path != "/library/clips":
            return super().get(path)
        self.answers += 1
        gone = self.removed if self.answers > 3 else []
        return {"clips": [move.clip.sha256 for move in self.moves if move.clip.sha256 not in gone] + ["12" * 32]}


def test_moves_are_removed_when_the_worker_has_read_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    page = RemovingPage(MOVES[:3])

    async def remove_moves(_: object, clips: list[str]) -> None:
        page.removed += clips

    @contextmanager
    def stream(*_: object) -> Iterator[Any]:
        yield Endpoint(KafkaConnection("unused:1"), "", _TOKEN)

    monkeypatch.setattr(remove, "stream", stream)
    monkeypatch.setattr(Endpoint, "get", lambda _, path: page.get(path))
    monkeypatch.setattr("streams.operations.library_events.remove_moves", remove_moves)
    result = CliRunner().invoke(moves, ["remove", "clip_000", MOVES[1].clip.sha256[:8], "ff" * 32, "--json"])
    assert result.exit_code == 0, result.output
    assert [move["clip"] for move in json.loads(result.stdout)["removed"]] == ["clip_000", "clip_001", None]
    assert page.removed == [MOVES[0].clip.sha256, MOVES[1].clip.sha256, "ff" * 32]
    assert page.answers > 3
