"""Measure CPU seconds, wall time and memory of functions and of whole processes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.paths import PROJECT

T = TypeVar("T")
_RUNS = 5


@dataclass(frozen=True)
class Cost:
    """CPU seconds (user and system), wall seconds and peak memory; 0 where not measured."""

    cpu_s: float
    wall_s: float = 0.0
    rss_mb: float = 0.0


def process_cost(command: Sequence[str], stderr: int | None = None) -> Cost:
    """Run a command in the project's folder; return the cost of it and its children.

    The peak memory includes that of this process before the command replaces its image, so this process must still be
    small. Raises: `RuntimeError` for an exit status other than 0.
    """
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=PROJECT, stderr=stderr)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[:3]} ended with {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - start, usage.ru_maxrss / 1024)


def cpu_s(work: Callable[[], T]) -> tuple[float, T]:
    """Return the CPU seconds of one call, and its result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def median_cpu_s(work: Callable[[], T]) -> tuple[float, T]:
    """Return the median CPU seconds of five calls after a first one, and the result of the first one."""
    result = work()
    return sorted(cpu_s(work)[0] for _ in range(_RUNS))[_RUNS // 2], result
