"""The pool with real work: a song is probed, a step process is killed, another one hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from agents.media.submitted import SubmittedFile
from infra.media_store import MediaStore
from infra.settings import load_settings
from schemas.base import MediaFacts
from schemas.faults import Poison, Retryable
from streams.worker.step_pool import StepPool
from tests.processes import children_with


@pytest.fixture
async def pool() -> AsyncIterator[StepPool]:
    pool = StepPool(1)
    yield pool
    await pool.stop()


def _song(tmp_path: Path, seconds: float = 12) -> str:
    tone = 8000 * np.sin(np.arange(int(8000 * seconds)) * 0.3)
    with wave.open(str(tmp_path / "tone.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(tone.astype("<i2").tobytes())
    return MediaStore(load_settings().media_dir).add(tmp_path / "tone.wav", "audio").sha256


def _input(sha256: str) -> str:
    return SubmittedFile(sha256=sha256).model_dump_json()


def _ignore(fraction: float) -> None:
    del fraction


def _own_processes() -> list[psutil.Process]:
    return children_with("streams.worker.step_process")


async def test_a_process_returns_the_result_and_its_cost(pool: StepPool, tmp_path: Path) -> None:
    completed = await pool.run("intake", _input(_song(tmp_path)), 60, _ignore)
    assert MediaFacts.model_validate_json(completed.result).duration_s == pytest.approx(12, abs=0.1)
    assert completed.cpu_seconds > 0
    assert completed.peak_rss_bytes > 10_000_000


async def test_a_process_is_reused_and_faults_are_raised(pool: StepPool, tmp_path: Path) -> None:
    await pool.run("intake", _input(_song(tmp_path)), 60, _ignore)
    [first] = _own_processes()
    with pytest.raises(Poison) as raised:
        await pool.run("intake", _input("0" * 64), 60, _ignore)
    assert raised.value.reason == "unknown_media"
    assert _own_processes() == [first]


async def test_a_killed_process_is_a_fault_of_its_event_only(pool: StepPool, tmp_path: Path) -> None:
    job_input = _input(_song(tmp_path))
    await pool.run("intake", job_input, 60, _ignore)
    [process] = _own_processes()
    process.suspend()
    task = asyncio.create_task(pool.run("intake", job_input, 60, _ignore))
    await asyncio.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(Retryable) as raised:
        await task
    assert raised.value.reason == "child_died"
    await pool.run("intake", job_input, 60, _ignore)


async def test_a_hanging_process_is_killed(pool: StepPool, tmp_path: Path) -> None:
    job_input = _input(_song(tmp_path))
    await pool.run("intake", job_input, 60, _ignore)
    [process] = _own_processes()
    process.suspend()
    with pytest.raises(Retryable) as raised:
        await pool.run("intake", job_input, 0.2, _ignore)
    assert raised.value.reason == "timeout"
    assert not process.is_running()


async def test_cancellation_kills_the_process(pool: StepPool, tmp_path: Path) -> None:
    job_input = _input(_song(tmp_path))
    await pool.run("intake", job_input, 60, _ignore)
    [process] = _own_processes()
    process.suspend()
    task = asyncio.create_task(pool.run("intake", job_input, 60, _ignore))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not process.is_running()
