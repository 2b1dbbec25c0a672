"""Limits of a step process: some hold for its whole life, those of memory and processor time for one job."""

from __future__ import annotations

import math
import os
import re
import resource
from contextlib import suppress
from pathlib import Path

from infra.base.memory import MIB, memory_bytes
from schemas.limits import MAX_BYTES

_MAX_OPEN_FILES = 512
_MAX_FILE_BYTES = MAX_BYTES["video"] + 1024 * MIB  # copies of submitted files, and videos that are encoded
_OOM_SCORE = "500"  # when the machine's memory is used up, the kernel ends this process before the worker and Kafka


def limit_process() -> None:
    """Limit open files and the size of written files, and write no core dumps."""
    _limit(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)
    _limit(resource.RLIMIT_FSIZE, _MAX_FILE_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)


def limit_job(memory_mb: int, cpu_s: float) -> None:
    """Limit the private memory, MiB, and the processor time from now on, seconds, until the next call.

    The memory counted is that which the process may write and shares with no other, used or reserved (`VmData`).
    """
    _limit_softly(resource.RLIMIT_DATA, memory_mb * MIB)
    _limit_softly(resource.RLIMIT_CPU, math.ceil(cpu_seconds() + cpu_s))


def lift_memory_limit() -> None:
    """Let the process have all the memory that it wants until the next job."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def cpu_seconds() -> float:
    """Return the processor time of this process and of its ended children, seconds."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def reset_peak() -> None:
    """Let the peak of resident memory begin again."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_rss_bytes() -> int:
    """Return the peak of this process's resident memory."""
    return memory_bytes(os.getpid(), "VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def oom_kills() -> int:
    """Return how many processes this machine's kernel has ended for want of memory; 0 where it does not tell."""
    try:
        found = re.search(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def _limit(resource_id: int, value: int) -> None:
    value = _allowed(resource_id, value)
    resource.setrlimit(resource_id, (value, value))


def _limit_softly(resource_id: int, value: int) -> None:
    """Set the soft limit only, so that the next job can have a higher one."""
    resource.setrlimit(resource_id, (_allowed(resource_id, value), resource.getrlimit(resource_id)[1]))


def _allowed(resource_id: int, value: int) -> int:
    hard = resource.getrlimit(resource_id)[1]
    return value if hard == resource.RLIM_INFINITY else min(value, hard)
