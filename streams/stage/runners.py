"""Runners do the work of a step: their type, and the runner that uses a thread of the worker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from time import thread_time
from typing import Any

import psutil

from agents.step import Step, Tools
from schemas.base import Model
from schemas.faults import Retryable

_MAX_ABANDONED = 8


@dataclass(frozen=True)
class CompletedWork:
    """The result of the work as JSON, its CPU time, and the peak resident memory of its process."""

    result: str
    cpu_seconds: float
    peak_rss_bytes: int

    def after(self, earlier: CompletedWork) -> CompletedWork:
        """Return this work with the CPU time of both and the larger peak."""
        peak_rss_bytes = max(earlier.peak_rss_bytes, self.peak_rss_bytes)
        return CompletedWork(self.result, earlier.cpu_seconds + self.cpu_seconds, peak_rss_bytes)


AnyStep = Step[Any, Any, Any, Any]
Report = Callable[[float], None]
# Does a step's work on its input; reports 0 at the start, then the finished fraction, 0-1. Raises the step's fault.
Runner = Callable[[AnyStep, Model, Report], Awaitable[CompletedWork]]


class ThreadRunner:
    """Does work on threads of the worker, which share its open views. Each run has a thread of its own.

    A thread cannot be stopped. One that is over its time is abandoned: it ends at its next progress report. If too many
    do not end, no more is started and `exhausted` returns: the worker must start again, which ends them.
    """

    def __init__(self, tools: Tools, max_abandoned: int = _MAX_ABANDONED) -> None:
        self._tools = tools
        self._max_abandoned = max_abandoned
        self._abandoned: set[threading.Thread] = set()
        self._exhausted = asyncio.Event()

    async def exhausted(self) -> str:
        """Return a message when too many abandoned threads still run."""
        await self._exhausted.wait()
        return f"{self._max_abandoned} threads do not end although their time is over: the worker starts again"

    async def run(self, step: AnyStep, work_input: Model, report: Report) -> CompletedWork:
        """Do a step's work on its input; see `Runner`. Raises: `Retryable` (`timeout`)."""
        self._abandoned = {thread for thread in self._abandoned if thread.is_alive()}
        if len(self._abandoned) >= self._max_abandoned:
            self._exhausted.set()
            await asyncio.Event().wait()  # until the worker stops
        stopped = threading.Event()
        tools = replace(self._tools, report=_reporter(report, stopped))
        report(0.0)
        work = _Work(lambda: _run_measured(step, work_input, tools))
        timeout_s = step.timeout_of(work_input)
        try:
            async with asyncio.timeout(timeout_s):  # `wait_for` of Python 3.11 may lose a cancellation
                return await work.result
        except TimeoutError as error:
            message = f"the step {step.name} did not finish within {timeout_s:.0f} s and was stopped"
            raise Retryable(message, reason="timeout") from error
        finally:
            if work.thread.is_alive():  # after a timeout, or because the run was cancelled
                stopped.set()
                self._abandoned.add(work.thread)


class _Stopped(BaseException):
    """Ends the work of an abandoned thread."""


class _Work:
    """A function that runs on a new thread, and the future of its result."""

    def __init__(self, function: Callable[[], CompletedWork]) -> None:
        self._function = function
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[CompletedWork] = self._loop.create_future()
        self.thread = threading.Thread(target=self._run, daemon=True)  # it does not keep a worker from ending
        self.thread.start()

    def _run(self) -> None:
        try:
            completed = self._function()
        except _Stopped:
            return
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever awaits the result
            self._call(self._set, self.result.set_exception, error)
        else:
            self._call(self._set, self.result.set_result, completed)

    def _set(self, setter: Callable[[Any], None], value: Any) -> None:
        if not self.result.done():
            setter(value)

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the worker has ended
            self._loop.call_soon_threadsafe(function, *arguments)


def _reporter(report: Report, stopped: threading.Event) -> Report:
    loop = asyncio.get_running_loop()

    def report_from_thread(fraction: float) -> None:
        if stopped.is_set():
            raise _Stopped
        loop.call_soon_threadsafe(report, fraction)

    return report_from_thread


def _run_measured(step: AnyStep, work_input: Model, tools: Tools) -> CompletedWork:
    started = thread_time()
    result = step.work(work_input, tools).model_dump_json()
    return CompletedWork(result, thread_time() - started, psutil.Process().memory_info().rss)
