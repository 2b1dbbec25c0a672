"""The processes that do heavy steps: a few warm children, each with one task at a time.

A child that dies, hangs or talks nonsense is a fault of the event it had, never of the worker.
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

from schemas.faults import Fault, Poison, Retryable

_LINE_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True)
class Done:
    """What a task gave: the result's JSON and what it cost."""

    result: str
    cpu_seconds: float
    peak_rss_bytes: int


@dataclass
class _Child:
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


class Children:
    """At most `count` children, started when first needed."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)
        self._idle: list[_Child] = []
        self._all: list[_Child] = []

    async def run(self, step: str, event: str, timeout_s: float, report: Callable[[float], None]) -> Done:
        """Do a step in a child. Raises the step's fault, or `Retryable` where the child died or ran out of time."""
        async with self._free:
            child = await self._take(step)
            report(0.0)
            try:
                answer = await asyncio.wait_for(child.ask({"step": step, "event": event}, report), timeout_s)
            except BaseException as error:
                await self._discard(child)
                raise _as_fault(error, timeout_s, child) from error
            child.warm.add(step)
            self._idle.append(child)
        return _done(answer)

    async def stop(self) -> None:
        """End all children, working or not."""
        for child in list(self._all):
            await self._discard(child)

    async def _take(self, step: str) -> _Child:
        for child in [child for child in self._idle if child.process.returncode is not None]:
            await self._discard(child)
        if not self._idle:
            return await self._start()
        warm = next((child for child in reversed(self._idle) if step in child.warm), self._idle[-1])
        self._idle.remove(warm)
        return warm

    async def _start(self) -> _Child:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # nothing of the folder we happen to stand in
            "-m",
            "streams.worker.step_process",
            str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT,
        )
        child = _Child(process)
        self._all.append(child)
        return child

    async def _discard(self, child: _Child) -> None:
        if child in self._idle:
            self._idle.remove(child)
        if child in self._all:
            self._all.remove(child)
        await child.kill()


def _as_fault(error: BaseException, timeout_s: float, child: _Child) -> BaseException:
    if isinstance(error, TimeoutError):
        return Retryable(f"the step did not finish within {timeout_s:.0f} s and was stopped", reason="timeout")
    if isinstance(error, Exception):
        return Retryable(f"the step's process died ({_how(child)})", reason="child_died")
    return error


def _how(child: _Child) -> str:
    code = child.process.returncode
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def _done(answer: dict[str, Any]) -> Done:
    if "result" not in answer:
        kind: type[Fault] = Poison if answer["fault"] == "Poison" else Retryable
        raise kind(answer["error"], reason=answer["reason"])
    return Done(answer["result"], answer["cpu_seconds"], answer["peak_rss_bytes"])
