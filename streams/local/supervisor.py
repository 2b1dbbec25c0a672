"""A keeper runs in the background and keeps one service alive while anyone holds a lease on it.

    python -m streams.local.supervisor kafka     the local Kafka
    python -m streams.local.supervisor worker    a worker, started again when it dies

A keeper's child dies with it, and the keeper ends when the last lease does, so nothing is ever left behind.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from types import FrameType
from typing import IO, cast

from infra.kafka_jars import ensure_jars
from infra.local_kafka import LocalKafka, find_java, installed_warm_up
from infra.logs import set_up_logs
from infra.settings import Settings, load_settings
from schemas.faults import Fault
from streams.local.service_files import Role, ServiceFiles
from streams.local.services import start_supervisor

log = logging.getLogger(__name__)
_LOOK_EVERY_S = 0.25
_RESTART_AFTER_S = 1.0
_STOP_WITHIN_S = 30.0


class _Supervisor:
    """What both keepers do: look after the service until told to stop or nobody needs it."""

    def __init__(self, settings: Settings, role: Role) -> None:
        self.settings = settings
        self.desk = ServiceFiles(settings.run_dir, role)
        self.told = threading.Event()

    def keep(self) -> int:
        own = self.desk.become_supervisor()
        if own is None:
            return 0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop_now)
        closing: IO[str] | None = None
        try:
            self.start()
            while not self.told.wait(_LOOK_EVERY_S) and closing is None:
                self.look()
                closing = None if self.desk.pinned.exists() else self.desk.close_when_idle()
        finally:
            self.desk.clear()
            self.stop()
        del closing, own  # held to here: who comes now waits until everything has stopped
        return 0

    def start(self) -> None:
        raise NotImplementedError

    def look(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def _stop_now(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.told.set()


class KafkaSupervisor(_Supervisor):
    """Keeps the local Kafka."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "kafka")
        self._kafka: LocalKafka | None = None

    def start(self) -> None:
        if self._kafka is None:
            class_path = ensure_jars(self.settings.user_cache_dir, log.info)
            self._kafka = LocalKafka(self.settings.kafka_dir, class_path, find_java(), installed_warm_up(class_path))
        self.desk.write({"pid": os.getpid(), "bootstrap": self._kafka.start()})

    def look(self) -> None:
        if self._kafka is not None and self._kafka.pid is None:
            log.warning("Kafka died and is started again")
            self._kafka.stop()
            self.start()

    def stop(self) -> None:
        if self._kafka is not None:
            self._kafka.stop()


class WorkerSupervisor(_Supervisor):
    """Keeps a worker, whose Kafka it holds a lease on."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "worker")
        self._kafka = ServiceFiles(settings.run_dir, "kafka")
        self._lease: IO[str] | None = None
        self._worker: subprocess.Popen[bytes] | None = None
        self._kafka_keeper: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self.settings.kafka is None:
            self._lease = self._kafka.lease()
        self._spawn()
        self.desk.write({"pid": os.getpid()})

    def look(self) -> None:
        self._look_after_kafka()
        worker = cast("subprocess.Popen[bytes]", self._worker)
        if worker.poll() is not None:
            log.warning("the worker ended with %s and is started again", worker.returncode)
            self.told.wait(_RESTART_AFTER_S)
            self._spawn()

    def stop(self) -> None:
        if self._worker is not None:
            _end(self._worker)
        if self._lease is not None:
            self._lease.close()

    def _look_after_kafka(self) -> None:
        """The worker cannot do without it, whoever started it first; one that fails is tried again after a pause."""
        if self.settings.kafka is not None:
            return
        if self._kafka_keeper is not None and self._kafka_keeper.poll() is not None:
            self.told.wait(_RESTART_AFTER_S)
            self._kafka_keeper = None
        if self._kafka_keeper is None:
            self._kafka_keeper = start_supervisor(self.settings, "kafka")

    def _spawn(self) -> None:
        self._worker = subprocess.Popen([sys.executable, "-P", "-m", "streams.worker", str(os.getpid())])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> int:
    """Keep the service that the command line names."""
    set_up_logs()
    settings = load_settings()
    keeper: _Supervisor = KafkaSupervisor(settings) if sys.argv[1] == "kafka" else WorkerSupervisor(settings)
    try:
        return keeper.keep()
    except Fault as fault:
        log.error("%s", fault)  # noqa: TRY400 - one line for a person
        return 1


if __name__ == "__main__":
    sys.exit(main())
