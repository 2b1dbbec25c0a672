"""Run a data folder, a Kafka and workers as processes, all of which can be killed and restarted."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from infra.kafka_connection import KafkaConnection
from infra.kafka_jars import ensure_jars
from infra.local_kafka import LocalKafka, find_java, installed_startup_cache
from infra.settings import load_settings
from streams.topics import specs
from streams.worker.create_topics import ensure_topics
from tests.kafka_settings import kafka_settings
from tests.paths import DEMO, PROJECT

REAL_STEPS = "streams.worker"
COUNTING = "tests.chaos.counting_worker"
_READY_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 60.0
_POLL_INTERVAL_S = 0.05
_RESTART_INTERVAL_S = 0.5


class Cluster:
    """A folder with its Kafka and `workers` slots for workers that run `program`; the context stops all of them.

    A slot keeps its number when its worker is restarted. Every start writes its own log below `logs`. `kafka` replaces
    the local Kafka.
    """

    def __init__(self, folder: Path, program: str, workers: int = 2, kafka: Any = None) -> None:
        self.data = folder / "data"
        self.logs = folder / "logs"
        self.songs = self.data / "songs"
        self.slots = range(workers)
        self.kafka = KafkaConnection("")
        self.extra_env: dict[str, str] = {}  # environment variables for workers started from now on
        self._folder = folder
        self._program = program
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._starts = 0
        self._created_at = time.monotonic()
        self._stopping: set[int] = set()
        self._kafka = kafka or _local_kafka(self.data / "kafka")

    def __enter__(self) -> Cluster:
        self.songs.mkdir(parents=True)
        self.logs.mkdir()
        self.kafka = self._kafka.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            _kill(process)
        self._kafka.stop()
        if error is not None:
            print(f"the data are in {self._folder}, the workers' logs in {self.logs}")

    def log_event(self, text: str) -> None:
        """Print an event with the seconds since the cluster was created."""
        print(f"{time.monotonic() - self._created_at:7.1f} s  {text}")

    def start(self, slot: int) -> None:
        """Start the slot's worker; it must not be running."""
        self._starts += 1
        self._stopping.discard(slot)
        command = [sys.executable, "-P", "-m", self._program, str(os.getpid())]
        with (self.logs / f"worker-{slot}-{self._starts:03d}.log").open("wb") as log:
            self._processes[slot] = subprocess.Popen(
                command, cwd=self._folder, env=self._env(slot), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def start_all(self) -> None:
        """Create the topics, start all workers and wait until they are ready."""
        await ensure_topics(self.kafka, specs())
        for slot in self.slots:
            self.start(slot)
            await self.ready(slot)

    async def ready(self, slot: int) -> None:
        """Return when the slot's worker reports that it is ready."""
        process = self._processes[slot]
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not await asyncio.to_thread(self._is_ready, process.pid):
            assert process.poll() is None, f"worker {slot} exited at its start with {process.returncode}: {self.logs}"
            assert time.monotonic() < deadline, f"worker {slot} was not ready in {_READY_TIMEOUT_S:.0f} s: {self.logs}"
            await asyncio.sleep(_POLL_INTERVAL_S)

    def kill(self, slot: int) -> float:
        """Kill the slot's worker with SIGKILL; return the time, in seconds since the epoch."""
        killed_at = time.time()
        _kill(self._processes[slot])
        return killed_at

    def kill_child(self, slot: int, which: int) -> float | None:
        """Kill one of the worker's children with SIGKILL; return the time, or None if it has none."""
        children = _children(self._processes[slot].pid)
        if not children:
            return None
        killed_at = time.time()
        children[which % len(children)].kill()
        return killed_at

    async def stop(self, slot: int) -> int:
        """Stop the slot's worker with SIGTERM; return its exit code, -9 where it had to be killed."""
        process = self._processes[slot]
        self._stopping.add(slot)
        process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.to_thread(process.wait, _STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            _kill(process)
            return -signal.SIGKILL

    def pid(self, slot: int) -> int:
        """Return the process id of the slot's worker."""
        return self._processes[slot].pid

    def restart_crashed(self) -> list[int]:
        """Restart the workers that ended without being stopped; return their slots."""
        crashed = [slot for slot, process in self._processes.items() if process.poll() is not None]
        crashed = [slot for slot in crashed if slot not in self._stopping]
        for slot in crashed:
            self.log_event(
                f"worker {slot} exited unexpectedly with {self._processes[slot].returncode}, see {self.logs}"
            )
            self.start(slot)
        return crashed

    def log_of(self, slot: int) -> str:
        """Return the output of the slot's worker since its last start."""
        return max(self.logs.glob(f"worker-{slot}-*.log")).read_text(errors="replace")

    def delete_topics(self) -> None:
        """Stop the broker, delete all its data, and start it again; no worker may run."""
        self._kafka.stop()
        shutil.rmtree(self.data / "kafka")
        self.kafka = self._kafka.start()

    @contextmanager
    def broker_down(self, *, killed: bool) -> Iterator[Path]:
        """Kill or stop the broker and yield its folder; restart it on the same port at the end of the context."""
        pid, address = self._kafka.pid, self.kafka
        assert pid is not None, "Kafka is not running"
        if killed:
            os.kill(pid, signal.SIGKILL)
        self._kafka.stop()
        yield self._kafka.folder
        self.kafka = self._kafka.start()
        assert self.kafka == address, "Kafka restarted on another port: another process uses its port"

    async def restart_kafka(self, down_s: float) -> float:
        """Kill the broker with SIGKILL and restart it after `down_s` on the same port; return the time it is back."""
        pid, address = self._kafka.pid, self.kafka
        assert pid is not None, "Kafka is not running"
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(down_s)
        self.kafka = await asyncio.to_thread(self._kafka.start)
        assert self.kafka == address, "Kafka restarted on another port: another process uses its port"
        return time.time()

    def _is_ready(self, pid: int) -> bool:
        for file in (self.data / "run").glob("worker-*.json"):
            try:
                address = json.loads(file.read_text())
                if address["pid"] == pid:
                    urllib.request.urlopen(address["url"] + "/readyz", timeout=5).close()  # noqa: S310 - our own page
                    return True
            except (OSError, ValueError):
                continue
        return False

    def _env(self, slot: int) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BACHATA_")}
        cache = {name: os.environ[name] for name in ("BACHATA_CACHE_DIR",) if name in os.environ}
        found = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
        ours = {
            "PYTHONPATH": os.pathsep.join(found),
            "BROKER_CLIENT_ID": client_id(slot),  # read by Faust; it identifies the members of the consumer group
            "BACHATA_DATA_DIR": str(self.data),
            "BACHATA_ALLOWED_ROOTS": f"{self.songs}:{DEMO}",
        }
        return inherited | cache | ours | kafka_settings(self.kafka) | self.extra_env


@asynccontextmanager
async def restarting_crashed(cluster: Cluster) -> AsyncIterator[list[int]]:
    """Restart workers that end by themselves while the context lasts; yield the list of their slots."""
    crashed: list[int] = []

    async def restart_forever() -> None:
        while True:
            crashed.extend(cluster.restart_crashed())
            await asyncio.sleep(_RESTART_INTERVAL_S)

    task = asyncio.create_task(restart_forever())
    try:
        yield crashed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _local_kafka(folder: Path) -> LocalKafka:
    class_path = ensure_jars(load_settings().cache_dir, print)
    return LocalKafka(folder, class_path, find_java(), installed_startup_cache(class_path))


def client_id(slot: int) -> str:
    """Return the client id of the slot's worker in the consumer group."""
    return f"chaos-{slot}"


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


def _children(pid: int) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(pid).children():
        try:
            if "streams.worker.step_process" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found
