"""The couples of the library are computed once for each version of it, also for requests at the same time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from infra.move_index.base import MoveIndex
from infra.move_index.edge import EdgeMoveIndex
from schemas.faults import Unavailable
from streams.page import library
from streams.page.server import Page
from tests.unit.infra.moves import make_move

_TOKEN = "t" * 43


async def _get(page: Page) -> tuple[int, list[str]]:
    """Return the status and the names of the clips of all couples."""
    headers = {"Authorization": f"Bearer {_TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(f"{page.url}/couples") as response:
        found = await response.json()
        assert response.content_type == "application/json"
    return response.status, [move["clip"] for couple in found.get("couples", []) for move in couple["moves"]]


async def test_the_couples_are_computed_once_for_each_version_of_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, failures, computed = library._couples, [Unavailable("the index is closed", "move_index")], []

    def counted(index: MoveIndex) -> list[dict[str, Any]]:
        if failures:
            raise failures.pop()
        computed.append(index.version())
        return compute(index)

    monkeypatch.setattr(library, "_couples", counted)
    index = EdgeMoveIndex(tmp_path / "edge")
    index.upsert(make_move(0))
    page = Page(library.routes(index), _TOKEN)
    await page.start()
    assert (await _get(page))[0] == 503
    assert await asyncio.gather(*(_get(page) for _ in range(8))) == [(200, ["clip_000"])] * 8
    assert len(computed) == 1
    index.upsert(make_move(1))
    assert await _get(page) == (200, ["clip_000", "clip_001"])
    assert len(computed) == 2
    await page.stop()
    index.close()
