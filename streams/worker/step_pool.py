"""The pool of step processes: they are reused, and each does one job at a time.

A process that dies, hangs or sends an invalid response is a fault of the event it worked on, never of the worker.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from schemas.faults import Retryable, from_json
from streams.stage.runners import CompletedWork

_MAX_LINE_BYTES = 64 * 1024 * 1024


@dataclass
class _Process:
    process: asyncio.subprocess.Process
    warm_jobs: set[str] = field(default_factory=set)  # jobs done before: their modules are imported

    async def request(self, task: dict[str, str], report: Callable[[float], None]) -> dict[str, Any]:
        assert self.process.stdin is not None  # noqa: S101 - created with pipes
        assert self.process.stdout is not None  # noqa: S101
        self.process.stdin.write(json.dumps(task).encode() + b"\n")
        await self.process.stdin.drain()
        while line := await self.process.stdout.readline():
            response: dict[str, Any] = json.loads(line)
            if "fraction" not in response:
                return response
            report(response["fraction"])
        raise EOFError

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


class StepPool:
    """At most `count` processes, each started when it is first needed."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)
        self._idle: list[_Process] = []
        self._processes: list[_Process] = []

    async def run(self, job: str, job_input: str, timeout_s: float, report: Callable[[float], None]) -> CompletedWork:
        """Run a job in a process; `job_input` is JSON.

        Raises the job's fault, or `Retryable` if the process died (`child_died`) or timed out (`timeout`).
        """
        async with self._free:
            process = await self._acquire(job)
            report(0.0)
            try:
                response = await asyncio.wait_for(process.request({"job": job, "input": job_input}, report), timeout_s)
            except BaseException as error:
                await self._discard(process)
                raise _as_fault(error, timeout_s, process) from error
            process.warm_jobs.add(job)
            self._idle.append(process)
        return _to_completed_work(response)

    async def stop(self) -> None:
        """Kill all processes, busy or idle."""
        for process in list(self._processes):
            await self._discard(process)

    async def _acquire(self, job: str) -> _Process:
        for ended in [idle for idle in self._idle if idle.process.returncode is not None]:
            await self._discard(ended)
        if not self._idle:
            return await self._start()
        warm = next((idle for idle in reversed(self._idle) if job in idle.warm_jobs), self._idle[-1])
        self._idle.remove(warm)
        return warm

    async def _start(self) -> _Process:
        started = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # no module of the current folder is imported
            "-m",
            "streams.worker.step_process",
            str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_MAX_LINE_BYTES,
        )
        process = _Process(started)
        self._processes.append(process)
        return process

    async def _discard(self, process: _Process) -> None:
        if process in self._idle:
            self._idle.remove(process)
        if process in self._processes:
            self._processes.remove(process)
        await process.kill()


def _as_fault(error: BaseException, timeout_s: float, process: _Process) -> BaseException:
    if isinstance(error, TimeoutError):
        return Retryable(f"the step did not finish within {timeout_s:.0f} s and was stopped", reason="timeout")
    if isinstance(error, Exception):
        return Retryable(f"the step's process died ({_exit_description(process)})", reason="child_died")
    return error


def _exit_description(process: _Process) -> str:
    code = process.process.returncode
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def _to_completed_work(response: dict[str, Any]) -> CompletedWork:
    if "result" not in response:
        raise from_json(response)
    return CompletedWork(response["result"], response["cpu_seconds"], response["peak_rss_bytes"])
