"""Run jobs for a command, without the stream; untrusted media is opened in a separate process here too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from agents.step import Job, no_report
from schemas.base import Model
from streams.worker.step_pool import StepPool

Input = TypeVar("Input", bound=Model)
Result = TypeVar("Result", bound=Model)


class Jobs:
    """Runs jobs one after the other in one process, which is stopped when the context ends."""

    def __init__(self) -> None:
        self._pool = StepPool(1)

    async def __aenter__(self) -> Jobs:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.stop()

    async def run(
        self, job: Job[Input, Result], job_input: Input, report: Callable[[float], None] = no_report
    ) -> Result:
        """Return the job's result. Raises the job's fault."""
        completed = await self._pool.run(job.name, job_input.model_dump_json(), job.timeout_of(job_input), report)
        return job.result.model_validate_json(completed.result)


def run_job(job: Job[Input, Result], job_input: Input, report: Callable[[float], None] = no_report) -> Result:
    """Return the result of one job. Raises the job's fault."""

    async def run() -> Result:
        async with Jobs() as jobs:
            return await jobs.run(job, job_input, report)

    return asyncio.run(run())
