"""A process that runs jobs: it reads one JSON object a line, and writes lines of progress and one with the result.

It ends with its parent, has limits on memory and open files, and redirects other output on stdout to stderr.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from agents.step import throttled
from infra.base.die_with_parent import die_with_parent
from infra.base.machine import MACHINE_ERRNOS
from infra.logs import set_up_logs
from schemas.faults import Fault, Retryable, storage_fault, to_json
from streams.tools import process_tools

log = logging.getLogger(__name__)
_MEMORY_LIMIT_BYTES = 12 << 30  # of address space: models and codecs map far more than they use
_MAX_OPEN_FILES = 512
_REPORT_INTERVAL_S = 0.3
_MAX_ERROR_CHARACTERS = 500


def main() -> None:
    """Run jobs until stdin is closed."""
    die_with_parent(int(sys.argv[1]))
    set_up_logs()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit(resource.RLIMIT_AS, _MEMORY_LIMIT_BYTES)
    _limit(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)
    os.nice(5)  # the worker's heartbeats have priority
    parent = _parent_stream()
    for line in sys.stdin:
        _write_line(parent, _serve(json.loads(line), parent))


def _limit(resource_id: int, value: int) -> None:
    hard = resource.getrlimit(resource_id)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(resource_id, (value, value))


def _parent_stream() -> TextIO:
    parent = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return parent


def _write_line(parent: TextIO, message: dict[str, Any]) -> None:
    parent.write(json.dumps(message) + "\n")
    parent.flush()


def _serve(task: dict[str, Any], parent: TextIO) -> dict[str, Any]:
    _reset_peak()
    started = _cpu_seconds()
    message = _work(task, parent)
    return message | {"cpu_seconds": _cpu_seconds() - started, "peak_rss_bytes": _peak_rss_bytes()}


def _work(task: dict[str, Any], parent: TextIO) -> dict[str, Any]:
    from streams.steps import JOB_BY_NAME

    job = JOB_BY_NAME[task["job"]]
    try:
        job_input = job.takes.model_validate_json(task["input"])
        result = job.work(job_input, replace(process_tools(), report=_reporter(parent)))
    except Fault as fault:
        return to_json(fault)
    except MemoryError:
        return _unexpected(Retryable("the step ran out of memory", reason="out_of_memory"))
    except OSError as error:
        return _unexpected(_system_fault(error))
    except Exception as error:  # noqa: BLE001 - a bug in a step is a fault of that event only
        return _unexpected(Retryable(f"{type(error).__name__}: {error}", reason="unexpected"))
    return {"result": result.model_dump_json()}


def _system_fault(error: OSError) -> Fault:
    """Return the fault without the path, which readers of the event must not see; the log has the whole error."""
    message = f"{type(error).__name__}: {error.strerror or 'no reason given'}"
    return storage_fault(message, error.errno) if error.errno in MACHINE_ERRNOS else Retryable(message, "unexpected")


def _unexpected(fault: Fault) -> dict[str, Any]:
    log.warning("a job failed unexpectedly", exc_info=True)
    return to_json(fault, _MAX_ERROR_CHARACTERS)


def _reporter(parent: TextIO) -> Callable[[float], None]:
    def report(fraction: float) -> None:
        _write_line(parent, {"fraction": min(max(fraction, 0.0), 1.0)})

    return throttled(report, _REPORT_INTERVAL_S)


def _cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _reset_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _peak_rss_bytes() -> int:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
