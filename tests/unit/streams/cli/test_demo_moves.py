"""A song for a library without usable moves: the demo moves are offered."""

from __future__ import annotations

import asyncio
import os
import pty
import select
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from infra.kafka_connection import KafkaConnection
from infra.move_index.edge import EdgeMoveIndex
from infra.settings import Settings, load_settings
from schemas.faults import Poison
from schemas.move_indexed import Move
from streams.cli import demo_moves
from streams.cli.demo_moves import provide_moves, with_offer
from streams.local.services import Endpoint
from streams.page import library
from streams.page.server import Page
from tests.unit.infra.moves import make_move
from tests.unit.streams.cli.bachata import run

_TOKEN = "t" * 43
_USABLE = make_move(1)
_TOO_SHORT = make_move(2).model_copy(update={"eights": ()})
Provide = Callable[..., Awaitable[None]]


async def _ready() -> None:
    return None


@pytest.fixture
async def provide(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """Yield a function that calls `provide_moves` for a real page of a library with the given moves."""
    index = EdgeMoveIndex(tmp_path / "edge")
    stored: set[str] = set()

    async def call(*moves: Move, has_clips: bool = True, demo: bool = False, as_json: bool = False) -> None:
        for move in moves:
            index.upsert(move)
            stored.update({move.clip.sha256} if has_clips else ())
        page = Page([library.usable_route(index, stored.__contains__, _ready)], _TOKEN)
        await page.start()
        endpoint = Endpoint(KafkaConnection(""), page.url, _TOKEN)
        try:
            await asyncio.to_thread(provide_moves, load_settings(), endpoint, demo_moves=demo, as_json=as_json)
        finally:
            await page.stop()

    yield call
    index.close()


@pytest.fixture
def indexed(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Return the list of calls that would index the demo moves, which takes a minute."""
    calls: list[Settings] = []
    monkeypatch.setattr(demo_moves, "index_demo_moves", calls.append)
    return calls


async def test_a_library_with_a_usable_move_needs_nothing(provide: Provide, indexed: list[Settings]) -> None:
    await provide(_USABLE, _TOO_SHORT, demo=True)
    assert indexed == []


@pytest.mark.parametrize(
    ("moves", "has_clips", "reason"),
    [((), True, "empty_library"), ((_TOO_SHORT,), True, "no_usable_moves"), ((_USABLE,), False, "no_usable_moves")],
    ids=["empty", "too short", "clips are missing"],
)
async def test_without_a_terminal_the_song_is_submitted_and_its_fault_says_what_helps(
    moves: tuple[Move, ...], has_clips: bool, reason: str, provide: Provide, indexed: list[Settings]
) -> None:
    await provide(*moves, has_clips=has_clips)
    assert indexed == []
    assert with_offer(load_settings(), "x: index clips, `bachata index FOLDER`", reason).endswith(
        "`bachata index FOLDER`, or give --demo-moves to index the demo moves"
    )


def test_other_faults_of_a_song_offer_nothing() -> None:
    assert with_offer(load_settings(), "the song is silent", "silence") == "the song is silent"


@pytest.mark.parametrize("moves", [(), (_TOO_SHORT,)], ids=["empty", "too short"])
async def test_the_option_indexes_them_without_a_question(
    moves: tuple[Move, ...], provide: Provide, indexed: list[Settings]
) -> None:
    await provide(*moves, demo=True, as_json=True)
    assert len(indexed) == 1


@pytest.mark.parametrize(("answer", "is_indexed"), [("\n", True), ("y\n", True), ("n\n", False)])
async def test_on_a_terminal_the_command_asks_and_yes_is_the_default(
    answer: str, is_indexed: bool, provide: Provide, indexed: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        terminal, own = pty.openpty()
    except OSError as error:
        pytest.skip(f"this machine has no terminals: {error}")
    with os.fdopen(own, "r", closefd=False) as stdin, os.fdopen(own, "w") as stderr:
        monkeypatch.setattr("sys.stdin", stdin)
        monkeypatch.setattr("sys.stderr", stderr)
        os.write(terminal, answer.encode())
        with nullcontext() if is_indexed else pytest.raises(Poison, match="the library has no moves"):
            await provide()
        assert "The library has no moves. Index the demo moves first? [Y/n]" in _written_to(terminal)
        monkeypatch.undo()
    os.close(terminal)
    assert len(indexed) == is_indexed


def _written_to(terminal: int) -> str:
    text = b""
    while select.select([terminal], [], [], 0.2)[0]:
        text += os.read(terminal, 1000)
    return text.decode()


async def test_json_is_never_interrupted_by_a_question(
    provide: Provide, indexed: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    await provide(as_json=True)
    assert indexed == []


async def test_without_the_demo_set_only_the_users_clips_are_named(
    provide: Provide, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Settings, "demo_dir", tmp_path)
    await provide(demo=True)
    message = "the library is empty: index clips first, `bachata index FOLDER`"
    assert with_offer(load_settings(), message, "empty_library") == message


async def test_an_index_that_is_being_built_is_waited_for_by_the_scoring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "_CAUGHT_UP_TIMEOUT_S", 0.01)
    index = EdgeMoveIndex(tmp_path / "edge")
    page = Page([library.usable_route(index, lambda _: True, asyncio.Event().wait)], _TOKEN)  # type: ignore[arg-type]
    await page.start()
    endpoint = Endpoint(KafkaConnection(""), page.url, _TOKEN)
    await asyncio.to_thread(provide_moves, load_settings(), endpoint, demo_moves=False, as_json=False)
    await page.stop()
    index.close()


def test_the_option_is_documented_by_the_command() -> None:
    assert "--demo-moves" in run("generate", "--help").stdout
