"""Virtual time: an event loop that jumps to its next timer, and processes on it that can be killed at any await.

`install` must run before the program is imported: from then on the functions of `time` return the time of the loop that
runs, plus the error of the clock of the process that asks. Everything on the loop is deterministic: no file descriptor,
no thread, and tasks and futures in sets are ordered by their number.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from itertools import count
from typing import Any

EPOCH_S = 1_800_000_000.0
_MAX_THREAD_DELAY_S = 0.005
_ROUND_S = (
    50e-6  # a round of the loop takes time, as on a processor: what polls without a pause does not stop the clock
)
_real = {name: getattr(time, name) for name in ("time", "monotonic", "perf_counter", "time_ns")}
_loop: VirtualLoop | None = None


class Process:
    """A process of the simulation. `clock_error_s`: how far its wall clock is ahead. Signals call their handlers."""

    def __init__(self, name: str, clock_error_s: float = 0.0) -> None:
        self.name = name
        self.clock_error_s = clock_error_s
        self.alive = True
        self.signal_handlers: dict[int, Callable[[], object]] = {}
        self.context: Context = copy_context()
        self.context.run(_process.set, self)


_process: ContextVar[Process | None] = ContextVar("_process", default=None)
NO_PROCESS = copy_context()  # of the broker and the network: it survives every kill


class Deadlock(Exception):  # noqa: N818
    """Nothing is left to run."""


class _Selector:
    """Waits for nothing but time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Deadlock
        self._loop.now += max(_ROUND_S, timeout)
        return []

    def close(self) -> None:
        """Do nothing."""


_numbers = count()


class _Future(asyncio.Future[Any]):
    """A future whose place in a set does not depend on its address."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._number = next(_numbers)

    def __hash__(self) -> int:
        return self._number


class _Task(asyncio.Task[Any]):
    """A task whose place in a set does not depend on its address."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._number = next(_numbers)
        super().__init__(*arguments, **options)

    def __hash__(self) -> int:
        return self._number


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose time is a number: it passes only while nothing is ready."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.now = 1000.0
        self.rng = rng
        self._selector = _Selector(self)
        self._clock_resolution = 1e-6
        self.set_task_factory(lambda loop, coroutine, **options: _Task(coroutine, loop=loop, **options))

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self.now

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future whose hash is its number."""
        return _Future(loop=self)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Call a function after a short time, on the loop itself."""
        future = self.create_future()
        self.call_later(self.rng.uniform(0, _MAX_THREAD_DELAY_S), _complete, future, func, args)
        return future

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:  # type: ignore[override]
        """Store the handler in the process that sets it."""
        process = _process.get()
        assert process is not None
        process.signal_handlers[sig] = lambda: callback(*args)

    def spawn(self, process: Process, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine in a process."""
        return self.create_task(coroutine, context=process.context.copy())

    def kill(self, process: Process) -> None:
        """Run nothing of a process from now on, not even what it would do at its end."""
        process.alive = False
        for handle in (*self._ready, *self._scheduled):  # type: ignore[attr-defined]
            if handle._context is not None and handle._context.get(_process) is process:
                handle.cancel()

    def drop_all(self) -> None:
        """Forget everything that is scheduled."""
        self._ready.clear()  # type: ignore[attr-defined]
        self._scheduled.clear()  # type: ignore[attr-defined]

    def call_outside(self, delay_s: float, callback: Callable[..., object], *args: Any) -> None:
        """Call a function after `delay_s` in no process."""
        self.call_later(delay_s, callback, *args, context=NO_PROCESS)

    def _process_events(self, event_list: Any) -> None:
        """Do nothing: there are no file descriptors."""

    def _write_to_self(self) -> None:
        """Do nothing: there are no other threads."""


def _complete(future: asyncio.Future[Any], func: Callable[..., Any], args: tuple[Any, ...]) -> None:
    if future.done():
        return
    try:
        future.set_result(func(*args))
    except Exception as error:  # noqa: BLE001 - passed on to the caller
        future.set_exception(error)


def install() -> None:
    """Replace the functions of `time`; without a running simulation they return real time."""
    time.time = _wall_time
    time.time_ns = lambda: int(_wall_time() * 1e9)
    time.monotonic = time.perf_counter = _monotonic


def cpu_time() -> float:
    """Return the processor time of this program in seconds."""
    return time.process_time()


def current_process() -> Process | None:
    """Return the process that runs, or None outside of all."""
    return _process.get()


def use(loop: VirtualLoop | None) -> None:
    """Set the loop whose time the functions of `time` return; None: real time."""
    global _loop  # noqa: PLW0603 - the functions of `time` are global, too
    _loop = loop


def _monotonic() -> float:
    return float(_real["monotonic"]()) if _loop is None else _loop.now


def _wall_time() -> float:
    if _loop is None:
        return float(_real["time"]())
    process = _process.get()
    return EPOCH_S + _loop.now + (process.clock_error_s if process is not None else 0.0)
