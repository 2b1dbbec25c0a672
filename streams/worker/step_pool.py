"""The pool of step processes: a few warm ones, each with one job at a time.

A process that dies, hangs or answers nonsense is a fault of the event it had, never of the worker.
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
from streams.stage.runners import Done

_MAX_LINE_BYTES = 64 * 1024 * 1024


@dataclass
class _Process:
    process: asyncio.subprocess.Process
    warm: set[str] = field(default_factory=set)

    async def ask(self, task: dict[str, str], report: Callable[[float], None]) -> dict[str, Any]:
        assert self.process.stdin is not None  # noqa: S101 - made with pipes
        assert self.process.stdout is not None  # noqa: S101
        self.process.stdin.write(json.dumps(task).encode() + b"\n")
        await self.process.stdin.drain()
        while line := await self.process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            if "fraction" not in answer:
                return answer
            report(answer["fraction"])
        raise EOFError

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


class StepPool:
    """At most `count` processes, started when first needed."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)
        self._idle: list[_Process] = []
        self._all: list[_Process] = []

    async def run(self, job: str, job_input: str, timeout_s: float, report: Callable[[float], None]) -> Done:
        """Do a job in a process; `job_input` is JSON.

        Raises the job's fault, or `Retryable` where the process died or ran out of time.
        """
        async with self._free:
            process = await self._take(job)
            report(0.0)
            try:
                answer = await asyncio.wait_for(process.ask({"job": job, "input": job_input}, report), timeout_s)
            except BaseException as error:
                await self._discard(process)
                raise _as_fault(error, timeout_s, process) from error
            process.warm.add(job)
            self._idle.append(process)
        return _done(answer)

    async def stop(self) -> None:
        """End all processes, working or not."""
        for process in list(self._all):
            await self._discard(process)

    async def _take(self, job: str) -> _Process:
        for ended in [idle for idle in self._idle if idle.process.returncode is not None]:
            await self._discard(ended)
        if not self._idle:
            return await self._start()
        warm = next((idle for idle in reversed(self._idle) if job in idle.warm), self._idle[-1])
        self._idle.remove(warm)
        return warm

    async def _start(self) -> _Process:
        started = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # nothing of the folder we happen to stand in
            "-m",
            "streams.worker.step_process",
            str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_MAX_LINE_BYTES,
        )
        process = _Process(started)
        self._all.append(process)
        return process

    async def _discard(self, process: _Process) -> None:
        if process in self._idle:
            self._idle.remove(process)
        if process in self._all:
            self._all.remove(process)
        await process.kill()


def _as_fault(error: BaseException, timeout_s: float, process: _Process) -> BaseException:
    if isinstance(error, TimeoutError):
        return Retryable(f"the step did not finish within {timeout_s:.0f} s and was stopped", reason="timeout")
    if isinstance(error, Exception):
        return Retryable(f"the step's process died ({_exit(process)})", reason="child_died")
    return error


def _exit(process: _Process) -> str:
    code = process.process.returncode
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def _done(answer: dict[str, Any]) -> Done:
    if "result" not in answer:
        raise from_json(answer)
    return Done(answer["result"], answer["cpu_seconds"], answer["peak_rss_bytes"])
