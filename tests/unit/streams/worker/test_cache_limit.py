"""A worker removes what is more than the setting allows, and goes on after an error."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from infra.base.derived_files import remove_unused
from infra.kafka_connection import KafkaConnection
from infra.settings import Settings
from streams.worker import cache_limit
from streams.worker.build import build_worker
from streams.worker.cache_limit import CacheLimit

MIB = 1 << 20


def _fill(settings: Settings) -> Path:
    folder = settings.derived_dir / "audio"
    folder.mkdir(parents=True)
    for name in "abc":
        (folder / f"{name}.m4a").write_bytes(bytes(MIB))
    return folder


@pytest.fixture(autouse=True)
def _short_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_limit, "_INTERVAL_S", 0.01)


async def test_the_cache_becomes_as_small_as_the_setting_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    removed, loop = asyncio.Event(), asyncio.get_running_loop()

    def fail_once(folder: Path, max_bytes: int) -> int:
        calls.append(max_bytes)
        if len(calls) == 1:
            raise OSError("the disk is away")
        loop.call_soon_threadsafe(removed.set)
        return remove_unused(folder, max_bytes)

    monkeypatch.setattr(cache_limit, "remove_unused", fail_once)
    settings = Settings(data_dir=tmp_path, max_cache_mb=2)
    folder, limit = _fill(settings), CacheLimit(settings)
    await limit.start()
    async with asyncio.timeout(60):
        await removed.wait()
    await limit.stop()
    assert len(list(folder.iterdir())) == 2
    assert set(calls) == {2 * MIB}


async def test_without_a_limit_nothing_is_removed(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, max_cache_mb=0)
    folder, limit = _fill(settings), CacheLimit(settings)
    await limit.start()
    await asyncio.sleep(0.05)
    await limit.stop()
    assert len(list(folder.iterdir())) == 3


async def test_a_worker_limits_the_cache_in_the_background(tmp_path: Path) -> None:
    worker = build_worker(Settings(data_dir=tmp_path), KafkaConnection("127.0.0.1:9"))
    assert any(isinstance(part, CacheLimit) for part in worker.background)
    for store in worker.stores:
        store.close()
