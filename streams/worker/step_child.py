"""A step process as its parent sees it: start it, send it a job, watch its memory, end it with all it has started."""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import psutil

from infra.base.memory import MIB, memory_bytes
from infra.base.umask import PRIVATE
from schemas.safe_text import escaped
from streams.worker.job_faults import Death, RunningJob
from streams.worker.process_limits import oom_kills

_MAX_LINE_BYTES = 64 * MIB
_WATCH_INTERVAL_S = 0.2
_KILL_TIMEOUT_S = 1.0
_ERROR_BYTES = 4096
_READ_BYTES = 64 << 10
_MAX_FORWARDED_BYTES = 256 << 10  # of what a job writes to standard error
_ROUNDS = 5  # of ending what the process has started
# One thread per library beside the work's own: what a thread reserves counts as memory, whatever the processors.
_ENVIRONMENT = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1") | {
    "OPENCV_FOR_THREADS_NUM": "2",
    "MALLOC_ARENA_MAX": "2",
}


@dataclass
class StepChild:
    """A running step process. `warm_jobs`: done before, so their modules are imported."""

    process: asyncio.subprocess.Process
    warm_jobs: set[str] = field(default_factory=set)
    _errors: bytes = b""
    _peak_bytes: int = 0
    _oom_kills: int = 0
    _forwarded_bytes: int = 0
    _forwarding: asyncio.Task[None] | None = None

    @staticmethod
    async def start(module: str) -> StepChild:
        """Start a process that runs `module`, in a process group of its own."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # no module of the current folder is imported
            "-m",
            module,
            str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_MAX_LINE_BYTES,
            env=_ENVIRONMENT | os.environ,
            process_group=0,
            umask=PRIVATE,
        )
        child = StepChild(process)
        child._forwarding = asyncio.create_task(child._forward_errors())
        return child

    async def request(self, job: RunningJob, job_input: str, report: Callable[[float], None]) -> dict[str, Any]:
        """Return the response to a job; `job_input` is JSON. Raises: `EOFError` or that of a pipe where it has died."""
        self._errors, self._peak_bytes, self._forwarded_bytes, self._oom_kills = b"", 0, 0, oom_kills()
        watching = asyncio.create_task(self._watch_memory())
        try:
            return await self._response({"job": asdict(job), "input": job_input}, report)
        finally:
            watching.cancel()

    async def kill(self) -> None:
        """End the process and those that it has started; wait a second at most."""
        self._kill_started()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        ended = [self.process.wait(), *([self._forwarding] if self._forwarding else [])]
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*ended), _KILL_TIMEOUT_S)

    def death(self, job: RunningJob) -> Death:
        """Return how the process ended, after `kill`."""
        errors = self._errors.decode(errors="replace")
        near_limit = job.is_near_limit(self._peak_bytes)
        return Death(self.process.returncode, errors, near_limit, oom_killed=oom_kills() > self._oom_kills)

    async def _response(self, task: dict[str, Any], report: Callable[[float], None]) -> dict[str, Any]:
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

    async def _watch_memory(self) -> None:
        while True:
            self._peak_bytes = max(self._peak_bytes, memory_bytes(self.process.pid, "VmData"))
            await asyncio.sleep(_WATCH_INTERVAL_S)

    def _kill_started(self) -> None:
        """End what the process has started and what has left its group; it is stopped, so that it starts no more."""
        with suppress(psutil.Error):
            process = psutil.Process(self.process.pid)
            process.suspend()
            for _ in range(_ROUNDS):
                for started in process.children(recursive=True):
                    with suppress(psutil.Error):
                        started.kill()

    async def _forward_errors(self) -> None:
        """Write the process's standard error to that of this one, escaped, at most 256 KiB of a job; keep its end."""
        assert self.process.stderr is not None  # noqa: S101 - created with pipes
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while chunk := await self.process.stderr.read(_READ_BYTES):
            self._errors = (self._errors + chunk)[-_ERROR_BYTES:]
            text = decoder.decode(chunk)
            if self._forwarded_bytes < _MAX_FORWARDED_BYTES:
                self._forward(text)

    def _forward(self, text: str) -> None:
        self._forwarded_bytes += len(text)
        if self._forwarded_bytes >= _MAX_FORWARDED_BYTES:
            text += f"\nprocess {self.process.pid} writes too much: the rest of its job's output is left out\n"
        lines = "\n".join(map(escaped, text.split("\n")))
        with suppress(OSError):
            os.write(2, lines.encode())
