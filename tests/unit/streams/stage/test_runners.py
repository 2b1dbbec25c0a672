"""Work on threads: its time is bounded, an abandoned thread ends at its next report, and their number is bounded."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.step import Step, Tools
from schemas.base import Source
from schemas.faults import Poison, Retryable
from schemas.song_submitted import SongSubmitted
from streams.stage.runners import ThreadRunner
from streams.testing import tools_below

_INPUT = Source(sha256="a" * 64)


def _step(work: Any, timeout_s: float = 0.05) -> Step[Any, Any, Any, Any]:
    return Step(
        name="here",
        version="1",
        consumes=SongSubmitted,
        depends_on=lambda event, tools: event.source,
        takes=Source,
        work=work,
        result=Source,
        produces=None,
        subject=lambda _, source: str(source.sha256),
        runs_in="thread",
        timeout_s=timeout_s,
    )


def _ignore(fraction: float) -> None:
    del fraction


async def test_the_result_the_progress_and_the_fault_of_the_work_are_passed_on() -> None:
    def work(source: Source, tools: Tools) -> Source:
        tools.report(0.5)
        return source

    def fail(source: Source, tools: Tools) -> Source:
        raise Poison("never", "no_audio")

    reports: list[float] = []
    runner = ThreadRunner(tools_below(Path()))
    completed = await runner.run(_step(work, 5.0), _INPUT, reports.append)
    assert Source.model_validate_json(completed.result) == _INPUT
    assert reports == [0.0, 0.5]
    with pytest.raises(Poison, match="never"):
        await runner.run(_step(fail, 5.0), _INPUT, _ignore)


async def test_work_over_its_time_ends_at_its_next_report() -> None:
    ended, go_on = threading.Event(), threading.Event()

    def work(source: Source, tools: Tools) -> Source:
        try:
            go_on.wait(10)
            tools.report(0.5)
        finally:
            ended.set()
        raise AssertionError("the report ends the work")

    with pytest.raises(Retryable, match=r"here did not finish within 0 s") as raised:
        await ThreadRunner(tools_below(Path())).run(_step(work), _INPUT, _ignore)
    assert raised.value.reason == "timeout"
    go_on.set()
    assert await asyncio.to_thread(ended.wait, 10)


async def test_threads_that_do_not_end_are_bounded_and_hold_no_pool_that_others_use() -> None:
    release, started = threading.Event(), []

    def hang(source: Source, tools: Tools) -> Source:
        started.append(source)
        release.wait(120)
        return source

    runner = ThreadRunner(replace(tools_below(Path())), max_abandoned=40)
    exhausted = asyncio.ensure_future(runner.exhausted())
    runs = [runner.run(_step(hang), _INPUT, _ignore) for _ in range(40)]
    faults = await asyncio.gather(*runs, return_exceptions=True)
    assert {type(fault) for fault in faults} == {Retryable}
    assert await asyncio.wait_for(asyncio.to_thread(lambda: 1), 60) == 1
    assert not exhausted.done()
    one_more = asyncio.ensure_future(runner.run(_step(hang), _INPUT, _ignore))
    assert "the worker starts again" in await asyncio.wait_for(exhausted, 60)
    assert len(started) == 40
    one_more.cancel()
    release.set()
