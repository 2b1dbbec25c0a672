"""Where the work of a step is done: what a runner takes and gives, and the one that uses a thread of the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from time import thread_time
from typing import Any

import psutil

from agents.step import Step, Tools
from schemas.base import Model
from schemas.faults import Retryable


@dataclass(frozen=True)
class Done:
    """What the work gave: the result's JSON and what it cost."""

    result: str
    cpu_seconds: float
    peak_rss_bytes: int


AnyStep = Step[Any, Any, Any, Any]
Report = Callable[[float], None]
# Does a step's work on its input; reports 0 when it begins, then the finished fraction. Raises the step's fault.
Runner = Callable[[AnyStep, Model, Report], Awaitable[Done]]


def in_thread(tools: Tools) -> Runner:
    """Return a runner for steps that work on a thread of the worker."""

    async def run(step: AnyStep, work_input: Model, report: Report) -> Done:
        loop = asyncio.get_running_loop()

        def report_from_thread(fraction: float) -> None:
            loop.call_soon_threadsafe(report, fraction)

        report(0.0)
        own_tools = replace(tools, report=report_from_thread)
        try:
            return await asyncio.wait_for(asyncio.to_thread(_measured, step, work_input, own_tools), step.timeout_s)
        except TimeoutError as error:
            raise Retryable(f"the step did not finish within {step.timeout_s:.0f} s", reason="timeout") from error

    return run


def _measured(step: AnyStep, work_input: Model, tools: Tools) -> Done:
    started = thread_time()
    result = step.work(work_input, tools).model_dump_json()
    return Done(result, thread_time() - started, psutil.Process().memory_info().rss)
