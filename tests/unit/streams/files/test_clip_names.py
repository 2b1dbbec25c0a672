"""Clips that are indexed: what is annotated of them holds on, also where the library has no move of them now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra.kafka_connection import KafkaConnection
from infra.move_index.edge import EdgeMoveIndex
from infra.settings import load_settings
from schemas.faults import Retryable
from schemas.move_annotated import MoveAnnotation
from streams.files.clip_names import NamedClip, named_clips
from streams.files.clips import StoredClip
from streams.local import library as local_library
from streams.local.library import wait_for_library
from streams.local.services import Endpoint
from streams.page import library
from streams.page.server import Page
from tests.unit.infra.moves import make_move

_TOKEN = "t" * 43
_REMOVED = "ab" * 32
_EDITED = MoveAnnotation(difficulty="advanced", tags=("mine",))


async def _ready() -> None:
    return None


async def _never() -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def _worker(folder: Path, caught_up: Callable[[], Awaitable[None]]) -> AsyncIterator[Endpoint]:
    """Yield a real page of a library with one move, and with an annotation of a clip whose move was removed."""
    index = EdgeMoveIndex(folder / "edge")
    index.upsert(make_move(1))
    routes = [*library.routes(index), library.annotations_route(lambda: {_REMOVED: _EDITED}, caught_up)]
    page = Page(routes, _TOKEN)
    await page.start()
    try:
        yield Endpoint(KafkaConnection(""), page.url, _TOKEN)
    finally:
        await page.stop()
        index.close()


def _named(endpoint: Endpoint, folder: Path) -> list[NamedClip]:
    (load_settings().run_dir / "indexing").mkdir(parents=True, exist_ok=True)
    clips = [StoredClip(sha256, (folder / f"{sha256[:4]}.mp4",)) for sha256 in (_REMOVED, make_move(1).clip.sha256)]
    with named_clips(load_settings(), endpoint, clips) as named:
        return named


async def test_the_annotation_of_a_removed_move_holds_on(tmp_path: Path) -> None:
    async with _worker(tmp_path, _ready) as endpoint:
        removed, present = await asyncio.to_thread(_named, endpoint, tmp_path)
    assert removed.annotation == _EDITED
    assert (present.name, present.annotation) == (make_move(1).name, None)


async def test_a_library_that_is_not_complete_is_no_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_CAUGHT_UP_TIMEOUT_S", 0.01)
    async with _worker(tmp_path, _never) as endpoint:
        with pytest.raises(Retryable, match="being built"):
            await asyncio.to_thread(_named, endpoint, tmp_path)


async def test_a_command_waits_for_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_CAUGHT_UP_TIMEOUT_S", 0.01)
    monkeypatch.setattr(local_library, "_POLL_INTERVAL_S", 0.01)
    calls = 0

    async def at_the_third() -> None:
        nonlocal calls
        calls += 1
        await (_ready() if calls > 2 else _never())

    async with _worker(tmp_path, at_the_third) as endpoint:
        await asyncio.to_thread(wait_for_library, endpoint)
        assert calls == 3
        monkeypatch.setattr(local_library, "_COMPLETE_TIMEOUT_S", 0.05)
        calls = -100
        with pytest.raises(Retryable, match="being built"):
            await asyncio.to_thread(wait_for_library, endpoint)
