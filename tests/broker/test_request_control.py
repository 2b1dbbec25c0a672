"""Requests are cancelled, held and resumed, and interactive ones go first, on the real Kafka and worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from schemas.base import Options, Source
from schemas.move_submitted import MoveSubmitted
from schemas.progress import Progress
from streams.client import Client
from streams.ids import new_request_id
from tests.broker.conftest import DataFolder, request_in_partition_of

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture
async def client(data_folder: DataFolder) -> AsyncIterator[Client]:
    async with Client(data_folder.kafka, data_folder=data_folder.path) as client:
        yield client


def _clip(path: Path) -> MoveSubmitted:
    """Return a request whose work takes many seconds: 30 frames per second, in no cache."""
    return MoveSubmitted(
        source=Source(path=str(path)), clip="cancelled", request_id=new_request_id(), quality="high_quality"
    )


@pytest.fixture
def clip(data_folder: DataFolder, demo_dir: Path) -> Path:
    """Return a clip of another content than all others, below an allowed folder."""
    path = data_folder.path / "songs" / "cancelled.mp4"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((demo_dir / "clips" / "basic_side.mp4").read_bytes() + b"\x00\x00\x00\x0cfree1234")
    return path


async def test_a_clip_is_cancelled_while_a_process_works_on_it(
    data_folder: DataFolder, client: Client, clip: Path
) -> None:
    request = _clip(clip)
    await client.submit_event(request)
    states = []
    async for update in client.watch(str(request.request_id)):
        if isinstance(update, Progress):
            states.append(update.state)
            if update.state == "running":
                answer = await asyncio.to_thread(data_folder.bachata, "cancel", str(request.request_id))
                assert answer.json == {"requests": [{"request_id": request.request_id, "cancelled": True}]}
        else:
            assert (update.state, update.reason) == ("cancelled", "cancelled")
    assert "running" in states


async def test_a_held_song_waits_until_it_is_resumed_and_cannot_be_cancelled_when_it_is_done(
    data_folder: DataFolder, client: Client, demo_song: Path, one_move: dict[str, Any]
) -> None:
    request_id = new_request_id()
    await asyncio.to_thread(data_folder.bachata, "hold", request_id)
    assert await client.cancel(request_in_partition_of(request_id))  # so the worker knows of the hold
    await client.submit(demo_song, options=Options(duration="30s", quality="fast"), request_id=request_id)
    updates = client.watch(request_id)
    waiting = await anext(updates)
    assert isinstance(waiting, Progress)
    assert (waiting.step, waiting.state, waiting.reason) == ("intake", "waiting", "held")
    await asyncio.to_thread(data_folder.bachata, "resume", request_id)
    assert (await client.wait(request_id)).video is not None
    assert not await client.cancel(request_id)
