"""A process that runs jobs: it reads one JSON object a line, and writes lines of progress and one with the result.

It ends with its parent, has the limits of `process_limits`, and redirects other output on stdout to stderr.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TextIO

from agents.step import throttled
from infra.base.derived_files import using_files
from infra.base.die_with_parent import adopt_orphans, die_with_parent
from infra.base.memory import memory_bytes
from infra.logs import set_up_logs
from schemas.faults import Fault, to_json
from streams.tools import process_tools
from streams.worker.job_faults import RunningJob, fault_of
from streams.worker.process_limits import (
    cpu_seconds,
    lift_memory_limit,
    limit_job,
    limit_process,
    peak_rss_bytes,
    reset_peak,
)

log = logging.getLogger(__name__)
_REPORT_INTERVAL_S = 0.3
_MAX_ERROR_CHARACTERS = 500


def main() -> None:
    """Run jobs until stdin is closed."""
    die_with_parent(int(sys.argv[1]))
    adopt_orphans()
    set_up_logs()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_process()
    os.nice(5)  # the worker's heartbeats have priority
    parent = _parent_stream()
    for line in sys.stdin:
        _write_line(parent, _serve(json.loads(line), parent))


def _parent_stream() -> TextIO:
    parent = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return parent


def _write_line(parent: TextIO, message: dict[str, Any]) -> None:
    parent.write(json.dumps(message) + "\n")
    parent.flush()


def _serve(task: dict[str, Any], parent: TextIO) -> dict[str, Any]:
    job = RunningJob(**task["job"])
    limit_job(job.memory_mb, job.timeout_s * (os.cpu_count() or 1))
    reset_peak()
    started = cpu_seconds()
    message = _work(job, task["input"], parent)
    cost = {"cpu_seconds": cpu_seconds() - started, "peak_rss_bytes": peak_rss_bytes()}
    return message | cost | {"memory_bytes": memory_bytes(os.getpid(), "VmData"), "has_children": _has_children()}


def _has_children() -> bool:
    """Return whether the job has left processes (Linux)."""
    if sys.platform != "linux":
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _work(running: RunningJob, job_input: str, parent: TextIO) -> dict[str, Any]:
    try:
        from streams.steps import JOB_BY_NAME

        job = JOB_BY_NAME[running.name]
        tools = replace(process_tools(), report=_reporter(parent))
        with using_files(tools.cache_dir):
            result = job.work(job.takes.model_validate_json(job_input), tools)
        return {"result": result.model_dump_json()}
    except Exception as error:  # noqa: BLE001 - a bug in a step is a fault of that event only
        lift_memory_limit()  # the error still holds the memory of the work, and its log needs some
        fault = fault_of(error, running, memory_bytes(os.getpid(), "VmData"))
        return to_json(fault) if fault is error else _logged(fault)


def _logged(fault: Fault) -> dict[str, Any]:
    log.warning("a job failed unexpectedly", exc_info=True)
    return to_json(fault, _MAX_ERROR_CHARACTERS)


def _reporter(parent: TextIO) -> Callable[[float], None]:
    def report(fraction: float) -> None:
        _write_line(parent, {"fraction": min(max(fraction, 0.0), 1.0)})

    return throttled(report, _REPORT_INTERVAL_S)


if __name__ == "__main__":
    main()
