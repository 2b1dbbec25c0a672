"""Runners do the work of a step: their type, and the runner that uses a thread of the worker."""

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
class CompletedWork:
    """The result of the work as JSON, its CPU time, and the peak resident memory of its process."""

    result: str
    cpu_seconds: float
    peak_rss_bytes: int


AnyStep = Step[Any, Any, Any, Any]
Report = Callable[[float], None]
# Does a step's work on its input; reports 0 at the start, then the finished fraction, 0-1. Raises the step's fault.
Runner = Callable[[AnyStep, Model, Report], Awaitable[CompletedWork]]


def in_thread(tools: Tools) -> Runner:
    """Return a runner that does the work on a thread of the worker. Raises: `Retryable` (`timeout`)."""

    async def run(step: AnyStep, work_input: Model, report: Report) -> CompletedWork:
        loop = asyncio.get_running_loop()

        def report_from_thread(fraction: float) -> None:
            loop.call_soon_threadsafe(report, fraction)

        report(0.0)
        tools_with_report = replace(tools, report=report_from_thread)
        try:
            return await asyncio.wait_for(
                asyncio.to_thread(_run_measured, step, work_input, tools_with_report), step.timeout_s
            )
        except TimeoutError as error:
            raise Retryable(f"the step did not finish within {step.timeout_s:.0f} s", reason="timeout") from error

    return run


def _run_measured(step: AnyStep, work_input: Model, tools: Tools) -> CompletedWork:
    started = thread_time()
    result = step.work(work_input, tools).model_dump_json()
    return CompletedWork(result, thread_time() - started, psutil.Process().memory_info().rss)
