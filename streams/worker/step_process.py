"""A process that does jobs: takes one JSON object a line, answers lines of progress and one with the result.

It dies with its parent, has a limit on memory and files, and prints nothing of its own on the line to its parent.
"""

from __future__ import annotations

import json
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
from schemas.faults import Fault, Retryable, storage_fault, to_json
from streams.tools import tools_for

_MEMORY_LIMIT_BYTES = 12 << 30  # of address space: models and codecs map far more than they touch
_OPEN_FILES = 512
_REPORT_EVERY_S = 0.3
_MAX_ERROR_CHARACTERS = 500


def main() -> None:
    """Serve until the line ends."""
    die_with_parent(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit(resource.RLIMIT_AS, _MEMORY_LIMIT_BYTES)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    os.nice(5)  # the worker's heartbeats come first
    answers = _own_stdout()
    for line in sys.stdin:
        _say(answers, _serve(json.loads(line), answers))


def _limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


def _own_stdout() -> TextIO:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _say(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def _serve(task: dict[str, Any], answers: TextIO) -> dict[str, Any]:
    _reset_peak()
    started = _cpu_seconds()
    message = _work(task, answers)
    return message | {"cpu_seconds": _cpu_seconds() - started, "peak_rss_bytes": _peak_rss_bytes()}


def _work(task: dict[str, Any], answers: TextIO) -> dict[str, Any]:
    from streams.steps import JOB_BY_NAME

    job = JOB_BY_NAME[task["job"]]
    try:
        job_input = job.takes.model_validate_json(task["input"])
        result = job.work(job_input, replace(tools_for(), report=_reporter(answers)))
    except Fault as fault:
        return to_json(fault)
    except MemoryError:
        return _unexpected(Retryable("the step ran out of memory", reason="out_of_memory"))
    except OSError as error:
        return _unexpected(_system_fault(error))
    except Exception as error:  # noqa: BLE001 - nothing escapes: a bug in a step is a fault of that event
        return _unexpected(Retryable(f"{type(error).__name__}: {error}", reason="unexpected"))
    return {"result": result.model_dump_json()}


def _system_fault(error: OSError) -> Fault:
    """The fault without the path, which is none of the event's readers' business; the log has all of it."""
    message = f"{type(error).__name__}: {error.strerror or 'no reason given'}"
    return storage_fault(message, error.errno) if error.errno in MACHINE_ERRNOS else Retryable(message, "unexpected")


def _unexpected(fault: Fault) -> dict[str, Any]:
    import traceback

    traceback.print_exc(file=sys.stderr)
    return to_json(fault, _MAX_ERROR_CHARACTERS)


def _reporter(answers: TextIO) -> Callable[[float], None]:
    def report(fraction: float) -> None:
        _say(answers, {"fraction": min(max(fraction, 0.0), 1.0)})

    return throttled(report, _REPORT_EVERY_S)


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


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
