"""The faults of a job: what its process answers for an error that is none, and what its parent makes of a death."""

from __future__ import annotations

import errno
import signal
from collections.abc import Iterator
from dataclasses import dataclass

from infra.base.machine import MACHINE_ERRNOS
from infra.base.memory import MIB
from schemas.faults import Fault, Poison, Retryable, storage_fault

_MEMORY_TEXTS = (
    *("cannot allocate memory", "can't start new thread", "bad_alloc", "insufficient memory", "out of memory"),
    *("failed to allocate", "failed to map segment", "memory allocation", "allocation failure", "memoryerror"),
)
# The exit codes of native code that lacks memory; some libraries end the process with 1.
_CRASHES = frozenset({1, -signal.SIGABRT, -signal.SIGSEGV, -signal.SIGTRAP, -signal.SIGBUS, -signal.SIGILL})
_NEAR_LIMIT = 0.85


@dataclass(frozen=True)
class RunningJob:
    """A job in a step process, and its limits. `is_first`: the process has done no other job before."""

    name: str
    memory_mb: int
    timeout_s: float
    is_first: bool

    def is_near_limit(self, private_bytes: int) -> bool:
        """Return whether so much private memory is near the limit."""
        return private_bytes >= _NEAR_LIMIT * self.memory_mb * MIB

    def out_of_memory(self) -> Fault:
        """Return the fault of reaching the limit of memory; another attempt has more only after other jobs."""
        message = f"the step {self.name} needs more than its {self.memory_mb} MiB of memory; give a smaller file"
        return (Poison if self.is_first else Retryable)(message, reason="out_of_memory")

    def timed_out(self) -> Retryable:
        """Return the fault of a job that did not end in time."""
        message = f"the step {self.name} did not finish within {self.timeout_s:.0f} s and was stopped"
        return Retryable(message, reason="timeout")


def fault_of(error: Exception, job: RunningJob, private_bytes: int = 0) -> Fault:
    """Return the fault of an error; without a path, which readers of the event must not see: the log has it all.

    `private_bytes`: the memory of the process when the error was caught. Near the limit, unexpected errors and those of
    the machine are taken for a lack of memory: some libraries raise only what follows from it.
    """
    if isinstance(error, Fault):
        return job.out_of_memory() if error.reason == "storage" and job.is_near_limit(private_bytes) else error
    if any(map(_is_memory_error, _chain(error))) or job.is_near_limit(private_bytes):
        return job.out_of_memory()
    if isinstance(error, OSError):
        return _system_fault(error, job)
    return Retryable(f"{type(error).__name__}: {error}", reason="unexpected")


def _system_fault(error: OSError, job: RunningJob) -> Fault:
    message = f"{type(error).__name__}: {error.strerror or 'no reason given'}"
    if error.errno == errno.EFBIG:
        return Poison(f"the step {job.name} would write a file that is too large; give a shorter file", "too_large")
    return storage_fault(message, error.errno) if error.errno in MACHINE_ERRNOS else Retryable(message, "unexpected")


@dataclass(frozen=True)
class Death:
    """How a step process ended.

    `code`: its exit code, negative for a signal. `errors`: the end of its standard error. `near_limit`: whether its
    memory was near its limit. `oom_killed`: whether the kernel has ended a process for want of memory meanwhile.
    """

    code: int | None
    errors: str
    near_limit: bool
    oom_killed: bool


def fault_of_death(death: Death, job: RunningJob) -> Fault:
    """Return the fault of a job whose process died."""
    number = -(death.code or 0)
    if number == signal.SIGKILL and death.oom_killed:
        return Retryable(
            f"the machine has too little memory for the step {job.name}: set a smaller BACHATA_STEP_PROCESSES",
            reason="out_of_memory",
        )
    if death.code in _CRASHES and (death.near_limit or _names_memory(death.errors)):
        return job.out_of_memory()
    if number == signal.SIGXCPU:
        return job.timed_out()
    return Retryable(f"the process of the step {job.name} died ({_description(death.code)}), see the log", "child_died")


def _is_memory_error(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM or _names_memory(str(error))


def _names_memory(text: str) -> bool:
    return any(part in text.lower() for part in _MEMORY_TEXTS)


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _description(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    return signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
