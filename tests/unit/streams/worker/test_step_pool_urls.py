"""The pool with songs at URLs: a step process fetches them within its limits, and may be killed meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agents.media.submitted import AcceptedMedia, SubmittedFile
from infra.settings import load_settings
from schemas.faults import Poison, Retryable
from streams.worker.step_pool import StepPool
from tests.file_server import FileServer, Request, file_server, hanging, head, response
from tests.processes import children_with
from tests.unit.media.media_builders import tone, write_sound


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    with file_server() as running:
        monkeypatch.setenv("BACHATA_URL_HOSTS", f"127.0.0.1:{running.port}")
        monkeypatch.setenv("BACHATA_URL_PRIVATE", "1")
        yield running


@pytest.fixture
async def pool(server: FileServer) -> AsyncIterator[StepPool]:
    pool = StepPool(1)
    yield pool
    await pool.stop()


async def accept(pool: StepPool, url: str, fractions: list[float]) -> AcceptedMedia:
    job_input = SubmittedFile(url=url, request_id="r1").model_dump_json()
    completed = await pool.run("intake", job_input, 60, fractions.append)
    return AcceptedMedia.model_validate_json(completed.result)


async def test_a_song_at_a_url_is_fetched_by_a_step_process(server: FileServer, pool: StepPool, tmp_path: Path) -> None:
    song = write_sound(tmp_path / "a.flac", tone(60), "flac").read_bytes()

    def slow(request: Request) -> Iterator[bytes]:
        yield head(content_length=str(len(song)))
        for start in range(0, len(song), len(song) // 5 + 1):
            yield song[start : start + len(song) // 5 + 1]
            time.sleep(0.2)

    server.routes["/Luna.flac"], server.routes["/page"] = slow, response(b"<html></html>")
    fractions: list[float] = []
    accepted = await accept(pool, server.url("/Luna.flac"), fractions)
    assert (accepted.source_title, accepted.size_bytes) == ("Luna", len(song))
    assert len([fraction for fraction in fractions if 0 < fraction < 0.9]) >= 2
    with pytest.raises(Poison) as refused:
        await accept(pool, server.url("/page"), [])
    assert refused.value.reason == "not_media"


async def test_a_step_process_that_is_killed_while_it_fetches_leaves_nothing(
    server: FileServer, pool: StepPool, tmp_path: Path
) -> None:
    song = write_sound(tmp_path / "a.mp3", tone(11), "libmp3lame").read_bytes()
    begun = threading.Event()
    server.routes["/stuck"], server.routes["/a.mp3"] = hanging(song, 20_000, begun), response(song)
    folder = load_settings().derived_dir / "downloads"
    task = asyncio.create_task(accept(pool, server.url("/stuck"), []))
    assert await asyncio.to_thread(begun.wait, 30)
    [process] = children_with("streams.worker.step_process")
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(Retryable) as died:
        await task
    assert died.value.reason == "child_died"
    assert list(folder.iterdir()) == []
    assert (await accept(pool, server.url("/a.mp3"), [])).size_bytes == len(song)
