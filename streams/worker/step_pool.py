"""The pool of step processes: they are reused, and each does one job at a time.

A process that dies, hangs or sends an invalid response is a fault of the event it worked on, never of the worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from infra.base.memory import MIB
from schemas.faults import Fault, from_json
from streams.stage.priority import Slots
from streams.stage.runners import CompletedWork
from streams.steps import JOB_BY_NAME
from streams.worker.job_faults import RunningJob, fault_of_death
from streams.worker.step_child import StepChild

_MAX_IDLE_BYTES = 384 * MIB  # of private memory: with more, a process is not used again, as the next job would lack it


class _Answer(NamedTuple):
    """A process's answer to a job. `can_be_used`: whether the process may do another job."""

    outcome: CompletedWork | Fault
    can_be_used: bool


class StepPool:
    """At most `count` processes, each started when it is first needed; `module` is what they run."""

    def __init__(self, count: int, module: str = "streams.worker.step_process") -> None:
        self._free = Slots(count)
        self._module = module
        self._idle: list[StepChild] = []
        self._children: list[StepChild] = []

    async def run(self, job: str, job_input: str, timeout_s: float, report: Callable[[float], None]) -> CompletedWork:
        """Run a job in a process; `job_input` is JSON.

        Of jobs that wait for a process, those of interactive requests are first.

        Raises the job's fault, or `Retryable`: `child_died`, `timeout`, `out_of_memory`. In a process that has done
        no job before, too little memory is `Poison`: the next attempt would not have more.
        """
        async with self._free.one():
            child = await self._acquire(job)
            running = RunningJob(job, JOB_BY_NAME[job].memory_mb, timeout_s, is_first=not child.warm_jobs)
            report(0.0)
            try:
                async with asyncio.timeout(timeout_s):  # `wait_for` of Python 3.11 may lose a cancellation
                    answer = _parse(await child.request(running, job_input, report))
            except BaseException as error:
                await self._discard(child)
                raise _as_fault(error, running, child) from error
            await self._release(child, job, answer.can_be_used)
        if isinstance(answer.outcome, Fault):
            raise answer.outcome
        return answer.outcome

    async def stop(self) -> None:
        """Kill all processes, busy or idle."""
        for child in list(self._children):
            await self._discard(child)

    async def _acquire(self, job: str) -> StepChild:
        for ended in [idle for idle in self._idle if idle.process.returncode is not None]:
            await self._discard(ended)
        if not self._idle:
            child = await StepChild.start(self._module)
            self._children.append(child)
            return child
        warm = next((idle for idle in reversed(self._idle) if job in idle.warm_jobs), self._idle[-1])
        self._idle.remove(warm)
        return warm

    async def _release(self, child: StepChild, job: str, can_be_used: bool) -> None:
        """Let a process wait for its next job, or end it."""
        child.warm_jobs.add(job)
        if can_be_used:
            self._idle.append(child)
        else:
            await self._discard(child)

    async def _discard(self, child: StepChild) -> None:
        if child in self._idle:
            self._idle.remove(child)
        if child in self._children:
            self._children.remove(child)
        await child.kill()


def _as_fault(error: BaseException, job: RunningJob, child: StepChild) -> BaseException:
    if isinstance(error, TimeoutError):
        return job.timed_out()
    if isinstance(error, Exception):
        return fault_of_death(child.death(job), job)
    return error


def _parse(response: dict[str, Any]) -> _Answer:
    """Return the answer in a response. Raises: `KeyError`, `TypeError` or `ValueError` for one that is not valid.

    A process that has much memory after a job, lacked some, or has left processes running is not used again.
    """
    lacked_memory = response.get("reason") == "out_of_memory"
    is_small = int(response["memory_bytes"]) <= _MAX_IDLE_BYTES
    return _Answer(_outcome(response), is_small and not lacked_memory and not response["has_children"])


def _outcome(response: dict[str, Any]) -> CompletedWork | Fault:
    if "result" not in response:
        return from_json(response)
    if not isinstance(response["result"], str):
        raise TypeError("a result must be JSON in a string")
    return CompletedWork(response["result"], float(response["cpu_seconds"]), int(response["peak_rss_bytes"]))
