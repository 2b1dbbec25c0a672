"""Measure and limit the memory of processes; on a system without `/proc` nothing is measured or limited."""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1 << 20


def memory_bytes(pid: int, field: str) -> int:
    """Return a field of a process's memory in bytes, such as `VmData`; 0 where it has ended or the system has none."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


@contextmanager
def at_most_more(size: int) -> Iterator[None]:
    """Let this process get at most `size` more bytes of private memory; what wants more fails to allocate it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    used = memory_bytes(os.getpid(), "VmData")
    limit = min(limit for limit in (used + size, soft, hard) if limit != resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_DATA, (limit if used else soft, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
