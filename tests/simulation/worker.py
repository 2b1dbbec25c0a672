"""The program's own worker, complete, on the simulated network and disk.

`build_worker` composes it as in production: Faust, aiokafka, stages, outboxes, publisher, views. Replaced are only the
parts below them: connections, key-value stores, the vector engine, the page's socket, and the consumer's thread, which
becomes a task. Its steps are cheap.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiokafka.client
import faust.stores.rocksdb
import pytest
import rocksdict
from mode.threads import WorkerThread

from infra.kafka_connection import KafkaConnection
from infra.move_index.digests import Digests
from infra.settings import Settings
from streams.patches import faust_consumer, faust_tables
from streams.stage import dead_letters
from streams.views import control_store, library_store, requests, view_store
from streams.worker import build, worker
from tests.simulation import disk
from tests.simulation.clock import NO_PROCESS, Process, VirtualLoop, current_process
from tests.simulation.network import Network
from tests.simulation.steps import Work

_RESTART_S = 1.0
_KAFKA = KafkaConnection("broker:9092")


class Machine:
    """A machine with a disk, on which at most one worker runs at a time."""

    def __init__(self, name: str, folder: Path, loop: VirtualLoop, network: Network, work: Work) -> None:
        self.name = name
        self.folder = folder / name
        self.disk = disk.Disk()
        self.process: Process | None = None
        self.worker: worker.Worker | None = None
        self.ended: asyncio.Task[Any] | None = None
        self.clock_error_s = 0.0
        self._loop = loop
        self._network = network
        self._work = work
        self._starts = 0

    @property
    def running(self) -> bool:
        """Return whether its worker has not ended."""
        return self.ended is not None and not self.ended.done()

    def start(self) -> None:
        """Start a worker."""
        self._starts += 1
        self.process = Process(f"{self.name}.{self._starts}", self.clock_error_s)
        machines[self.process] = self
        self.ended = self._loop.spawn(self.process, self._run())
        self.ended.add_done_callback(self._restart, context=NO_PROCESS)

    def _restart(self, ended: asyncio.Task[Any]) -> None:
        """Start a worker again that has ended by itself, as its supervisor does."""
        if ended is self.ended and not ended.cancelled() and ended.exception() is not None:
            self._release()
            self._loop.call_outside(_RESTART_S, lambda: None if self.running else self.start())

    def stop(self) -> None:
        """Send SIGTERM to the worker; a worker that has not yet set its handler is killed."""
        assert self.process is not None
        handler = self.process.signal_handlers.get(signal.SIGTERM)
        if handler is None:
            self.kill()
        else:
            self._loop.call_soon(handler, context=self.process.context.copy())

    def kill(self) -> None:
        """Kill the worker: only what is written is left."""
        if self.process is None:
            return
        self._loop.kill(self.process)
        self._network.forget(self.process)
        self._release()
        self.ended = None

    def power_cut(self, rng: Any) -> None:
        """Cut the power: the latest writes are lost, too."""
        self.kill()
        self.disk.power_cut(rng)

    async def _run(self) -> None:
        settings = Settings(data_dir=self.folder)
        self.worker = build.build_worker(settings, _KAFKA, self._work.steps, {"thread": self._work.run})
        await self.worker.run()

    def _release(self) -> None:
        if self.worker is not None:
            self.worker.stores[-1].close()  # the lock on the folder
            self.worker = None


machines: dict[Process, Machine] = {}


def _machine() -> Machine:
    process = current_process()
    assert process is not None
    return machines[process]


class _Index:
    """A move index without moves: no simulated event changes the library."""

    is_shared = False

    def version(self) -> str:
        return Digests({}).version()

    def close(self) -> None:
        pass


class _Page:
    """The page without its socket."""

    def __init__(self, *_: Any) -> None:
        self.url = "http://worker"

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass


class _InlineThread(WorkerThread):
    """Runs a service's thread as a task of the one loop."""

    def start(self) -> None:
        service: Any = self.service
        service._gather_remaining_tasks = _nothing
        service.on_crash = lambda *_: None
        asyncio.get_running_loop().create_task(_quietly(service._serve()))

    def stop(self) -> None:
        pass


async def _nothing() -> None:
    pass


async def _quietly(serving: Any) -> None:
    try:
        await serving
    except Exception:  # noqa: BLE001 - a thread would print it
        return


class _ConsumerThread(faust_consumer._ConsumerThread):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(*arguments, **options | {"thread_loop": loop, "Worker": _InlineThread})


class _Clock(datetime):
    """The `datetime` of the dead letters, on the virtual clock."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> _Clock:
        import time

        return cls.fromtimestamp(time.time(), tz or UTC)


class _Rocks(disk.Store):
    """Opens the store of the machine that runs."""

    def __new__(cls, path: Any, *_: Any, **__: Any) -> Any:
        return _machine().disk.open(path)


@contextmanager
def replaced(network: Network) -> Iterator[None]:
    """Replace what lies below the program while a simulation runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiokafka.client, "create_conn", network.connect)
        patch.setattr(faust_consumer, "_ConsumerThread", _ConsumerThread)
        patch.setattr(faust.stores.rocksdb.RocksDBOptions, "open", lambda self, path, **_: _machine().disk.open(path))
        patch.setattr(faust.stores.rocksdb, "gc", SimpleNamespace(collect=lambda: None))
        patch.setattr(rocksdict, "WriteBatch", disk.WriteBatch)
        patch.setattr(faust_tables, "WriteBatch", disk.WriteBatch)
        for module in (requests, library_store, control_store):
            patch.setattr(module, "WriteBatch", disk.WriteBatch)
        patch.setattr(view_store, "Rdict", _Rocks)
        patch.setattr(dead_letters, "datetime", _Clock)
        patch.setattr(build, "open_index", lambda *_: _Index())
        patch.setattr(build, "Page", _Page)
        patch.setattr(worker, "gc", SimpleNamespace(collect=int, freeze=int, set_threshold=lambda *_: None))
        gc.disable()
        try:
            yield
        finally:
            machines.clear()
            gc.enable()
