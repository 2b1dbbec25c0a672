"""The client on machines without the service, as the topics are in the worst case, and its import."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from infra.kafka_connection import KafkaConnection
from infra.local_kafka import local_connection
from infra.settings import load_settings
from schemas.base import Source
from schemas.faults import Poison, Retryable
from schemas.request_ended import RequestEnded
from streams.client import Client, FakeClient, FakeService, PositionError
from streams.client import outcome_lookup as lookup_module
from streams.client.memory_log import MemoryLog, MemoryReader
from streams.client.outcome_lookup import OutcomeLookup
from streams.client.scripted import never_ends
from streams.client.songs import SongStore, source_of
from streams.envelope import Message
from streams.ids import new_request_id
from streams.topics import REQUEST_ENDED
from tests.paths import PROJECT

_HEAVY = ("librosa", "mediapipe", "faust", "mode", "numpy", "scipy", "av", "cv2", "rocksdict", "qdrant_client", "rich")


def test_the_client_imports_no_heavy_library() -> None:
    code = f"import sys, streams.client; print([name for name in {_HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


async def test_a_file_is_refused_where_no_worker_of_the_kafka_can_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings()
    store = SongStore(KafkaConnection("kafka.example.org:9092"), None)
    for _ in range(2):  # without a data folder, and with one of another Kafka
        with pytest.raises(Poison, match=r"no worker of Kafka kafka\.example\.org:9092 uses the data folder") as raised:
            await source_of(b"song", store)
        assert len(str(raised.value).splitlines()) == 1
        local = local_connection(settings.kafka_dir, "127.0.0.1:1234")
    monkeypatch.setenv("BACHATA_KAFKA", "kafka.example.org:9092")
    with pytest.raises(Poison, match="no worker of Kafka"):
        await source_of(b"song", store)
    settings.state_dir.mkdir()
    assert (await source_of(b"song", store))[0].sha256
    monkeypatch.delenv("BACHATA_KAFKA")
    assert (await source_of(b"song", SongStore(local, None)))[0].sha256
    assert (await source_of(b"song", SongStore(KafkaConnection("other:1"), tmp_path / "folder")))[0].sha256
    assert await source_of("https://example.org/a", store) == (Source(url="https://example.org/a"), None)


async def test_folders_that_the_client_creates_are_closed_to_other_users(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        await source_of(b"song", SongStore(KafkaConnection("kafka"), tmp_path / "data"))
    finally:
        os.umask(before)
    folders = [tmp_path / "data", *(path for path in (tmp_path / "data").rglob("*") if path.is_dir())]
    assert len(folders) == 4
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


def test_a_client_is_made_without_an_event_loop() -> None:
    Client("kafka.example.org:9092")


async def test_results_leave_out_what_is_no_outcome() -> None:
    service = FakeService()
    bad = (b"", b"{", b'{"request_id": 7}', None)
    await service.log.publish([Message(REQUEST_ENDED.full_name, b"k", value, []) for value in bad])
    await service.end(_ended("good"))
    async with FakeClient(service) as client:
        found = await anext(client.results())
    assert found.request_id == "good"
    assert found.id


async def test_a_position_is_refused_when_the_topic_was_created_again() -> None:
    service, other = FakeService(), FakeService()
    for log in (service, other):
        for number in range(40):
            await log.end(_ended(f"{id(log)}-{number}"))
    async with FakeClient(service) as client:
        position = await client.end_position()
        outcome = await anext(client.results())
    async with FakeClient(other) as client:
        for refused in (position, outcome.position):
            with pytest.raises(PositionError, match="created again"):
                await anext(client.results(refused))


async def test_the_last_outcome_of_a_request_counts() -> None:
    service = FakeService()
    await service.end(_ended("a", "failed"))
    await service.end(_ended("a"))
    async with FakeClient(service) as client:
        assert (await client.wait("a")).state == "done"


async def test_closing_the_client_ends_what_waits() -> None:
    client = FakeClient(FakeService(lambda _: never_ends()))
    async with client:
        waiting = asyncio.create_task(client.wait(await client.submit(b"song")))
        await asyncio.sleep(0.1)
    with pytest.raises(Retryable, match="the client was closed"):
        await asyncio.wait_for(waiting, 60)


class _CountingReader(MemoryReader):
    read_records = 0

    async def read(self, timeout_s: float) -> Any:
        found = await super().read(timeout_s)
        _CountingReader.read_records += len(found)
        return found


async def test_a_lookup_reads_no_more_of_the_topic_than_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup_module, "MAX_LOOK_BACK", 1000)
    monkeypatch.setattr(lookup_module, "_FIRST_WINDOW", 10)
    monkeypatch.setattr(lookup_module, "_CLOCKS_DIFFER_MS", 0)
    monkeypatch.setattr("streams.client.memory_log.MemoryReader", _CountingReader)
    log = MemoryLog()
    for first in range(0, 12_000, 3000):
        await log.publish(_outcomes(range(first, first + 3000)))
    await asyncio.sleep(0.005)
    counts = []
    for request_id in ("old-11999", "old-0", "unknown", new_request_id()):
        _CountingReader.read_records = 0
        found = await OutcomeLookup(log).find(request_id)
        assert (found is not None) == (request_id == "old-11999")
        counts.append(_CountingReader.read_records)
    last, too_old, unknown, just_made = counts
    assert last <= 500, "one call of the reader"
    assert max(too_old, unknown) <= 3000
    assert just_made == 0


async def test_lookups_at_the_same_time_share_the_reading() -> None:
    log, opened = MemoryLog(), count()
    await log.publish(_outcomes(range(100)))
    original = log.reader

    def reader(topics: Any) -> Any:
        next(opened)
        return original(topics)

    log.reader = reader  # type: ignore[method-assign]
    lookup = OutcomeLookup(log)
    found = await asyncio.gather(*[lookup.find(f"old-{number}") for number in range(100)])
    assert [item.outcome.request_id for item in found if item] == [f"old-{number}" for number in range(100)]
    assert next(opened) <= 2


def _outcomes(numbers: Sequence[int]) -> list[Message]:
    return [
        Message(REQUEST_ENDED.full_name, f"old-{n}".encode(), _ended(f"old-{n}").model_dump_json().encode(), [])
        for n in numbers
    ]


def _ended(request_id: str, outcome: str = "done") -> RequestEnded:
    fields = {"request_id": request_id, "subject": "s", "step": "rendering", "outcome": outcome}
    return RequestEnded.model_validate(fields)
